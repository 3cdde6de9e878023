package producer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Topic is a handle for writing to a topic. It belongs to the appending
// goroutine, apart from what is said below.
type Topic struct {
	name  string
	index int     // place among the producer's topics
	slots []*slot // by partition
	// sticky is the partition of records without a key until its batch is sealed
	// (BuiltInPartitioner).
	sticky int32
	turn   int32 // the partition of the next record, with RoundRobin

	// known are the sender's: all partitions that the topic has ever had. Their
	// sequence numbers go on when a broker does not know of them for a while.
	known []*partition

	// Published by the sender.
	parts atomic.Pointer[[]*partition]
	limit atomic.Int64  // bytes of a batch; falls when the broker finds one too large
	ready chan struct{} // closed when parts or failed is there
	// failed says why the topic cannot be written to; set before ready is closed.
	failed error
}

// Name is the topic's name.
func (t *Topic) Name() string { return t.name }

// Partitions is the number of partitions that are known.
func (t *Topic) Partitions() int32 {
	if parts := t.parts.Load(); parts != nil {
		return int32(len(*parts))
	}
	return 0
}

// slot is where the open batch of a partition stands.
type slot struct {
	b     *batch // nil when there is none
	class int    // size class of the next buffer
	width widths
}

// Topic returns the handle of a topic. The first call for a topic waits until
// the cluster says what partitions it has, creating it where the broker is set
// to (auto.create.topics.enable), for as long as max.block.ms.
func (p *Producer) Topic(ctx context.Context, name string) (*Topic, error) {
	if t := p.last; t != nil && t.name == name {
		return t, nil
	}
	t := p.topics[name]
	if t == nil {
		var err error
		if t, err = p.openTopic(ctx, name); err != nil {
			return nil, err
		}
	}
	p.last = t
	return t, nil
}

func (p *Producer) openTopic(ctx context.Context, name string) (*Topic, error) {
	p.Flush() // what waits for this topic's metadata must not hold up others
	t := &Topic{name: name, sticky: -1, ready: make(chan struct{})}
	t.limit.Store(int64(p.cfg.BatchBytes))
	p.mail.post(topicWanted{t})
	limit := time.NewTimer(p.cfg.MaxBlock)
	defer limit.Stop()
	select {
	case <-t.ready:
	case <-p.done:
		return nil, p.endedBy()
	case <-ctx.Done():
		p.mail.post(topicDropped{t})
		return nil, fmt.Errorf("waiting for the partitions of topic %s: %w", name, context.Cause(ctx))
	case <-limit.C:
		p.mail.post(topicDropped{t})
		return nil, &TimeoutError{What: fmt.Sprintf("Topic %s not present in metadata after %d ms.", name, p.cfg.MaxBlock.Milliseconds())}
	}
	if t.failed != nil {
		return nil, t.failed
	}
	p.topics[name] = t
	return t, nil
}

// choose finds the partition of a record: the one asked for, the next one in turn
// (RoundRobinPartitioner), that of the key, or the sticky one.
func (p *Producer) choose(ctx context.Context, t *Topic, partition int32, key []byte) (*partition, error) {
	parts := *t.parts.Load()
	n := int32(len(parts))
	switch {
	case partition >= n:
		return p.awaitPartition(ctx, t, partition)
	case partition >= 0:
		return parts[partition], nil
	case n == 1:
		return parts[0], nil
	case p.cfg.RoundRobin:
		t.turn = (t.turn + 1) % n
		return parts[t.turn], nil
	case key != nil && !p.cfg.IgnoreKeys:
		return parts[PartitionOf(key, n)], nil
	}
	if t.sticky < 0 || t.sticky >= n {
		t.sticky = rand.Int32N(n)
	}
	return parts[t.sticky], nil
}

// mostPartitionWait bounds the wait for a partition that a record names: it is
// far more likely to be a mistake than to appear.
const mostPartitionWait = time.Minute

func (p *Producer) awaitPartition(ctx context.Context, t *Topic, partition int32) (*partition, error) {
	p.Flush()
	wait := min(p.cfg.MaxBlock, mostPartitionWait)
	deadline := time.Now().Add(wait)
	for time.Now().Before(deadline) {
		p.mail.post(metadataWanted{})
		if err := sleep(ctx, min(wait, p.cfg.RetryBackoff)); err != nil {
			return nil, err
		}
		if parts := *t.parts.Load(); partition < int32(len(parts)) {
			return parts[partition], nil
		}
	}
	return nil, &TimeoutError{What: fmt.Sprintf("Partition %d of topic %s with partition count %d is not present in metadata after %d ms.",
		partition, t.name, t.Partitions(), wait.Milliseconds())}
}

// slot is the place of a partition's open batch.
func (t *Topic) slot(id int32) *slot {
	for int(id) >= len(t.slots) {
		t.slots = append(t.slots, &slot{width: widths{record: 2, value: 2}})
	}
	return t.slots[id]
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
