package producer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Positions within a record batch of message format 2 (DefaultRecordBatch).
const (
	lengthAt      = 8  // int32, bytes after it
	magicAt       = 16 // int8
	crcAt         = 17 // uint32 over everything from attributesAt
	attributesAt  = 21 // int16
	lastDeltaAt   = 23 // int32
	firstTimeAt   = 27 // int64
	maxTimeAt     = 35 // int64
	producerIDAt  = 43 // int64
	epochAt       = 51 // int16
	sequenceAt    = 53 // int32
	countAt       = 57 // int32
	batchOverhead = 61

	transactionalBit = 1 << 4
	noSequence       = -1
)

// Tags is a range of the tags that the appending goroutine gave to records:
// First, First+1, ... First+N-1.
type Tags struct {
	First uint64
	N     uint32
}

// batch holds the records of one partition on their way to it. buf starts with
// room for the header; the records follow as they will be sent, uncompressed.
type batch struct {
	part    *partition
	buf     []byte
	count   int32
	firstMS int64 // timestamp of the first record
	maxMS   int64
	tags    []Tags
	created time.Time
	memory  int // bytes accounted for

	// Below: the sender's.
	order       uint64 // place among all batches; those up to order+span-1 are its own
	span        uint64
	txn         uint64 // number of its transaction
	lastErr     error  // of the last attempt
	seq         int32  // of the first record, or noSequence
	attempts    int
	maybeStored bool // may have been written although it failed
}

// start makes b an empty batch of part in buf's memory.
func (b *batch) start(part *partition, buf []byte, memory int) {
	*b = batch{part: part, buf: buf[:batchOverhead], tags: b.tags[:0], created: time.Now(), memory: memory, seq: noSequence}
}

// tag notes the tag of the record that was appended last.
func (b *batch) tag(t uint64) {
	if n := len(b.tags); n > 0 && b.tags[n-1].First+uint64(b.tags[n-1].N) == t {
		b.tags[n-1].N++
		return
	}
	b.tags = append(b.tags, Tags{t, 1})
}

// stamp notes the time of a record that is about to be appended and returns its
// difference to the first one's.
func (b *batch) stamp(ms int64) (delta int64) {
	if b.count == 0 {
		b.firstMS, b.maxMS = ms, ms
	}
	b.maxMS = max(b.maxMS, ms)
	return ms - b.firstMS
}

