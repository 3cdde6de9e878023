package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// ReaderConfig says what to read.
type ReaderConfig struct {
	Client     *Client // with the role RoleConsumer; its isolation.level applies
	Topic      string
	Partitions []int32 // none means all that the topic has
	// From says where to begin; partitions that are not in it begin with their
	// first record.
	From map[int32]int64
}

// Reader reads partitions of a topic from their beginning or a given offset. One goroutine uses
// it and thereby owns the positions; fetches run in goroutines of their own, one
// for each broker, on connections that nothing else uses.
type Reader struct {
	client  *Client
	admin   *Admin // on the consumer's connections
	topic   string
	log     *slog.Logger
	iso     sarama.IsolationLevel
	parts   map[int32]*partition
	conns   map[string]*fetchConn
	replies chan fetchReply
	wake    chan struct{}
	records []Record // result of the last Poll, used again
}

// partition is a partition's position: the offset of the next record to read.
type partition struct {
	position int64
	limit    int32 // most bytes of one fetch
	fetching bool
}

// fetchConn is the connection to one broker. While busy it belongs to the fetch
// that runs on it.
type fetchConn struct {
	addr   string
	broker *sarama.Broker
	busy   bool
}

type fetchReply struct {
	conn       *fetchConn
	partitions []int32
	response   *sarama.FetchResponse
	err        error
}

const maxFetchBytes = 1 << 30

// NewReader looks up the topic's partitions. ErrNoTopic says that there is no
// such topic.
func NewReader(ctx context.Context, cfg ReaderConfig) (*Reader, error) {
	admin, err := NewAdmin(cfg.Client)
	if err != nil {
		return nil, err
	}
	partitions := cfg.Partitions
	if len(partitions) == 0 {
		info, err := admin.DescribeTopic(ctx, cfg.Topic)
		if err != nil {
			return nil, err
		}
		for i := range info.Partitions {
			partitions = append(partitions, i)
		}
	}
	r := &Reader{
		client: cfg.Client, admin: admin, topic: cfg.Topic,
		log:     cfg.Client.log,
		iso:     sarama.IsolationLevel(cfg.Client.Settings.Consumer.Isolation),
		parts:   map[int32]*partition{},
		conns:   map[string]*fetchConn{},
		replies: make(chan fetchReply, len(partitions)), // each fetch in flight has at least one partition to itself
		wake:    make(chan struct{}, 1),
	}
	limit := int32(max(cfg.Client.Settings.Consumer.PartitionMaxBytes, 1))
	for _, p := range partitions {
		r.parts[p] = &partition{limit: limit, position: cfg.From[p]}
	}
	return r, nil
}

// Partitions is the number of partitions that are read.
func (r *Reader) Partitions() int { return len(r.parts) }

// EndOffsets returns the high watermark of each partition. It may be called from
// any goroutine.
func (r *Reader) EndOffsets(ctx context.Context) (map[int32]int64, error) {
	partitions := make([]int32, 0, len(r.parts))
	for p := range r.parts {
		partitions = append(partitions, p)
	}
	return r.admin.EndOffsets(ctx, r.topic, partitions)
}

// Reached reports whether the positions have come to the given offsets.
func (r *Reader) Reached(ends map[int32]int64) bool {
	for p, end := range ends {
		if part := r.parts[p]; part != nil && part.position < end {
			return false
		}
	}
	return true
}

