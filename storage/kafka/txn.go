package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// TxnWriter writes records in transactions. Making one fences every other
// producer with the same transactional id. One transaction runs at a time;
// callers wait for each other.
type TxnWriter struct {
	mu       sync.Mutex
	producer sarama.SyncProducer
	id       string
	settings *Settings
}

// NewTxnWriter makes a TxnWriter on the connections of c, a client with the role
// RoleProducer and the property transactional.id.
func NewTxnWriter(ctx context.Context, c *Client) (*TxnWriter, error) {
	id := c.Settings.Producer.TransactionalID
	if id == "" {
		return nil, errors.New("making a transactional producer: transactional.id is not set")
	}
	w := &TxnWriter{id: id, settings: c.Settings}
	useExplicitPartitions(c)
	w.limitRetries(c)
	p, err := await(ctx, func() (sarama.SyncProducer, error) {
		// sarama would ask for a long time before it believes a refusal.
		if _, err := c.TransactionCoordinator(id); IsAuthorization(err) {
			return nil, err
		}
		return sarama.NewSyncProducerFromClient(c.cluster)
	})
	if err != nil {
		return nil, fmt.Errorf("making the producer with transactional id %q: %w", id, asFenced(c.Settings.Needs(err, writeRight(err))))
	}
	w.producer = p
	return w, nil
}

// limitRetries keeps sarama from sending a batch again and again with waits in
// between after the producer was fenced, which it does not take for final.
func (w *TxnWriter) limitRetries(c *Client) {
	const attempts = 10
	retry := &c.Config().Producer.Retry
	retry.Max = min(retry.Max, attempts)
	retry.BackoffFunc = func(n, most int) time.Duration {
		if w.broken() {
			return 0
		}
		return c.Settings.backoff(n, most)
	}
}

// Write writes records to a topic in one transaction. ErrFenced says that
// another producer took over: the writer is then of no use any more, nor is it
// after any other error for which Broken is true. ctx is looked at before the
// transaction begins; from then on it runs to its end.
func (w *TxnWriter) Write(ctx context.Context, topic string, records ...Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := w.producer.BeginTxn(); err != nil {
		return w.failed("beginning", err)
	}
	messages := make([]*sarama.ProducerMessage, len(records))
	for i, r := range records {
		messages[i] = message(topic, r)
	}
	if err := w.producer.SendMessages(messages); err != nil {
		return w.abort(fmt.Errorf("topic %q: %w", topic, firstError(err)))
	}
	if err := w.producer.CommitTxn(); err != nil {
		return w.abort(err)
	}
	return nil
}

// abort ends a transaction that failed for cause, unless nothing can be done.
func (w *TxnWriter) abort(cause error) error {
	if !w.broken() {
		if err := w.producer.AbortTxn(); err != nil && fenced(err) {
			cause = err
		}
	}
	return w.failed("writing", cause)
}

func (w *TxnWriter) failed(doing string, err error) error {
	return fmt.Errorf("%s a transaction of %q: %w", doing, w.id, asFenced(w.settings.Needs(err, writeRight(err))))
}

// firstError takes the cause out of sarama's list of failed messages.
func firstError(err error) error {
	var list sarama.ProducerErrors
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Err
	}
	return err
}

func (w *TxnWriter) broken() bool {
	return w.producer.TxnStatus()&sarama.ProducerTxnFlagFatalError != 0
}

// Broken reports that no further transaction can succeed: a new writer is needed.
func (w *TxnWriter) Broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken()
}

// Close ends the writer. The client stays open.
func (w *TxnWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.producer.Close(); err != nil {
		return fmt.Errorf("closing the producer with transactional id %q: %w", w.id, err)
	}
	return nil
}