// header writes the batch header around body, the records as they are sent, into
// dst[:batchOverhead]; body must directly follow dst's header in memory.
func (b *batch) header(whole []byte, codec int16, id identity, transactional bool) {
	attributes := codec
	if transactional {
		attributes |= transactionalBit
	}
	h := whole[:batchOverhead]
	clear(h)
	binary.BigEndian.PutUint32(h[lengthAt:], uint32(len(whole)-lengthAt-4))
	binary.BigEndian.PutUint32(h[lengthAt+4:], ^uint32(0)) // partition leader epoch: unknown
	h[magicAt] = 2
	binary.BigEndian.PutUint16(h[attributesAt:], uint16(attributes))
	binary.BigEndian.PutUint32(h[lastDeltaAt:], uint32(b.count-1))
	binary.BigEndian.PutUint64(h[firstTimeAt:], uint64(b.firstMS))
	binary.BigEndian.PutUint64(h[maxTimeAt:], uint64(b.maxMS))
	binary.BigEndian.PutUint64(h[producerIDAt:], uint64(id.id))
	binary.BigEndian.PutUint16(h[epochAt:], uint16(id.epoch))
	binary.BigEndian.PutUint32(h[sequenceAt:], uint32(b.seq))
	binary.BigEndian.PutUint32(h[countAt:], uint32(b.count))
	binary.BigEndian.PutUint32(h[crcAt:], crc32.Checksum(whole[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
}

// rawRecord is one record found in a batch: rest is what follows the offset
// delta, key and value included.
type rawRecord struct {
	delta int64 // of the timestamp
	rest  []byte
}

// nextRecord cuts the first record off records.
func nextRecord(records []byte) (r rawRecord, tail []byte, err error) {
	size, n := binary.Varint(records)
	if n <= 0 || size < 3 || size > int64(len(records)-n) {
		return r, nil, fmt.Errorf("cutting a record batch into records: bad length")
	}
	body, tail := records[n:n+int(size)], records[n+int(size):]
	delta, n := binary.Varint(body[1:])
	if n <= 0 {
		return r, nil, fmt.Errorf("cutting a record batch into records: bad timestamp")
	}
	_, m := binary.Varint(body[1+n:])
	if m <= 0 {
		return r, nil, fmt.Errorf("cutting a record batch into records: bad offset")
	}
	return rawRecord{delta, body[1+n+m:]}, tail, nil
}

// key is the record's key; ok is false when it is null.
func (r rawRecord) key() (key []byte, ok bool) {
	n, w := binary.Varint(r.rest)
	if w <= 0 || n < 0 || int(n) > len(r.rest)-w {
		return nil, false
	}
	return r.rest[w : w+int(n)], true
}

// appendRaw appends a record that was cut off another batch; ms is its time.
func (b *batch) appendRaw(r rawRecord, ms int64) {
	delta := b.stamp(ms)
	size := 1 + varintLen(delta) + varintLen(int64(b.count)) + len(r.rest)
	b.buf = binary.AppendVarint(b.buf, int64(size))
	b.buf = append(b.buf, 0)
	b.buf = binary.AppendVarint(b.buf, delta)
	b.buf = binary.AppendVarint(b.buf, int64(b.count))
	b.buf = append(b.buf, r.rest...)
	b.count++
}

// absorb appends all of other's records to b.
func (b *batch) absorb(other *batch) error {
	for records := other.buf[batchOverhead:]; len(records) > 0; {
		r, tail, err := nextRecord(records)
		if err != nil {
			return err
		}
		b.appendRaw(r, other.firstMS+r.delta)
		records = tail
	}
	for _, t := range other.tags {
		b.tagRange(t)
	}
	return nil
}

func (b *batch) tagRange(t Tags) {
	if n := len(b.tags); n > 0 && b.tags[n-1].First+uint64(b.tags[n-1].N) == t.First {
		b.tags[n-1].N += t.N
		return
	}
	b.tags = append(b.tags, t)
}

// split moves the second half of b's records to tail, which is empty.
func (b *batch) split(tail *batch) error {
	keep := b.count / 2
	records, kept := b.buf[batchOverhead:], batchOverhead
	whole := *b
	b.maxMS = b.firstMS
	for i := range whole.count {
		r, rest, err := nextRecord(records)
		if err != nil {
			return err
		}
		ms := whole.firstMS + r.delta
		if i < keep {
			b.maxMS = max(b.maxMS, ms)
			kept += len(records) - len(rest)
		} else {
			tail.appendRaw(r, ms)
		}
		records = rest
	}
	b.buf, b.count = b.buf[:kept], keep
	b.tags, tail.tags = splitTags(b.tags, uint64(keep), tail.tags[:0])
	if b.seq != noSequence {
		tail.seq = addSequence(b.seq, keep)
	}
	b.span /= 2
	tail.order, tail.span = b.order+b.span, b.span
	tail.created, tail.attempts, tail.maybeStored = b.created, b.attempts, b.maybeStored
	return nil
}

// splitTags cuts tags after n records; the second part is appended to tail.
func splitTags(tags []Tags, n uint64, tail []Tags) (head, rest []Tags) {
	for i, t := range tags {
		if uint64(t.N) <= n {
			n -= uint64(t.N)
			continue
		}
		tail = append(tail, Tags{t.First + n, t.N - uint32(n)})
		tail = append(tail, tags[i+1:]...)
		if n == 0 {
			return tags[:i], tail
		}
		tags[i].N = uint32(n)
		return tags[:i+1], tail
	}
	return tags, tail
}

// firstKey is the key of the first record for a message, shortened; "" for null.
func (b *batch) firstKey() string {
	r, _, err := nextRecord(b.buf[batchOverhead:])
	if err != nil {
		return ""
	}
	key, _ := r.key()
	return shorten(key)
}

// addSequence adds n to a sequence number, which wraps to 0 after the greatest int32.
func addSequence(seq, n int32) int32 { return int32((int64(seq) + int64(n)) & 0x7fffffff) }

// varintLen is the length of v in Kafka's zig-zag encoding.
func varintLen(v int64) int {
	n := 1
	for u := uint64(v)<<1 ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