// Poll waits for one broker's answer and returns its records, in order within
// each partition and none of aborted transactions; there may be none, although
// positions moved on. The slice is valid until the next Poll. After an error for
// which IsRetriable is true, Poll may be called again: it goes on where it was.
func (r *Reader) Poll(ctx context.Context) ([]Record, error) {
	if err := r.fetch(ctx); err != nil {
		return nil, err
	}
	select {
	case reply := <-r.replies:
		return r.take(reply)
	case <-r.wake:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Wake makes the Poll that is waiting, or the next one, return at once. It may
// be called from any goroutine.
func (r *Reader) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fetch starts a request to each broker that leads partitions and is idle.
func (r *Reader) fetch(ctx context.Context) error {
	byLeader := map[string][]int32{}
	var firstErr error
	first := int32(-1)
	for id, p := range r.parts {
		if p.fetching {
			continue
		}
		leader, err := r.client.Leader(r.topic, id)
		if err != nil {
			if first < 0 || id < first { // the same one each time, so that a failure is told of once
				first, firstErr = id, fmt.Errorf("finding the leader of partition %d of topic %q: %w", id, r.topic,
					r.client.Settings.Needs(r.client.Settings.Advised(err), "DESCRIBE on the topic"))
			}
			continue
		}
		byLeader[leader.Addr()] = append(byLeader[leader.Addr()], id)
	}
	started := false
	for addr, ids := range byLeader {
		conn := r.conns[addr]
		if conn == nil {
			conn = &fetchConn{addr: addr}
			r.conns[addr] = conn
		}
		if !conn.busy {
			r.start(ctx, conn, ids)
		}
		started = true
	}
	if firstErr != nil && !started && !r.inFlight() {
		return firstErr
	}
	return nil
}

func (r *Reader) inFlight() bool {
	for _, c := range r.conns {
		if c.busy {
			return true
		}
	}
	return false
}

func (r *Reader) start(ctx context.Context, conn *fetchConn, ids []int32) {
	k := &r.client.Settings.Consumer
	rq := &sarama.FetchRequest{
		Version:      12,
		MaxWaitTime:  int32(k.FetchMaxWait / time.Millisecond),
		MinBytes:     int32(max(k.FetchMinBytes, 1)),
		MaxBytes:     int32(max(k.FetchMaxBytes, 1)),
		Isolation:    r.iso,
		SessionEpoch: -1,
	}
	for _, id := range ids {
		p := r.parts[id]
		p.fetching = true
		rq.AddBlock(r.topic, id, p.position, p.limit, -1)
	}
	conn.busy = true
	// The answer may come after the caller gave up: the connection stays usable
	// and the next Poll takes the answer.
	ctx = context.WithoutCancel(ctx)
	go func() {
		response, err := conn.fetch(ctx, r.client, rq)
		r.replies <- fetchReply{conn: conn, partitions: ids, response: response, err: err}
	}()
}

// fetch connects if need be, and once more when the session of the last login is over.
func (c *fetchConn) fetch(ctx context.Context, client *Client, rq *sarama.FetchRequest) (*sarama.FetchResponse, error) {
	response, err := c.once(ctx, client, rq)
	if errors.Is(err, ErrSessionOver) {
		return c.once(ctx, client, rq)
	}
	return response, err
}

func (c *fetchConn) once(ctx context.Context, client *Client, rq *sarama.FetchRequest) (*sarama.FetchResponse, error) {
	if c.broker == nil {
		wait := client.Settings.RequestTimeout + client.Settings.Consumer.FetchMaxWait
		b, err := client.Dial(ctx, c.addr, wait)
		if err != nil {
			return nil, err
		}
		c.broker = b
	}
	response, err := c.broker.Fetch(rq)
	if err != nil {
		// A connection is of no use after an error, even when it says it is open.
		_ = c.broker.Close()
		c.broker = nil
		return nil, fmt.Errorf("fetching from broker %s: %w", c.addr, err)
	}
	return response, nil
}

// take applies an answer to the positions and collects its records.
func (r *Reader) take(reply fetchReply) ([]Record, error) {
	reply.conn.busy = false
	r.records = r.records[:0]
	var firstErr error // one says enough: the others come again, as this one does
	slices.Sort(reply.partitions)
	for _, id := range reply.partitions {
		p := r.parts[id]
		p.fetching = false
		if reply.err != nil {
			continue
		}
		block := reply.response.GetBlock(r.topic, id)
		if block == nil {
			firstErr = cmp.Or(firstErr, r.partitionError(id, sarama.ErrIncompleteResponse))
			continue
		}
		if block.Err != sarama.ErrNoError {
			firstErr = cmp.Or(firstErr, r.recover(id, p, block.Err))
			continue
		}
		r.records = appendBlock(r.records, id, p, block)
	}
	if reply.err != nil {
		_ = r.client.RefreshMetadata(r.topic)
		return nil, fmt.Errorf("reading topic %q: %w", r.topic, r.client.Settings.Advised(reply.err))
	}
	if len(r.records) > 0 {
		return r.records, nil // the error, if any, comes again with the next fetch
	}
	return nil, firstErr
}

func (r *Reader) partitionError(id int32, err error) error {
	if IsAuthorization(err) { // which is the same for all partitions, and told of once
		return fmt.Errorf("reading topic %q: %w", r.topic, r.client.Settings.Needs(err, "READ on the topic"))
	}
	return fmt.Errorf("reading partition %d of topic %q: %w", id, r.topic, r.client.Settings.Needs(err, "READ on the topic"))
}

// recover deals with an error code of a partition: it refreshes metadata, or
// starts anew from the first offset when the position exists no more. Records
// are then seen again, which does no harm in a compacted topic.
func (r *Reader) recover(id int32, p *partition, code sarama.KError) error {
	if code != sarama.ErrOffsetOutOfRange {
		if IsRetriable(code) {
			_ = r.client.RefreshMetadata(r.topic)
		}
		return r.partitionError(id, code)
	}
	first, err := r.client.GetOffset(r.topic, id, sarama.OffsetOldest)
	if err != nil {
		return r.partitionError(id, fmt.Errorf("finding its first offset: %w", err))
	}
	r.log.Warn("position is out of range, reading the partition anew", "topic", r.topic, "partition", id, "position", p.position, "first", first)
	p.position = first
	return nil
}

// ReadTo polls until the given offsets are reached and calls apply for each
// record. Transient errors are retried with backoff until ctx ends.
func (r *Reader) ReadTo(ctx context.Context, ends map[int32]int64, apply func(Record) error) error {
	for failures := 0; !r.Reached(ends); {
		records, err := r.Poll(ctx)
		switch {
		case err == nil:
			failures = 0
		case !IsRetriable(err) || ctx.Err() != nil:
			return err
		default:
			failures++
			r.log.Warn("reading failed, trying again", "topic", r.topic, "error", err)
			if err := sleep(ctx, r.client.Settings.backoff(failures, 0)); err != nil {
				return err
			}
		}
		for _, rec := range records {
			if err := apply(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReadAll reads from the positions to the present end.
func (r *Reader) ReadAll(ctx context.Context, apply func(Record) error) error {
	for failures := 1; ; failures++ {
		ends, err := r.EndOffsets(ctx)
		if err == nil {
			return r.ReadTo(ctx, ends, apply)
		}
		if !IsRetriable(err) || ctx.Err() != nil {
			return err
		}
		if serr := sleep(ctx, r.client.Settings.backoff(failures, 0)); serr != nil {
			return err
		}
	}
}

// Close ends the reader. The client stays open.
func (r *Reader) Close() {
	for _, c := range r.conns {
		if c.busy {
			go r.closeLater()
			continue
		}
		if c.broker != nil {
			_ = c.broker.Close()
		}
	}
	r.conns = nil
}

// closeLater waits for one fetch in flight, at most fetch.max.wait.ms for a
// broker that answers, and closes its connection.
func (r *Reader) closeLater() {
	reply := <-r.replies
	if reply.conn.broker != nil {
		_ = reply.conn.broker.Close()
	}
}
