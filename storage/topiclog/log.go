// Package topiclog turns a compacted topic into a log that is read to its end,
// applied record by record, and appended to (org.apache.kafka.connect.util.KafkaBasedLog).
//
// # Duties and order
//
//  1. Open creates the topic or checks it, reads it to its end, calling apply
//     for what it finds, and returns.
//  2. Follow starts the tail: the goroutine that from then on owns the reader
//     and alone calls apply.
//  3. Append and Send write records. They are applied when the tail reads them
//     back: after ReadToEnd at the latest.
//  4. With a transactional id, records that only the leader of a group may
//     write go through AppendExclusive, after Claim. Whoever claims last wins: the
//     others get kafka.ErrFenced and must claim anew.
//  5. Close ends the tail and the writers.
package topiclog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/millrace/millrace/storage/kafka"
)

// Config says which topic to read and write and how to connect.
type Config struct {
	// Topic is created when missing, compacted whatever its Configs say.
	Topic kafka.Topic
	// Property names the worker property with the topic's name, and Purpose
	// what the topic holds, for errors.
	Property, Purpose string
	// MaxPartitions is the largest number of partitions that the topic may
	// have; 0 means any.
	MaxPartitions int
	// ReadOnly makes a log that cannot be written and has no producer.
	ReadOnly bool
	// Properties of the clients, which Connect takes from the worker's own.
	Producer, Consumer, Admin kafka.Properties
	// TransactionalID is that of AppendExclusive; "" makes it the same as
	// Append. Readers then need isolation.level=read_committed.
	TransactionalID string
	Logger          *slog.Logger
}

// Apply takes records in order. The slice is valid until it returns.
type Apply func([]kafka.Record)

// Log is a running log. Its methods may be called from any goroutine.
type Log struct {
	cfg    Config
	log    *slog.Logger
	apply  Apply
	reader *kafka.Reader
	writer *kafka.Writer // nil when read only
	open   []*kafka.Client

	missing kafka.Repeats // of a topic that may not be created

	mu       sync.Mutex
	barriers []barrier // waiting for the tail
	closed   bool

	exclusive exclusive

	stop    context.CancelFunc // nil before Follow
	stopped chan struct{}      // closed when the tail has ended
}

// barrier is done when the tail has read up to ends.
type barrier struct {
	ends map[int32]int64
	done chan struct{}
}

// Open makes a log and reads it to its end: see the package documentation.
func Open(ctx context.Context, cfg Config, apply Apply) (*Log, error) {
	l := &Log{cfg: cfg, log: cfg.Logger, apply: apply, stopped: make(chan struct{})}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := l.start(ctx); err != nil {
		l.closeClients()
		return nil, fmt.Errorf("opening the log of %s in topic %q (%s): %w", cfg.Purpose, cfg.Topic.Name, cfg.Property, err)
	}
	return l, nil
}

// Follow starts to apply what is written from now on. It is called once.
func (l *Log) Follow() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.tail(ctx)
}

func (l *Log) start(ctx context.Context) error {
	if err := l.createTopic(ctx); err != nil {
		return err
	}
	if !l.cfg.ReadOnly {
		c, err := l.client(ctx, kafka.RoleProducer, l.cfg.Producer)
		if err != nil {
			return err
		}
		if l.writer, err = kafka.NewWriter(c); err != nil {
			return err
		}
	}
	c, err := l.client(ctx, kafka.RoleConsumer, l.cfg.Consumer)
	if err != nil {
		return err
	}
	if l.reader, err = l.openReader(ctx, c); err != nil {
		return err
	}
	if most, have := l.cfg.MaxPartitions, l.reader.Partitions(); most > 0 && have > most {
		return fmt.Errorf("topic '%s' supplied via the '%s' property is required to have a single partition"+
			" in order to guarantee consistency of %s, but found %d partitions", l.cfg.Topic.Name, l.cfg.Property, l.cfg.Purpose, have)
	}
	started := time.Now()
	err = l.reader.ReadAll(ctx, func(r kafka.Record) error {
		l.apply([]kafka.Record{r})
		return nil
	})
	if err == nil {
		l.log.Info("read topic to its end", "topic", l.cfg.Topic.Name, "took", time.Since(started).Round(time.Millisecond))
	}
	return err
}

// client opens a client that Close will close.
func (l *Log) client(ctx context.Context, role kafka.Role, p kafka.Properties) (*kafka.Client, error) {
	c, err := kafka.Open(ctx, kafka.Config{Role: role, Properties: p, Logger: l.log})
	if err != nil {
		return nil, err
	}
	l.open = append(l.open, c)
	return c, nil
}

// createTopic creates the topic or checks that it is compacted. The admin client
// is needed no longer than that.
func (l *Log) createTopic(ctx context.Context) error {
	c, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: l.cfg.Admin, Logger: l.log})
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := kafka.NewAdmin(c)
	if err != nil {
		return err
	}
	t := l.cfg.Topic
	t.Configs = maps.Clone(t.Configs)
	if t.Configs == nil {
		t.Configs = map[string]string{}
	}
	t.Configs["cleanup.policy"] = "compact"
	created, err := a.CreateTopicRetrying(ctx, t)
	if errors.Is(err, kafka.ErrMayNotCreate) { // somebody else may create it, or a broker on first use
		l.missing.Log(l.log, slog.LevelWarn, "an internal topic is missing: create it, or allow it", err, "property", l.cfg.Property)
		return nil
	}
	if err != nil || created {
		return err
	}
	return a.CheckCompacted(ctx, t.Name, l.cfg.Property, l.cfg.Purpose)
}

