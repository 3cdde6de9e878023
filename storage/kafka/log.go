package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// LogConfig says where a log is kept and how to connect. A topic's properties
// matter only to Create.
type LogConfig struct {
	Topic    Topic
	Producer Properties
	Consumer Properties
	Admin    Properties
	Logger   *slog.Logger
}

// Log is a topic that is written record by record and read from beginning to
// end, such as a schema history. Connections are made when they are needed and
// are kept only for writing.
type Log struct {
	cfg LogConfig

	mu     sync.Mutex // guards the two below
	client *Client
	writer *Writer
}

// NewLog makes a Log; nothing is connected yet.
func NewLog(cfg LogConfig) *Log { return &Log{cfg: cfg} }

// Create creates the topic; created is false when it exists.
func (l *Log) Create(ctx context.Context) (created bool, err error) {
	err = l.withAdmin(ctx, func(a *Admin) error {
		created, err = a.CreateTopicRetrying(ctx, l.cfg.Topic)
		return err
	})
	return created, err
}

// Exists reports whether the topic exists.
func (l *Log) Exists(ctx context.Context) (exists bool, err error) {
	err = l.withAdmin(ctx, func(a *Admin) error {
		_, err := a.DescribeTopic(ctx, l.cfg.Topic.Name)
		exists = err == nil
		if errors.Is(err, ErrNoTopic) {
			return nil
		}
		return err
	})
	return exists, err
}

// Inspect runs f with a short-lived admin client.
func (l *Log) Inspect(ctx context.Context, f func(*Admin) error) error { return l.withAdmin(ctx, f) }

// withAdmin runs f with a short-lived admin client.
func (l *Log) withAdmin(ctx context.Context, f func(*Admin) error) error {
	c, err := Open(ctx, Config{Role: RoleAdmin, Properties: l.cfg.Admin, Logger: l.cfg.Logger})
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := NewAdmin(c)
	if err != nil {
		return err
	}
	return f(a)
}

// Append writes records and waits until all are acknowledged.
func (l *Log) Append(ctx context.Context, records ...Record) error {
	w, err := l.opened(ctx)
	if err != nil {
		return err
	}
	return w.Append(ctx, l.cfg.Topic.Name, records...)
}

func (l *Log) opened(ctx context.Context) (*Writer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer != nil {
		return l.writer, nil
	}
	c, err := Open(ctx, Config{Role: RoleProducer, Properties: l.cfg.Producer, Logger: l.cfg.Logger})
	if err != nil {
		return nil, err
	}
	w, err := NewWriter(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	l.client, l.writer = c, w
	return w, nil
}

// ReadAll calls apply for each record from the beginning to the present end of
// all partitions. ErrNoTopic says that the topic does not exist.
func (l *Log) ReadAll(ctx context.Context, apply func(Record) error) error {
	c, err := Open(ctx, Config{Role: RoleConsumer, Properties: l.cfg.Consumer, Logger: l.cfg.Logger})
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := NewReader(ctx, ReaderConfig{Client: c, Topic: l.cfg.Topic.Name})
	if err != nil {
		return err
	}
	defer r.Close()
	return r.ReadAll(ctx, apply)
}

// Close ends writing; the Log may be used again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer == nil {
		return nil
	}
	l.writer.Close()
	err := l.client.Close()
	l.writer, l.client = nil, nil
	return err
}
