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

// DLQConfig says where records go that a task could not handle
// (errors.deadletterqueue.*).
type DLQConfig struct {
	Topic       string // "" for no dead letter queue
	Replication int16
	Headers     bool // tell what happened in headers
	Connector   string
	Task        int
	Logger      *slog.Logger
	Producer    producer.Config     // Acks is filled in
	Release     func()              // called when the queue is closed
	Counts      *metrics.Task       // nil for nobody
	Redact      func(string) string // takes secrets out of what headers tell; nil for none
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
	switch _, err := admin.DescribeTopic(ctx, c.Topic); {
	case err == nil:
		return nil
	case !errors.Is(err, kafka.ErrNoTopic):
		return fmt.Errorf("looking for the dead letter queue (errors.deadletterqueue.topic.name): %w", err)
	}
	if _, err := admin.CreateTopic(ctx, kafka.Topic{Name: c.Topic, Partitions: 1, Replication: c.Replication}); err != nil {
		return fmt.Errorf("creating the dead letter queue (errors.deadletterqueue.topic.name, errors.deadletterqueue.topic.replication.factor=%d): %w", c.Replication, err)
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
	headers := make([]kafka.Header, 0, len(m.Headers))
	for _, h := range m.Headers {
		headers = append(headers, kafka.Header{Key: string(h.Key), Value: h.Value})
	}
	if d.cfg.Headers {
		headers = d.cfg.AddContext(headers, Refusal{c, cause})
	}
	var encoded []byte
	for _, h := range headers {
		encoded = producer.AppendHeader(encoded, h.Key, h.Value)
	}
	a.Headers(len(headers), encoded)
	if err := a.End(0); err != nil {
		return fmt.Errorf("dead letter queue %s: %w", d.cfg.Topic, err)
	}
	d.producer.Flush()
	if d.cfg.Counts != nil {
		d.cfg.Counts.DeadLetters.Add(1)
	}
	return nil
}

// Refusal says why a record is a dead letter.
type Refusal struct {
	Context Context
	Cause   error
}

// AddContext adds the headers of DeadLetterQueueReporter (KIP-298). A source
// record has no offset in Kafka, and no partition unless its task has chosen one.
func (c DLQConfig) AddContext(headers []kafka.Header, r Refusal) []kafka.Header {
	topic, partition, offset := "", int32(-1), int64(-1)
	switch {
	case r.Context.Original != nil:
		topic, partition, offset = r.Context.Original.Topic, r.Context.Original.Partition, r.Context.Original.Offset
	case r.Context.Record != nil:
		topic, partition = r.Context.Record.Topic, r.Context.Record.Partition
	}
	hide := c.Redact
	if hide == nil {
		hide = func(text string) string { return text }
	}
	for _, h := range [][2]string{
		{"topic", topic}, {"partition", strconv.Itoa(int(partition))}, {"offset", strconv.FormatInt(offset, 10)},
		{"connector.name", c.Connector}, {"task.id", strconv.Itoa(c.Task)},
		{"stage", string(r.Context.Stage)}, {"class.name", r.Context.Class},
		{"exception.class.name", ExceptionClass(r.Cause)}, {"exception.message", hide(ExceptionMessage(r.Cause))}, {"exception.stacktrace", hide(letterTrace(r.Cause))},
	} {
		headers = AddHeader(headers, h[0], h[1])
	}
	return headers
}

// AddHeader adds a header of the error context, also to one of that name that the
// record has already.
func AddHeader(headers []kafka.Header, name, value string) []kafka.Header {
	return append(headers, kafka.Header{Key: "__connect.errors." + name, Value: []byte(value)})
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
