package producer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// plainRecord is what a record should be after decoding.
type plainRecord struct {
	key, value []byte // nil for null
	ms         int64
	headers    []plainHeader
}

type plainHeader struct {
	key   string
	value []byte
}

func (r plainRecord) equal(o plainRecord) bool {
	if r.ms != o.ms || len(r.headers) != len(o.headers) || !sameBytes(r.key, o.key) || !sameBytes(r.value, o.value) {
		return false
	}
	for i, h := range r.headers {
		if h.key != o.headers[i].key || !sameBytes(h.value, o.headers[i].value) {
			return false
		}
	}
	return true
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// write appends r to b through an Appender, as the worker does.
func (r plainRecord) write(b *batch, a *Appender) {
	a.begin(b, r.key, r.ms, a.width)
	a.SetValue(append(a.Value(), r.value...), r.value == nil)
	if len(r.headers) > 0 {
		var encoded []byte
		for _, h := range r.headers {
			encoded = AppendHeader(encoded, h.key, h.value)
		}
		a.Headers(len(r.headers), encoded)
	} else {
		b.buf = append(b.buf, 0)
	}
	a.finish()
}

func testPartition(topic string, id int32) *partition {
	return &partition{topic: &Topic{name: topic}, id: id}
}

func newTestBatch(p *partition) *batch {
	b := new(batch)
	b.start(p, make([]byte, 0, batchOverhead), 0)
	return b
}

// decodeBatch reads a batch with Kafka's generated codec and checks its frame.
func decodeBatch(raw []byte) ([]plainRecord, kmsg.RecordBatch, error) {
	var k kmsg.RecordBatch
	if err := k.ReadFrom(raw); err != nil {
		return nil, k, err
	}
	if int(k.Length) != len(raw)-12 || k.Magic != 2 || k.LastOffsetDelta != k.NumRecords-1 {
		return nil, k, fmt.Errorf("bad frame: %+v", k)
	}
	if sum := crc32.Checksum(raw[attributesAt:], crc32.MakeTable(crc32.Castagnoli)); uint32(k.CRC) != sum {
		return nil, k, fmt.Errorf("crc %x, want %x", uint32(k.CRC), sum)
	}
	records, err := decompress(k.Attributes&7, k.Records)
	if err != nil {
		return nil, k, err
	}
	var out []plainRecord
	maxMS := k.FirstTimestamp
	for i := range k.NumRecords {
		var r kmsg.Record
		size, n := binary.Varint(records)
		if n <= 0 || int(size) > len(records)-n {
			return nil, k, fmt.Errorf("record %d: length %d of %d", i, size, len(records))
		}
		if err := r.ReadFrom(records[:n+int(size)]); err != nil {
			return nil, k, fmt.Errorf("record %d: %w", i, err)
		}
		records = records[n+int(size):]
		if r.OffsetDelta != i {
			return nil, k, fmt.Errorf("record %d has offset %d", i, r.OffsetDelta)
		}
		p := plainRecord{key: r.Key, value: r.Value, ms: k.FirstTimestamp + r.TimestampDelta64}
		for _, h := range r.Headers {
			p.headers = append(p.headers, plainHeader{h.Key, h.Value})
		}
		maxMS = max(maxMS, p.ms)
		out = append(out, p)
	}
	if len(records) != 0 || maxMS != k.MaxTimestamp {
		return nil, k, fmt.Errorf("%d bytes left, max timestamp %d, want %d", len(records), k.MaxTimestamp, maxMS)
	}
	return out, k, nil
}

func decompress(codec int16, b []byte) ([]byte, error) {
	switch codec {
	case codecGzip:
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case codecSnappy:
		return xerial.Decode(b)
	case codecLZ4:
		return io.ReadAll(lz4.NewReader(bytes.NewReader(b)))
	case codecZstd:
		r, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	return b, nil
}

func randomRecord(rnd *rand.Rand, most int) plainRecord {
	blob := func() []byte {
		if rnd.IntN(6) == 0 {
			return nil
		}
		b := make([]byte, rnd.IntN(1<<rnd.IntN(most)))
		for i := range b {
			b[i] = byte(rnd.IntN(7)) // compressible
		}
		return b
	}
	r := plainRecord{key: blob(), value: blob(), ms: 1700000000000 + rnd.Int64N(1<<rnd.IntN(40)) - 500}
	for range rnd.IntN(3) * rnd.IntN(2) {
		r.headers = append(r.headers, plainHeader{string(blob()), blob()})
	}
	return r
}

// checkSame compares a decoded batch with what was written.
func checkSame(t *testing.T, got, want []plainRecord) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !got[i].equal(want[i]) {
			t.Fatalf("record %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestBatchesDecodeWithKafkasCodec(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		for round := range 40 {
			b, a := newTestBatch(testPartition("t", 3)), &Appender{}
			var want []plainRecord
			for range 1 + rnd.IntN(20) {
				if rnd.IntN(4) == 0 { // a record that is given up leaves no trace
					a.begin(b, []byte("gone"), rnd.Int64(), a.width)
					a.SetValue(append(a.Value(), "half"...), false)
					a.Abandon()
				}
				r := randomRecord(rnd, 14)
				r.write(b, a)
				want = append(want, r)
			}
			b.seq = 77
			raw := encodeOne(t, name, b, identity{5, 6}, "")
			got, k, err := decodeBatch(raw)
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			if k.ProducerID != 5 || k.ProducerEpoch != 6 || k.FirstSequence != 77 || int(k.Attributes) != codec {
				t.Fatalf("%s: header %+v", name, k)
			}
			checkSame(t, got, want)
		}
	}
}

// encodeOne encodes a request with one batch and returns the batch as sent.
func encodeOne(t *testing.T, codec string, b *batch, id identity, txn string) []byte {
	t.Helper()
	number, err := codecOf(codec)
	if err != nil {
		t.Fatal(err)
	}
	comp, err := newCompressor(number, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := encoding{version: 8, clientID: "me", transactionID: txn, timeoutMS: 1234, codec: number, comp: comp}
	req := decodeRequest(t, &e, &request{batches: []*batch{b}, id: id})
	if req.Acks != -1 || req.TimeoutMillis != 1234 || (req.TransactionID == nil) != (txn == "") {
		t.Fatalf("request %+v", req)
	}
	return req.Topics[0].Partitions[0].Records
}

func decodeRequest(t *testing.T, e *encoding, r *request) *kmsg.ProduceRequest {
	t.Helper()
	if err := e.encode(r, 9); err != nil {
		t.Fatal(err)
	}
	raw := bytes.Join(r.parts, nil)
	if size := binary.BigEndian.Uint32(raw); int(size) != len(raw)-4 {
		t.Fatalf("size %d, want %d", size, len(raw)-4)
	}
	wantHead := []byte{0, 0, 0, byte(e.version), 0, 0, 0, 9, 0, byte(len(e.clientID))}
	if !bytes.HasPrefix(raw[4:], append(wantHead, e.clientID...)) {
		t.Fatalf("request header % x", raw[:24])
	}
	req := kmsg.NewPtrProduceRequest()
	req.Version = e.version
	if err := req.ReadFrom(raw[4+len(wantHead)+len(e.clientID):]); err != nil {
		t.Fatal(err)
	}
	return req
}

func TestRequestGroupsTopics(t *testing.T) {
	x, y := &Topic{name: "x"}, &Topic{name: "y"}
	r := &request{}
	for _, p := range []*partition{{topic: x, id: 0}, {topic: x, id: 7}, {topic: y, id: 1}} {
		b := newTestBatch(p)
		plainRecord{value: []byte{byte(p.id)}}.write(b, &Appender{})
		r.batches = append(r.batches, b)
	}
	for v := int16(minProduce); v <= maxProduce; v++ {
		req := decodeRequest(t, &encoding{version: v, clientID: "c", transactionID: "tx"}, r)
		if len(req.Topics) != 2 || req.Topics[0].Topic != "x" || len(req.Topics[0].Partitions) != 2 ||
			req.Topics[0].Partitions[1].Partition != 7 || req.Topics[1].Topic != "y" || *req.TransactionID != "tx" {
			t.Fatalf("v%d: %+v", v, req)
		}
		got, k, err := decodeBatch(req.Topics[1].Partitions[0].Records)
		if err != nil || len(got) != 1 || k.Attributes != transactionalBit || k.FirstSequence != -1 {
			t.Fatalf("v%d: %v %+v %v", v, got, k, err)
		}
	}
}

func TestDecodeResponse(t *testing.T) {
	text := "too big"
	for v := int16(minProduce); v <= maxProduce; v++ {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version, resp.ThrottleMillis = v, 12
		for _, name := range []string{"y", "x"} { // brokers need not keep the order
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic = name
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode, p.BaseOffset, p.ErrorMessage = 3, int16(len(name)*10), 99, &text
			if name == "x" {
				p.ErrorCode = 0
			}
			topic.Partitions = append(topic.Partitions, p)
			resp.Topics = append(resp.Topics, topic)
		}
		r := &request{batches: []*batch{newTestBatch(testPartition("x", 3)), newTestBatch(testPartition("y", 3))}}
		if err := r.decode(resp.AppendTo(nil), v); err != nil {
			t.Fatalf("v%d: %v", v, err)
		}
		if r.results[0].code != 0 || r.results[1].code != 10 || r.results[1].offset != 99 || r.throttleMS != 12 {
			t.Fatalf("v%d: %+v", v, r.results)
		}
		if v >= 8 && r.results[1].message != text {
			t.Fatalf("message %q", r.results[1].message)
		}
		r.batches = append(r.batches, newTestBatch(testPartition("z", 0)))
		if err := r.decode(resp.AppendTo(nil), v); err == nil {
			t.Fatal("an answer that lacks a partition was accepted")
		}
	}
}

func TestSplitAndAbsorbKeepRecordsAndTags(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		b, a := newTestBatch(testPartition("t", 0)), &Appender{}
		var want []plainRecord
		var tags []uint64
		tag := rnd.Uint64N(10)
		for range 2 + rnd.IntN(30) {
			r := randomRecord(rnd, 9)
			r.write(b, a)
			want = append(want, r)
			tag += 1 + rnd.Uint64N(2)
			b.tag(tag)
			tags = append(tags, tag)
		}
		b.seq = math.MaxInt32 - 3
		tail := newTestBatch(b.part)
		if err := b.split(tail); err != nil {
			t.Fatal(err)
		}
		half := len(want) / 2
		checkBatch(t, b, want[:half], tags[:half])
		checkBatch(t, tail, want[half:], tags[half:])
		if tail.seq != addSequence(b.seq, b.count) || tail.seq < 0 {
			t.Fatalf("sequence %d after %d + %d", tail.seq, b.seq, b.count)
		}
		if err := b.absorb(tail); err != nil {
			t.Fatal(err)
		}
		checkBatch(t, b, want, tags)
	}
}

func checkBatch(t *testing.T, b *batch, want []plainRecord, tags []uint64) {
	t.Helper()
	got, _, err := decodeBatch(encodeOne(t, "none", b, identity{1, 1}, ""))
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, got, want)
	var flat []uint64
	for _, r := range b.tags {
		for i := range uint64(r.N) {
			flat = append(flat, r.First+i)
		}
	}
	if fmt.Sprint(flat) != fmt.Sprint(tags) {
		t.Fatalf("tags %v, want %v", flat, tags)
	}
}

