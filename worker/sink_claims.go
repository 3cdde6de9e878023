package worker

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
)

// message is a record of a claim. It is void when the claim has been set to
// another offset since.
type message struct {
	*sarama.ConsumerMessage
	claim *claim
	epoch int
}

// claim is an assigned partition. Offsets are -1 while unknown.
type claim struct {
	tp    connect.TopicPartition
	seeks chan seek // one slot
	gate  *gate     // closed while the task has the partition paused

	// The loop's.
	first     int64 // of the first record read
	next      int64 // offset after the last record put
	committed int64
	epoch     int       // counts seeks
	held      []message // came while the partition was paused
}

// seek is where to go on.
type seek struct {
	offset int64
	epoch  int
}

func newClaim(tp connect.TopicPartition) *claim {
	return &claim{tp: tp, seeks: make(chan seek, 1), gate: newGate(true), first: -1, next: -1, committed: -1}
}

// seek makes consumption go on at offset. The loop calls it.
func (c *claim) seek(offset int64) {
	c.epoch++
	c.next, c.held = offset, nil
	select {
	case <-c.seeks: // an older one that nobody has seen
	default:
	}
	c.seeks <- seek{offset, c.epoch}
}

// uncommitted is the number of offsets that were put and are not committed.
func (c *claim) uncommitted() int64 {
	from := c.committed
	if from < 0 {
		from = c.first
	}
	if from < 0 {
		return 0
	}
	return max(c.next-from, 0)
}

// feed is the goroutine of a claim.
type feed struct {
	m        *members
	c        *claim
	from     <-chan *sarama.ConsumerMessage
	epoch    int
	consumer sarama.Consumer          // after a seek
	own      sarama.PartitionConsumer // after a seek
}

func (f *feed) run(ctx context.Context) error {
	for f.c.gate.wait(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case s := <-f.c.seeks:
			if err := f.seek(s); err != nil {
				return err
			}
		case msg, ok := <-f.from:
			if !ok {
				return nil
			}
			select {
			case f.m.messages <- message{msg, f.c, f.epoch}:
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// seek goes on at another offset. The claim's own consumer cannot: it is left
// alone with what it has fetched, and stops fetching as nobody takes it.
func (f *feed) seek(s seek) error {
	f.close()
	var err error
	if f.consumer, err = sarama.NewConsumerFromClient(f.m.client); err != nil {
		return err
	}
	f.own, err = f.consumer.ConsumePartition(f.c.tp.Topic, f.c.tp.Partition, s.offset)
	if err != nil {
		return fmt.Errorf("seeking offset %d of partition %s-%d: %w", s.offset, f.c.tp.Topic, f.c.tp.Partition, err)
	}
	go func(p sarama.PartitionConsumer) {
		for err := range p.Errors() {
			f.m.log.Warn("consuming after a seek", "error", err)
		}
	}(f.own)
	f.from, f.epoch = f.own.Messages(), s.epoch
	return nil
}

func (f *feed) close() {
	if f.own != nil {
		f.own.AsyncClose()
		go func(p sarama.PartitionConsumer) { // the consumer ends when its messages are taken
			for range p.Messages() {
				continue
			}
		}(f.own)
		f.own = nil
	}
	if f.consumer != nil {
		_ = f.consumer.Close()
		f.consumer = nil
	}
}
