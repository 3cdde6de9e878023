package data

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// base64Pairs are the two digits of each number of twelve bits, the first one in
// the low byte.
var base64Pairs = func() (pairs [1 << 12]uint16) {
	var digits [4]byte
	for n := range pairs {
		base64.StdEncoding.Encode(digits[:], []byte{byte(n >> 4), byte(n << 4), 0})
		pairs[n] = binary.LittleEndian.Uint16(digits[:])
	}
	return pairs
}()

// AppendBase64 appends b in base64 with padding (RFC 4648, section 4), twice as
// fast as encoding/base64, which looks up each digit.
func AppendBase64(dst, b []byte) []byte {
	start, n := len(dst), base64.StdEncoding.EncodedLen(len(b))
	dst = slices.Grow(dst, n)[:start+n]
	out := dst[start:]
	for ; len(b) >= 8; b, out = b[6:], out[8:] {
		w := binary.BigEndian.Uint64(b) // the last two bytes belong to the next round
		binary.LittleEndian.PutUint64(out, uint64(base64Pairs[w>>52])|uint64(base64Pairs[w>>40&0xFFF])<<16|
			uint64(base64Pairs[w>>28&0xFFF])<<32|uint64(base64Pairs[w>>16&0xFFF])<<48)
	}
	for ; len(b) >= 3; b, out = b[3:], out[4:] {
		w := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
		binary.LittleEndian.PutUint32(out, uint32(base64Pairs[w>>12])|uint32(base64Pairs[w&0xFFF])<<16)
	}
	switch len(b) {
	case 1:
		w := uint32(b[0]) << 4
		binary.LittleEndian.PutUint32(out, uint32(base64Pairs[w])|'='<<16|'='<<24)
	case 2:
		w := uint32(b[0])<<16 | uint32(b[1])<<8
		binary.LittleEndian.PutUint32(out, uint32(base64Pairs[w>>12])|uint32(base64Pairs[w&0xFFF]&0xFF)<<16|'='<<24)
	}
	return dst
}
