package offset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The file of standalone workers holds a java.util.HashMap<byte[], byte[]> in
// Java's object serialization format (FileOffsetBackingStore), so that Java and
// this worker can take over each other's files:
//
//	stream    AC ED 00 05, object
//	object    73, class description, fields, block data, key, value, ..., 78
//	class     72, name, serial version, flags 03, fields loadFactor and threshold
//	block     77 08, number of buckets, number of entries
//	key       75, class description of byte[] or a reference to it, length, bytes
//	value     as key, or 70 for null
var (
	hashMapHead = []byte("\xac\xed\x00\x05\x73\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\nloadFactorI\x00\tthresholdxp")
	byteArray   = []byte("\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00xp")
	// byteArrayRef refers to the description of byte[] by the handle that it gets
	// in this stream: after those of HashMap's description and the map itself.
	byteArrayRef = []byte("\x71\x00\x7e\x00\x02")
)

const (
	tcNull      = 0x70
	tcArray     = 0x75
	tcBlockData = 0x77
	tcEndBlock  = 0x78
)

// encodeHashMap writes entries as Java would.
func encodeHashMap(entries []entry) []byte {
	buckets := int32(16)
	for float64(len(entries)) > 0.75*float64(buckets) {
		buckets *= 2
	}
	b := bytes.Clone(hashMapHead)
	b = append(b, 0x3f, 0x40, 0, 0) // the load factor 0.75
	b = binary.BigEndian.AppendUint32(b, uint32(float64(buckets)*0.75))
	b = append(b, tcBlockData, 8)
	b = binary.BigEndian.AppendUint32(b, uint32(buckets))
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries)))
	class := byteArray
	array := func(v []byte) {
		if v == nil {
			b = append(b, tcNull)
			return
		}
		b = append(append(b, tcArray), class...)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		class = byteArrayRef
	}
	for _, e := range entries {
		array(e.key)
		array(e.value)
	}
	return append(b, tcEndBlock)
}

// errNotHashMap says that a file is something else.
var errNotHashMap = errors.New("not a serialized java.util.HashMap of byte arrays")

// decodeHashMap reads what Java or encodeHashMap wrote. An empty file is an empty
// map: Java leaves one when it dies while writing.
func decodeHashMap(b []byte) ([]entry, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if !bytes.HasPrefix(b, hashMapHead) {
		return nil, errNotHashMap
	}
	d := javaReader{rest: b[len(hashMapHead):]}
	d.take(8) // load factor and threshold
	if head := d.take(2); d.failed || head[0] != tcBlockData || head[1] != 8 {
		return nil, errNotHashMap
	}
	d.take(4) // number of buckets
	n := d.number()
	var entries []entry
	for i := 0; i < n && !d.failed; i++ {
		entries = append(entries, entry{key: d.array(), value: d.array()})
	}
	if d.failed {
		return nil, fmt.Errorf("the serialized HashMap breaks off after %d of %d entries", max(len(entries)-1, 0), n)
	}
	return entries, nil
}

// javaReader reads parts of a stream; failed is set at the first that is missing.
type javaReader struct {
	rest   []byte
	failed bool
}

func (d *javaReader) take(n int) []byte {
	if d.failed || n < 0 || n > len(d.rest) {
		d.failed = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *javaReader) number() int {
	b := d.take(4)
	if d.failed {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(b)))
}

// array reads a byte array or null.
func (d *javaReader) array() []byte {
	tag := d.take(1)
	switch {
	case d.failed, tag[0] == tcNull:
		return nil
	case tag[0] != tcArray:
		d.failed = true
		return nil
	case bytes.HasPrefix(d.rest, byteArray):
		d.take(len(byteArray))
	case bytes.HasPrefix(d.rest, byteArrayRef):
		d.take(len(byteArrayRef))
	default:
		d.failed = true
		return nil
	}
	b := d.take(d.number())
	if d.failed {
		return nil
	}
	return append([]byte{}, b...)
}
