package topiclog

import (
	"context"
	"fmt"
	"sync"

	"github.com/millrace/millrace/storage/kafka"
)

// exclusive is the writer of which there is one in a group.
type exclusive struct {
	mu     sync.Mutex // held for a whole transaction
	client *kafka.Client
	writer *kafka.TxnWriter // nil before Claim and after a failure
}

// Claim makes this log the one that may use AppendExclusive and fences all others.
// It does nothing when it is already, or when the log has no transactional id.
func (l *Log) Claim(ctx context.Context) error {
	if l.cfg.TransactionalID == "" {
		return nil
	}
	e := &l.exclusive
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writer != nil {
		return nil
	}
	p := l.cfg.Producer.With(kafka.Properties{"transactional.id": l.cfg.TransactionalID, "enable.idempotence": "true", "acks": "all"})
	if l.cfg.Producer["client.id"] != "" {
		p["client.id"] = l.cfg.Producer["client.id"] + "-leader"
	}
	c, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleProducer, Properties: p, Logger: l.log})
	if err != nil {
		return fmt.Errorf("claiming the right to write %s: %w", l.cfg.Purpose, err)
	}
	w, err := kafka.NewTxnWriter(ctx, c)
	if err != nil {
		_ = c.Close()
		return fmt.Errorf("claiming the right to write %s: %w", l.cfg.Purpose, err)
	}
	e.client, e.writer = c, w
	return nil
}

// ErrNotClaimed says that AppendExclusive was called without a Claim, or after a
// write that failed and thereby gave the claim up.
var ErrNotClaimed = fmt.Errorf("cannot produce to the topic without claiming write privileges first")

// AppendExclusive writes records in one transaction, or as Append does when the
// log has no transactional id. After an error, which is kafka.ErrFenced when
// another has claimed since, Claim must be called again.
func (l *Log) AppendExclusive(ctx context.Context, records ...kafka.Record) error {
	if l.cfg.TransactionalID == "" {
		return l.Append(ctx, records...)
	}
	e := &l.exclusive
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writer == nil {
		return fmt.Errorf("writing %s: %w", l.cfg.Purpose, ErrNotClaimed)
	}
	if err := e.writer.Write(ctx, l.cfg.Topic.Name, records...); err != nil {
		e.drop()
		return fmt.Errorf("writing %s: %w", l.cfg.Purpose, err)
	}
	return nil
}

func (e *exclusive) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop()
}

// drop gives the claim up. The caller holds the lock.
func (e *exclusive) drop() {
	if e.writer != nil {
		_ = e.writer.Close() // an open transaction is aborted by the next claim
		_ = e.client.Close()
	}
	e.writer, e.client = nil, nil
}
