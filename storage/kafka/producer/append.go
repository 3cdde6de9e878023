package producer

import "encoding/binary"

// Appender builds one record in the memory of its batch. It belongs to the
// appending goroutine and is valid until End or Abandon. The legal calls are
//
//	Value SetValue Headers? (End | Abandon)
//
// where Abandon may come at any point. As lengths precede contents in Kafka's
// format, room is left for a length as long as the previous one was; contents
// move only when the guess was wrong.
type Appender struct {
	p      *Producer
	b      *batch
	start  int // of the record
	ms     int64
	before batchMark
	width  widths
	at     int // of what is being appended, after the room for its length
	guess  int // width of that room

	headers bool // Headers was called
}

// widths are the lengths, in bytes, that lengths had in the previous record.
type widths struct{ record, value int }

// batchMark is what Abandon restores.
type batchMark struct{ firstMS, maxMS int64 }

func (a *Appender) begin(b *batch, key []byte, ms int64, w widths) {
	a.b, a.ms, a.start, a.width = b, ms, len(b.buf), w
	a.before, a.headers = batchMark{b.firstMS, b.maxMS}, false
	delta := b.stamp(ms)
	buf := append(b.buf, zeros[:a.width.record]...)
	buf = append(buf, 0) // attributes
	buf = binary.AppendVarint(buf, delta)
	buf = binary.AppendVarint(buf, int64(b.count))
	if key == nil {
		buf = append(buf, 1) // -1
	} else {
		buf = binary.AppendVarint(buf, int64(len(key)))
		buf = append(buf, key...)
	}
	b.buf = buf
}

var zeros [binary.MaxVarintLen64]byte // never written

// Value returns the slice to append the value to. It has content already, which
// must stay as it is.
func (a *Appender) Value() []byte { return a.open(a.width.value) }

// SetValue takes the slice that Value returned, with the value appended; with
// null the record's value is null.
func (a *Appender) SetValue(buf []byte, null bool) { a.width.value = a.close(buf, null) }

// Headers gives the record its n headers, which AppendHeader has encoded.
func (a *Appender) Headers(n int, encoded []byte) {
	a.b.buf = append(binary.AppendVarint(a.b.buf, int64(n)), encoded...)
	a.headers = true
}

// AppendHeader encodes a header; a nil value is null.
func AppendHeader(dst []byte, key string, value []byte) []byte {
	dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
	if value == nil {
		return append(dst, 1) // -1
	}
	return append(binary.AppendVarint(dst, int64(len(value))), value...)
}

func (a *Appender) open(width int) []byte {
	a.guess = width
	a.b.buf = append(a.b.buf, zeros[:width]...)
	a.at = len(a.b.buf)
	return a.b.buf
}

func (a *Appender) close(buf []byte, null bool) (width int) {
	if null {
		a.b.buf = append(buf[:a.at-a.guess], 1)
		return a.guess
	}
	a.b.buf, width = putLength(buf, a.at, a.guess)
	return width
}

// putLength writes the length of buf[at:] before it, where guess bytes are free,
// and moves buf[at:] when that is not the right number.
func putLength(buf []byte, at, guess int) ([]byte, int) {
	size := len(buf) - at
	width := varintLen(int64(size))
	switch {
	case width > guess:
		buf = append(buf, zeros[:width-guess]...)
		copy(buf[at+width-guess:], buf[at:at+size])
	case width < guess:
		copy(buf[at+width-guess:], buf[at:])
		buf = buf[:len(buf)+width-guess]
	}
	binary.PutVarint(buf[at-guess:at-guess+width], int64(size))
	return buf, width
}

// End finishes the record. tag is reported to Acks when the record's fate is
// known. A record that is too large is dropped, without a report, and named by
// the error, a *RecordTooLarge; other records are not affected.
func (a *Appender) End(tag uint64) error {
	if !a.headers {
		a.b.buf = append(a.b.buf, 0)
	}
	return a.p.end(tag)
}

// finish writes the record's length.
func (a *Appender) finish() widths {
	a.b.buf, a.width.record = putLength(a.b.buf, a.start+a.width.record, a.width.record)
	a.b.count++
	return a.width
}

// Abandon drops the record.
func (a *Appender) Abandon() {
	b := a.b
	b.buf = b.buf[:a.start]
	b.firstMS, b.maxMS = a.before.firstMS, a.before.maxMS
	a.b = nil
}

// takeLast cuts the record that finish completed off its batch.
func (a *Appender) takeLast() (rawRecord, error) {
	r, _, err := nextRecord(a.b.buf[a.start:])
	a.b.count--
	a.b.buf = a.b.buf[:a.start]
	a.b.firstMS, a.b.maxMS = a.before.firstMS, a.before.maxMS
	return r, err
}
