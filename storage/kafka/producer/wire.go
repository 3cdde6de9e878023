package producer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// Versions of Produce that this package speaks: 3 brought the record batch, 8 is
// the last before flexible headers. Version 9 and later add nothing that is used
// here, and 12 would need the transactions of KIP-890.
const (
	produceKey    = 0
	minProduce    = 3
	maxProduce    = 8
	zstdProduce   = 7 // first that allows zstd (KIP-110)
	acksAll       = -1
	responseLimit = 16 << 20
)

// request is one Produce request: at most one batch of each partition. The
// sender fills it, a connection writes it and adds the results.
type request struct {
	conn    *conn
	batches []*batch
	bytes   int // of the batches
	id      identity

	results    []result // one for each batch, in the same order
	throttleMS int32

	// The connection's: the encoded request, as slices of scratch and of the
	// batches' own buffers.
	scratch []byte
	cuts    []cut
	parts   net.Buffers
	joined  []byte // the parts of a small request in one piece
	version int16
	written bool // the broker may have got it
	halves  int  // written, answered; guarded by the connection
}

// cut is a place in scratch where a batch's own buffer is to be sent.
type cut struct {
	at  int
	buf []byte
}

// result is the broker's answer for one batch.
type result struct {
	code    int16
	offset  int64
	message string
}

// noAnswer is a result that the broker did not give.
const noAnswer = int16(-32000)

// encoding is how a connection encodes requests.
type encoding struct {
	version       int16
	clientID      string
	transactionID string // "" for none
	timeoutMS     int32
	codec         int16
	comp          compressor
}

// encode makes parts from the request's batches, which stand ordered by topic.
func (e *encoding) encode(r *request, correlation int32) error {
	r.version = e.version
	s := append(r.scratch[:0], 0, 0, 0, 0)
	s = binary.BigEndian.AppendUint16(s, produceKey)
	s = binary.BigEndian.AppendUint16(s, uint16(e.version))
	s = binary.BigEndian.AppendUint32(s, uint32(correlation))
	s = appendString(s, e.clientID)
	if e.transactionID == "" {
		s = append(s, 0xff, 0xff)
	} else {
		s = appendString(s, e.transactionID)
	}
	acks := int16(acksAll)
	s = binary.BigEndian.AppendUint16(s, uint16(acks))
	s = binary.BigEndian.AppendUint32(s, uint32(e.timeoutMS))
	r.cuts = r.cuts[:0]
	s, err := e.topics(s, r)
	r.scratch = s
	if err != nil {
		return err
	}
	size := len(s) - 4
	for _, c := range r.cuts {
		size += len(c.buf)
	}
	binary.BigEndian.PutUint32(s, uint32(size))
	r.slice()
	return nil
}

func (e *encoding) topics(s []byte, r *request) ([]byte, error) {
	topics := 0
	for i, b := range r.batches {
		if i == 0 || b.part.topic != r.batches[i-1].part.topic {
			topics++
		}
	}
	s = binary.BigEndian.AppendUint32(s, uint32(topics))
	for i := 0; i < len(r.batches); {
		topic, n := r.batches[i].part.topic, 1
		for i+n < len(r.batches) && r.batches[i+n].part.topic == topic {
			n++
		}
		s = appendString(s, topic.name)
		s = binary.BigEndian.AppendUint32(s, uint32(n))
		for _, b := range r.batches[i : i+n] {
			var err error
			if s, err = e.partition(s, r, b); err != nil {
				return s, err
			}
		}
		i += n
	}
	return s, nil
}

func (e *encoding) partition(s []byte, r *request, b *batch) ([]byte, error) {
	s = binary.BigEndian.AppendUint32(s, uint32(b.part.id))
	if e.comp == nil {
		b.header(b.buf, codecNone, r.id, e.transactionID != "")
		s = binary.BigEndian.AppendUint32(s, uint32(len(b.buf)))
		r.cuts = append(r.cuts, cut{len(s), b.buf})
		return s, nil
	}
	s = append(s, 0, 0, 0, 0)
	at := len(s)
	s = append(s, b.buf[:batchOverhead]...) // room; header clears it
	s, err := e.comp.compress(s, b.buf[batchOverhead:])
	if err != nil {
		return s, err
	}
	b.header(s[at:], e.codec, r.id, e.transactionID != "")
	binary.BigEndian.PutUint32(s[at-4:], uint32(len(s)-at))
	return s, nil
}

// slice lists the parts of the request in the order in which they are sent.
func (r *request) slice() {
	r.parts = r.parts[:0]
	last := 0
	for _, c := range r.cuts {
		r.parts = append(r.parts, r.scratch[last:c.at], c.buf)
		last = c.at
	}
	if last < len(r.scratch) {
		r.parts = append(r.parts, r.scratch[last:])
	}
}

// decode reads the response body to r, after the correlation id.
func (r *request) decode(body []byte, version int16) error {
	r.results = r.results[:0]
	for range r.batches {
		r.results = append(r.results, result{code: noAnswer})
	}
	d := decoder{b: body}
	for range d.count() {
		topic := d.str()
		for range d.count() {
			id, res := d.partition(version)
			r.set(topic, id, res)
		}
	}
	r.throttleMS = d.i32()
	if d.bad {
		return errors.New("the broker's answer to a Produce request is malformed")
	}
	for i, res := range r.results {
		if res.code == noAnswer {
			p := r.batches[i].part
			return fmt.Errorf("the broker's answer to a Produce request lacks partition %s-%d", p.topic.name, p.id)
		}
	}
	return nil
}

func (r *request) set(topic []byte, id int32, res result) {
	for i, b := range r.batches {
		if b.part.id == id && b.part.topic.name == string(topic) {
			r.results[i] = res
		}
	}
}

// decoder reads big-endian fields; after a short read bad is set and all
// further values are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) i16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *decoder) i32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) i64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// count reads the length of an array; each element takes at least two bytes.
func (d *decoder) count() int {
	n := int(d.i32())
	if n > len(d.b)/2 {
		d.bad, n = true, 0
	}
	return max(n, 0)
}

// str reads a string, nil for null.
func (d *decoder) str() []byte {
	n := d.i16()
	if n < 0 {
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) partition(version int16) (id int32, res result) {
	id = d.i32()
	res.code = d.i16()
	res.offset = d.i64()
	d.i64() // log append time
	if version >= 5 {
		d.i64() // log start offset
	}
	if version < 8 {
		return id, res
	}
	for range d.count() {
		d.i32() // index of a bad record
		if m := d.str(); res.message == "" {
			res.message = string(m)
		}
	}
	if m := d.str(); res.message == "" {
		res.message = string(m)
	}
	return id, res
}

func appendString(s []byte, v string) []byte {
	s = binary.BigEndian.AppendUint16(s, uint16(len(v)))
	return append(s, v...)
}