// openReader waits, for at most as long as Java does, for a topic that was just
// created or that a broker creates on its own.
func (l *Log) openReader(ctx context.Context, c *kafka.Client) (*kafka.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for asked := time.Now(); ; {
		r, err := kafka.NewReader(ctx, kafka.ReaderConfig{Client: c, Topic: l.cfg.Topic.Name})
		if !errors.Is(err, kafka.ErrNoTopic) && !kafka.IsRetriable(err) {
			return r, err
		}
		if errors.Is(err, kafka.ErrNoTopic) && time.Since(asked) > createPause {
			if err := l.createTopic(ctx); err != nil { // the right to may have come
				return nil, err
			}
			asked = time.Now()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("could not look up partition metadata in the allotted period;"+
				" this could indicate a connectivity issue or a topic that may not be created (%s): %w", l.cfg.Property, err)
		}
	}
}

// createPause is between attempts to create a topic that does not exist.
const createPause = 3 * time.Second

// Partitions is the number of partitions of the topic.
func (l *Log) Partitions() int { return l.reader.Partitions() }

// Append writes records in order and returns when all in-sync replicas have
// them.
func (l *Log) Append(ctx context.Context, records ...kafka.Record) error {
	if err := l.writer.Append(ctx, l.cfg.Topic.Name, records...); err != nil {
		return fmt.Errorf("%s: %w", l.cfg.Property, err)
	}
	return nil
}

// Send writes a record and returns without waiting; done, which must not block,
// is told the outcome.
func (l *Log) Send(ctx context.Context, r kafka.Record, done func(error)) error {
	return l.writer.Send(ctx, l.cfg.Topic.Name, r, func(_ int32, _ int64, err error) { done(err) })
}

// Flush waits until all that was sent before has been written or has failed.
func (l *Log) Flush(ctx context.Context) error { return l.writer.Flush(ctx) }

// ReadToEnd returns when everything that stands in the topic now has been
// applied, this log's own writes included.
func (l *Log) ReadToEnd(ctx context.Context) error {
	if l.writer != nil {
		if err := l.writer.Flush(ctx); err != nil {
			return fmt.Errorf("flushing writes to topic %q: %w", l.cfg.Topic.Name, err)
		}
	}
	ends, err := l.ends(ctx)
	if err != nil {
		return err
	}
	b := barrier{ends: ends, done: make(chan struct{})}
	l.mu.Lock()
	l.barriers = append(l.barriers, b)
	l.mu.Unlock()
	l.reader.Wake()
	select {
	case <-b.done:
		return nil
	case <-l.stopped:
		return fmt.Errorf("reading topic %q to its end: %w", l.cfg.Topic.Name, kafka.ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("reading topic %q to its end: %w", l.cfg.Topic.Name, context.Cause(ctx))
	}
}

func (l *Log) ends(ctx context.Context) (map[int32]int64, error) {
	for wait := firstBackoff; ; wait = min(2*wait, maxBackoff) {
		ends, err := l.reader.EndOffsets(ctx)
		if err == nil || !kafka.IsRetriable(err) || ctx.Err() != nil {
			return ends, err
		}
		select {
		case <-time.After(wait):
		case <-l.stopped:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// tail reads until Close. Errors are retried for ever: what needs fresh data
// notices through its own deadline.
func (l *Log) tail(ctx context.Context) {
	defer close(l.stopped)
	var failing kafka.Repeats
	wait := firstBackoff
	for ctx.Err() == nil {
		l.passBarriers()
		records, err := l.reader.Poll(ctx)
		if len(records) > 0 {
			l.apply(records)
		}
		if err == nil {
			wait = firstBackoff
			if failing.Over() {
				l.log.Info("the topic can be read again", "topic", l.cfg.Topic.Name)
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failing.Log(l.log, slog.LevelWarn, "reading the topic failed, trying again", err, "topic", l.cfg.Topic.Name, "property", l.cfg.Property)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, maxBackoff)
	}
}

// passBarriers releases those who wait for an offset that has been reached.
func (l *Log) passBarriers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.barriers[:0]
	for _, b := range l.barriers {
		if l.reader.Reached(b.ends) {
			close(b.done)
		} else {
			left = append(left, b)
		}
	}
	clear(l.barriers[len(left):])
	l.barriers = left
}

// Close ends the log. Records that were sent are still written.
func (l *Log) Close() {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return
	}
	if l.stop != nil {
		l.stop()
		<-l.stopped
	}
	l.exclusive.release()
	l.closeClients()
}

func (l *Log) closeClients() {
	if l.writer != nil {
		l.writer.Close()
	}
	if l.reader != nil {
		l.reader.Close()
	}
	for _, c := range l.open {
		_ = c.Close()
	}
}
