package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Positions within a record batch of message format 2.
const (
	batchLengthAt   = 8
	batchLeaderAt   = 12
	batchCRCAt      = 17
	batchAttributes = 21
	batchProducerAt = 43
	batchEpochAt    = 51
	batchSequenceAt = 53
	batchCountAt    = 57
	batchOverhead   = 61
)

const (
	sampleBytes     = 32 << 20
	ceilingInFlight = 5
	correlationAt   = 8 // in a request with its length
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ceiling is a producer without work: it sends requests that were made before, idempotent and with acks=all. For a batch only
// its sequence number is new, and its checksum, which covers that.
type ceiling struct {
	conn     *wire
	requests []readyRequest
	producer int64
	epoch    int16
}

// readyRequest is a Produce request with its batch, in one piece.
type readyRequest struct {
	frame, batch []byte // batch is the end of frame
	records      int32
}

// newCeiling takes a sample of the batches of a topic, from an offset on, and makes requests to another topic of them.
func newCeiling(ctx context.Context, address, from string, offset int64, to string) (*ceiling, error) {
	conn, err := dialWire(ctx, address)
	if err != nil {
		return nil, err
	}
	c := &ceiling{conn: conn}
	if err := c.prepare(from, offset, to); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *ceiling) close() { _ = c.conn.Close() } // all answers are there

func (c *ceiling) prepare(from string, offset int64, to string) error {
	batches, err := c.conn.sample(from, offset)
	if err != nil {
		return fmt.Errorf("reading batches of topic %s: %w", from, err)
	}
	id := kmsg.NewPtrInitProducerIDRequest()
	id.SetVersion(4)
	id.TransactionTimeoutMillis = 60_000
	id.ProducerID, id.ProducerEpoch = -1, -1
	answer := id.ResponseKind().(*kmsg.InitProducerIDResponse)
	if err := c.conn.ask(id, answer); err != nil {
		return err
	}
	if answer.ErrorCode != 0 {
		return fmt.Errorf("taking a producer id: error %d", answer.ErrorCode)
	}
	c.producer, c.epoch = answer.ProducerID, answer.ProducerEpoch
	for _, b := range largest(batches) {
		c.requests = append(c.requests, newReadyRequest(to, b))
	}
	return nil
}

// largest leaves the batches out that are less than half as large as the largest: those of the beginning and the end.
func largest(batches [][]byte) [][]byte {
	most := 0
	for _, b := range batches {
		most = max(most, len(b))
	}
	var out [][]byte
	for _, b := range batches {
		if 2*len(b) >= most {
			out = append(out, b)
		}
	}
	return out
}

func newReadyRequest(topic string, batch []byte) readyRequest {
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = batch
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ProduceRequestTopicPartition{partition}
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(8) // nothing follows the batch, as in later versions
	request.Acks, request.TimeoutMillis, request.Topics = -1, 30_000, []kmsg.ProduceRequestTopic{t}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("ceiling")).AppendRequest(nil, request, 0)
	r := readyRequest{frame: frame, batch: frame[len(frame)-len(batch):], records: int32(binary.BigEndian.Uint32(batch[batchCountAt:]))}
	clear(r.batch[:batchLengthAt])                               // offset
	binary.BigEndian.PutUint32(r.batch[batchLeaderAt:], 1<<32-1) // leader's epoch: unknown
	return r
}

// stamp makes a request that of the next sequence number.
func (c *ceiling) stamp(r readyRequest, correlation, sequence int32) {
	binary.BigEndian.PutUint32(r.frame[correlationAt:], uint32(correlation))
	binary.BigEndian.PutUint64(r.batch[batchProducerAt:], uint64(c.producer))
	binary.BigEndian.PutUint16(r.batch[batchEpochAt:], uint16(c.epoch))
	binary.BigEndian.PutUint32(r.batch[batchSequenceAt:], uint32(sequence))
	binary.BigEndian.PutUint32(r.batch[batchCRCAt:], crc32.Checksum(r.batch[batchAttributes:], castagnoli))
}

