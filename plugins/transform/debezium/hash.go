package debezium

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf16"

	"github.com/millrace/millrace/plugins/data"
)

// hashCode is what Object.hashCode gives for a value in Java; ok is false for
// structs, arrays and maps.
func hashCode(s *data.Schema, v data.Value) (h int32, ok bool) {
	switch v.Kind() {
	case data.KindString:
		for _, unit := range utf16.Encode([]rune(v.Str())) {
			h = 31*h + int32(unit)
		}
		return h, true
	case data.KindBoolean:
		if v.Bool() {
			return 1231, true
		}
		return 1237, true
	case data.KindInt8, data.KindInt16, data.KindInt32:
		if s.Logical() == data.LogicalDate { // a java.util.Date
			return foldLong(v.Int() * 24 * 60 * 60 * 1000), true
		}
		return int32(v.Int()), true
	case data.KindInt64:
		return foldLong(v.Int()), true
	case data.KindFloat32:
		return int32(math.Float32bits(float32(v.Float()))), true
	case data.KindFloat64:
		return foldLong(int64(math.Float64bits(v.Float()))), true
	case data.KindBytes:
		if s.Logical() == data.LogicalDecimal {
			return decimalHash(s, v), true
		}
		h = 1 // a ByteBuffer
		raw := v.Raw()
		for i := len(raw) - 1; i >= 0; i-- {
			h = 31*h + int32(int8(raw[i]))
		}
		return h, true
	}
	return 0, false
}

func foldLong(i int64) int32 { return int32(i ^ int64(uint64(i)>>32)) }

// decimalHash is BigDecimal.hashCode: of the magnitude in words of 32 bits, with
// the sign, and the scale.
func decimalHash(s *data.Schema, v data.Value) int32 {
	scale, _ := s.Scale()
	i := data.UnscaledBig(v.Raw())
	var h int32
	mag := i.Bytes()
	for pad := (4 - len(mag)%4) % 4; pad > 0; pad-- {
		mag = append([]byte{0}, mag...)
	}
	for ; len(mag) >= 4; mag = mag[4:] {
		h = 31*h + int32(binary.BigEndian.Uint32(mag))
	}
	return 31*h*int32(i.Sign()) + int32(scale)
}

// murmur is the upper half of a 64-bit MurmurHash3 variant for x64 with the
// seed 9001 (io.debezium.util.MurmurHash3). Bytes after the last whole block
// are signed, as Java's are, which other implementations do not do.
func murmur(b []byte) int32 {
	const seed = 9001
	m := murmurState{h1: 0x9368e53c2f6af274 ^ seed, h2: 0x586dcd208f7cd3fd ^ seed, c1: 0x87c37b91114253d5, c2: 0x4cf5ad432745937f}
	rest := b
	for ; len(rest) >= 16; rest = rest[16:] {
		m.mix(binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:]))
	}
	if len(rest) > 0 {
		var k [2]uint64
		for i, c := range rest {
			k[i/8] ^= uint64(int64(int8(c))) << (8 * (i % 8))
		}
		m.mix(k[0], k[1])
	}
	m.h2 ^= uint64(len(b))
	m.h1 += m.h2
	m.h2 += m.h1
	m.h1, m.h2 = finalMix(m.h1), finalMix(m.h2)
	m.h1 += m.h2
	return int32(m.h1 >> 32)
}

type murmurState struct{ h1, h2, c1, c2 uint64 }

func (m *murmurState) mix(k1, k2 uint64) {
	m.h1 ^= bits.RotateLeft64(k1*m.c1, 23) * m.c2
	m.h1 += m.h2
	m.h2 = bits.RotateLeft64(m.h2, 41)
	m.h2 ^= bits.RotateLeft64(k2*m.c2, 23) * m.c1
	m.h2 += m.h1
	m.h1 = m.h1*3 + 0x52dce729
	m.h2 = m.h2*3 + 0x38495ab5
	m.c1 = m.c1*5 + 0x7b7d159c
	m.c2 = m.c2*5 + 0x6bce6396
}

func finalMix(k uint64) uint64 {
	k ^= k >> 33
	k *= 0xff51afd7ed558ccd
	k ^= k >> 33
	k *= 0xc4ceb9fe1a85ec53
	return k ^ k>>33
}
