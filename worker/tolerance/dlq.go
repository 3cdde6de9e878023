package tolerance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/worker/metrics"
)

// DLQConfig says where records go that a sink task could not handle
// (errors.deadletterqueue.*).
type DLQConfig struct {
	Topic       string // "" for no dead letter queue
	Replication int16
	Headers     bool // tell what happened in headers
	Connector   string
	Task        int
	Logger      *slog.Logger
	Producer    producer.Config // Acks is filled in
	Release     func()          // called when the queue is closed
	Counts      *metrics.Task   // nil for nobody
}

// ReadDLQ reads a connector's properties.
func ReadDLQ(props map[string]string) (DLQConfig, error) {
	c := DLQConfig{Topic: strings.TrimSpace(props["errors.deadletterqueue.topic.name"]), Replication: 3,
		Headers: isTrue(props["errors.deadletterqueue.context.headers.enable"])}
	const key = "errors.deadletterqueue.topic.replication.factor"
	if text := strings.TrimSpace(props[key]); text != "" {
		n, err := strconv.ParseInt(text, 10, 16)
		if err != nil || n == 0 || n < -1 {
			return c, &connect.ConfigError{Key: key, Err: fmt.Errorf("%q is neither a positive number nor -1", text)}
		}
		c.Replication = int16(n)
	}
	return c, nil
}

// CreateTopic creates the topic, with one partition, unless it exists.
func (c DLQConfig) CreateTopic(ctx context.Context, admin *kafka.Admin) error {
	if _, err := admin.DescribeTopic(ctx, c.Topic); err == nil || !errors.Is(err, kafka.ErrNoTopic) {
		return err
	}
	if _, err := admin.CreateTopic(ctx, kafka.Topic{Name: c.Topic, Partitions: 1, Replication: c.Replication}); err != nil {
		return fmt.Errorf("creating the dead letter queue (errors.deadletterqueue.topic.replication.factor=%d): %w", c.Replication, err)
	}
	return nil
}

// DLQ is a dead letter queue. It belongs to one goroutine; acknowledgements come
// from the producer's.
type DLQ struct {
	cfg      DLQConfig
	producer *producer.Producer
	acks     *dlqAcks
}

type dlqAcks struct {
	counts *metrics.Task
	mu     sync.Mutex
	err    error
}

// Done implements producer.Acks.
func (a *dlqAcks) Done(tags []producer.Tags, err error) {
	if err != nil && a.counts != nil {
		a.counts.LostLetters.Add(int64(len(tags)))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
	}
}

// NewDLQ makes a DLQ.
func NewDLQ(ctx context.Context, cfg DLQConfig) (*DLQ, error) {
	d := &DLQ{cfg: cfg, acks: &dlqAcks{counts: cfg.Counts}}
	cfg.Producer.Acks, cfg.Producer.Logger = d.acks, cfg.Logger
	var err error
	if d.producer, err = producer.New(ctx, cfg.Producer); err != nil {
		cfg.Release()
		return nil, fmt.Errorf("starting the producer of the dead letter queue: %w", err)
	}
	return d, nil
}

// Report implements Reporter: it sends the original message on as it was. It does
// not wait until it is written; Flush does.
func (d *DLQ) Report(ctx context.Context, c Context, cause error) error {
	m := c.Original
	if m == nil {
		return nil
	}
	topic, err := d.producer.Topic(ctx, d.cfg.Topic)
	if err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, err)
	}
	ms := int64(0)
	if !m.Timestamp.IsZero() {
		ms = m.Timestamp.UnixMilli()
	}
	a, err := d.producer.Begin(ctx, topic, -1, m.Key, ms)
	if err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, err)
	}
	a.SetValue(append(a.Value(), m.Value...), m.Value == nil)
	var added []kafka.Header
	if d.cfg.Headers {
		added = d.contextHeaders(c, cause)
	}
	if n := len(m.Headers) + len(added); n > 0 {
		a.Headers(n)
	}
	for _, h := range m.Headers {
		a.SetHeader(append(a.Header(string(h.Key)), h.Value...), h.Value == nil)
	}
	for _, h := range added {
		a.SetHeader(append(a.Header(h.Key), h.Value...), h.Value == nil)
	}
	if err := a.End(0); err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, err)
	}
	d.producer.Flush()
	if d.cfg.Counts != nil {
		d.cfg.Counts.DeadLetters.Add(1)
	}
	return nil
}

// contextHeaders are those of DeadLetterQueueReporter (KIP-298).
func (d *DLQ) contextHeaders(c Context, cause error) []kafka.Header {
	const prefix = "__connect.errors."
	var out []kafka.Header
	add := func(name, value string) { out = append(out, kafka.Header{Key: prefix + name, Value: []byte(value)}) }
	add("topic", c.Original.Topic)
	add("partition", strconv.Itoa(int(c.Original.Partition)))
	add("offset", strconv.FormatInt(c.Original.Offset, 10))
	add("connector.name", d.cfg.Connector)
	add("task.id", strconv.Itoa(d.cfg.Task))
	add("stage", string(c.Stage))
	add("class.name", c.Class)
	add("exception.class.name", ExceptionClass(cause))
	add("exception.message", cause.Error())
	add("exception.stacktrace", Trace(cause))
	return out
}

// Flush waits until everything that was reported is written. The error is the
// first with which a record could not be.
func (d *DLQ) Flush(ctx context.Context) error {
	if err := d.producer.Wait(ctx); err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, err)
	}
	d.acks.mu.Lock()
	defer d.acks.mu.Unlock()
	if d.acks.err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, d.acks.err)
	}
	return nil
}

// Close flushes and ends the producer.
func (d *DLQ) Close(ctx context.Context) error {
	defer d.cfg.Release()
	return d.producer.Close(ctx)
}
