package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Writer appends records to topics. Its methods may be called from any
// goroutine; records that one goroutine sends to the same partition are written
// in that order.
//
// It serves stores and histories, whose records are few. The records of
// connectors have a producer of their own, storage/kafka/producer.
type Writer struct {
	producer sarama.AsyncProducer
	drained  sync.WaitGroup
	settings *Settings

	mu     sync.RWMutex // held for reading while a record is handed to the producer
	closed bool
	epoch  *epoch // of records sent since the last Flush
}

// epoch counts the records that were sent between two flushes and are not done.
type epoch struct {
	pending  sync.WaitGroup
	previous *epoch // nil when it is done
}

// ErrClosed says that a writer or reader was used after Close.
var ErrClosed = errors.New("closed")

// NewWriter makes a Writer on the connections of c, a client with the role
// RoleProducer and without transactional id.
func NewWriter(c *Client) (*Writer, error) {
	useExplicitPartitions(c)
	p, err := sarama.NewAsyncProducerFromClient(c.cluster)
	if err != nil {
		return nil, fmt.Errorf("making a producer: %w", err)
	}
	w := &Writer{producer: p, epoch: &epoch{}, settings: c.Settings}
	w.drained.Add(2)
	go func() {
		defer w.drained.Done()
		for m := range p.Successes() {
			w.complete(m, nil)
		}
	}()
	go func() {
		defer w.drained.Done()
		for e := range p.Errors() {
			w.complete(e.Msg, e.Err)
		}
	}()
	return w, nil
}

// Done is called once for each sent record, from the writer's own goroutine, with
// the partition and offset that it got or an error. It must not block.
type Done func(partition int32, offset int64, err error)

func (w *Writer) complete(m *sarama.ProducerMessage, err error) {
	done := m.Metadata.(Done)
	if err != nil {
		err = fmt.Errorf("writing to topic %q: %w", m.Topic, asFenced(w.settings.Needs(w.settings.Advised(err), writeRight(err))))
	}
	done(m.Partition, m.Offset, err)
}

// writeRight is the right that is missing when a write is refused.
func writeRight(err error) string {
	switch {
	case errors.Is(err, sarama.ErrClusterAuthorizationFailed):
		return "IDEMPOTENT_WRITE on the cluster"
	case errors.Is(err, sarama.ErrTransactionalIDAuthorizationFailed):
		return "WRITE and DESCRIBE on the transactional id"
	}
	return "WRITE on the topic"
}

// Send hands a record over and returns; done tells the outcome. Send waits while
// the producer's queue is full; when ctx ends first, the record was not sent and
// done is not called.
func (w *Writer) Send(ctx context.Context, topic string, r Record, done Done) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("writing to topic %q: %w", topic, ErrClosed)
	}
	e := w.epoch
	e.pending.Add(1)
	m := message(topic, r)
	m.Metadata = Done(func(partition int32, offset int64, err error) {
		done(partition, offset, err)
		e.pending.Done()
	})
	select {
	case w.producer.Input() <- m:
		return nil
	case <-ctx.Done():
		e.pending.Done()
		return fmt.Errorf("writing to topic %q: %w", topic, context.Cause(ctx))
	}
}

// Append sends records and waits until all are acknowledged. When ctx ends first
// the records may or may not be written.
func (w *Writer) Append(ctx context.Context, topic string, records ...Record) error {
	outcomes := make(chan error, len(records))
	for _, r := range records {
		if err := w.Send(ctx, topic, r, func(_ int32, _ int64, err error) { outcomes <- err }); err != nil {
			return err
		}
	}
	for range records {
		select {
		case err := <-outcomes:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("waiting for topic %q to acknowledge: %w", topic, context.Cause(ctx))
		}
	}
	return nil
}

// Flush waits until every record that was sent before is done.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	last := w.epoch
	w.epoch = &epoch{previous: last}
	w.mu.Unlock()
	return awaitErr(ctx, func() error {
		w.wait(last)
		return nil
	})
}

// wait waits for an epoch and those before it, and lets go of them.
func (w *Writer) wait(e *epoch) {
	w.mu.RLock()
	previous := e.previous
	w.mu.RUnlock()
	if previous != nil {
		w.wait(previous)
	}
	e.pending.Wait()
	w.mu.Lock()
	e.previous = nil
	w.mu.Unlock()
}

// closeTimeout bounds the wait for brokers that do not answer any more.
const closeTimeout = 10 * time.Second

// Close sends what is queued, waits for its acknowledgement, but not for long when
// no broker answers, and ends the writer. The client stays open.
func (w *Writer) Close() {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if !closed {
		w.producer.AsyncClose()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = awaitErr(ctx, func() error {
		w.drained.Wait()
		return nil
	})
}

func message(topic string, r Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Partition: r.Partition, Timestamp: r.Timestamp}
	if r.Key != nil {
		m.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		m.Value = sarama.ByteEncoder(r.Value)
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// partitioner takes the partition that a record names and asks the next one,
// which follows the key, when it names none.
type partitioner struct{ byKey sarama.Partitioner }

func useExplicitPartitions(c *Client) {
	c.Config().Producer.Partitioner = func(topic string) sarama.Partitioner {
		return partitioner{sarama.NewMurmur2Partitioner(topic)}
	}
}

func (p partitioner) Partition(m *sarama.ProducerMessage, partitions int32) (int32, error) {
	if m.Partition != AnyPartition {
		return m.Partition, nil
	}
	return p.byKey.Partition(m, partitions)
}

func (p partitioner) RequiresConsistency() bool { return true }