func TestMurmur2IsJavas(t *testing.T) {
	// From Kafka's own test of Utils.murmur2.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), "header", int64(5), uint8(3))
	f.Add([]byte{}, bytes.Repeat([]byte{7}, 9000), "", int64(-1<<62), uint8(0))
	f.Fuzz(func(t *testing.T, key, value []byte, header string, ms int64, n uint8) {
		if len(header) > 30000 {
			return
		}
		b, a := newTestBatch(testPartition("t", 0)), &Appender{}
		var want []plainRecord
		for i := range n%20 + 1 {
			r := plainRecord{key: key, value: value, ms: ms / 2}
			if i%3 == 1 {
				r.headers = []plainHeader{{header, value}, {header, nil}}
				r.key = nil
			}
			if i%3 == 2 {
				r.value, r.ms = key, ms/3
			}
			r.write(b, a)
			want = append(want, r)
		}
		got, _, err := decodeBatch(encodeOne(t, "none", b, identity{1, 0}, ""))
		if err != nil {
			t.Fatal(err)
		}
		checkSame(t, got, want)
	})
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, int16(8))
	f.Fuzz(func(t *testing.T, body []byte, version int16) {
		r := &request{batches: []*batch{newTestBatch(testPartition("t", 0))}}
		if r.decode(body, version) == nil && r.results[0].code == noAnswer {
			t.Fatal("an answer without the partition was accepted")
		}
	})
}