// run sends at least so many records and waits for all answers.
func (c *ceiling) run(records int64) (sent int64, err error) {
	tokens, failed := make(chan struct{}, ceilingInFlight), make(chan error, 1)
	go func() { failed <- c.read(tokens) }() // until the connection is closed
	take := func() error {
		select {
		case tokens <- struct{}{}:
			return nil
		case err := <-failed:
			return err
		}
	}
	sequence := int32(0)
	for n := 0; sent < records; n++ {
		if err := take(); err != nil {
			return sent, err
		}
		r := c.requests[n%len(c.requests)]
		c.stamp(r, int32(n), sequence)
		if _, err := c.conn.Write(r.frame); err != nil {
			return sent, err
		}
		sequence = int32((int64(sequence) + int64(r.records)) & 0x7fffffff)
		sent += int64(r.records)
	}
	for range ceilingInFlight { // all tokens are free when all answers are there
		if err := take(); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// read takes answers and gives back their tokens.
func (c *ceiling) read(tokens chan struct{}) error {
	answer := kmsg.NewPtrProduceResponse()
	answer.SetVersion(8)
	for {
		if err := c.conn.answer(answer, false); err != nil {
			return err
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return fmt.Errorf("a batch was refused with error %d", p.ErrorCode)
				}
			}
		}
		<-tokens
	}
}

// wire is a plain connection to a broker.
type wire struct {
	net.Conn
	in  *bufio.Reader
	buf []byte
}

func dialWire(ctx context.Context, address string) (*wire, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// ask sends a request and waits for its answer.
func (w *wire) ask(request kmsg.Request, answer kmsg.Response) error {
	if _, err := w.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("ceiling")).AppendRequest(nil, request, 0)); err != nil {
		return err
	}
	answer.SetVersion(request.GetVersion())
	return w.answer(answer, request.IsFlexible())
}

// answer reads the next answer, whose header ends with tags when it is flexible. It is valid until the next one.
func (w *wire) answer(answer kmsg.Response, flexible bool) error {
	var head [4]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	body := w.buf[:size]
	if _, err := io.ReadFull(w.in, body); err != nil {
		return err
	}
	skip := 4 // the correlation id
	if flexible {
		skip++ // no tags
	}
	if len(body) < skip {
		return io.ErrUnexpectedEOF
	}
	return answer.ReadFrom(body[skip:])
}

// sample reads whole batches of a topic's partition, up to 32 MiB of them.
func (w *wire) sample(topic string, offset int64) (batches [][]byte, err error) {
	for size := 0; size < sampleBytes; {
		raw, err := w.fetch(topic, offset)
		if err != nil {
			return nil, err
		}
		found := cutBatches(raw)
		if len(found) == 0 {
			break // the end of the topic
		}
		for _, b := range found {
			batches, size = append(batches, b), size+len(b)
			offset = int64(binary.BigEndian.Uint64(b)) + int64(binary.BigEndian.Uint32(b[batchCountAt:]))
		}
	}
	if len(batches) == 0 {
		return nil, errors.New("there are none")
	}
	return batches, nil
}

// fetch reads from an offset on; the last batch may be cut off.
func (w *wire) fetch(topic string, offset int64) ([]byte, error) {
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.FetchOffset, partition.PartitionMaxBytes = offset, 4<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.FetchRequestTopicPartition{partition}
	request := kmsg.NewPtrFetchRequest()
	request.SetVersion(11) // the last with names, and without tags
	request.MaxWaitMillis, request.MaxBytes, request.Topics = 100, 8<<20, []kmsg.FetchRequestTopic{t}
	answer := kmsg.NewPtrFetchResponse()
	if err := w.ask(request, answer); err != nil {
		return nil, err
	}
	if answer.ErrorCode != 0 || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("offset %d: error %d, %d topics", offset, answer.ErrorCode, len(answer.Topics))
	}
	p := answer.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, fmt.Errorf("offset %d: error %d", offset, p.ErrorCode)
	}
	return p.RecordBatches, nil
}

// cutBatches cuts what was fetched into copies of its whole batches.
func cutBatches(raw []byte) (batches [][]byte) {
	for len(raw) >= batchOverhead {
		size := int(binary.BigEndian.Uint32(raw[batchLengthAt:])) + batchLeaderAt
		if size < batchOverhead || size > len(raw) {
			break
		}
		batches = append(batches, append([]byte(nil), raw[:size]...))
		raw = raw[size:]
	}
	return batches
}
