package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// transaction is the sender's side of transactions (KIP-98). A transaction is
// open between Begin and the end of Commit or Abort. A partition joins it before
// its first batch is sent. The first failure of a batch fails the transaction:
// everything else that belongs to it is dropped, and only Abort is possible.
type transaction struct {
	id      string // "" for a producer without transactions
	open    bool
	started bool // the coordinator knows of it
	failed  error
	wanting []*partition // to be added
	adding  bool
}

// txnEvent runs on the sender.
type txnEvent func(s *sender)

// admits reports whether a partition may send, and adds it to the transaction
// otherwise.
func (t *transaction) admits(s *sender, p *partition) bool {
	if t.id == "" || p.inTxn {
		return true
	}
	if t.open && !p.joining {
		p.joining = true
		t.wanting = append(t.wanting, p)
	}
	return false
}

// addPartitions adds what wants to join, one request at a time.
func (t *transaction) addPartitions(s *sender) {
	if t.failed != nil {
		for _, p := range t.wanting {
			p.joining = false
		}
		t.wanting = nil
	}
	if t.adding || len(t.wanting) == 0 {
		return
	}
	parts := t.wanting
	t.wanting, t.adding = nil, true
	id := s.id
	go func() {
		err := s.addToTxn(s.life, id, parts)
		s.p.mail.post(txnEvent(func(s *sender) { s.txn.added(s, parts, err) }))
	}()
}

func (t *transaction) added(s *sender, parts []*partition, err error) {
	t.adding = false
	t.started = t.started || err == nil
	for _, p := range parts {
		p.joining = false
		p.inTxn = err == nil
		s.schedule(p)
	}
	if errors.Is(err, ErrFenced) {
		s.fail(err)
	} else if err != nil {
		t.fail(err)
	}
}

// fail makes the transaction one that can only be aborted.
func (t *transaction) fail(err error) {
	if t.id != "" && t.failed == nil {
		t.failed = err
	}
}

// reset ends the transaction on the sender's books.
func (t *transaction) reset(s *sender) {
	t.open, t.started, t.failed = false, false, nil
	for _, topic := range s.topics {
		for _, p := range topic.partitions() {
			p.inTxn = false
		}
	}
}

// onSender runs f on the sender and waits for it.
func (p *Producer) onSender(ctx context.Context, f func(s *sender)) error {
	ran := make(chan none)
	p.mail.post(txnEvent(func(s *sender) { f(s); close(ran) }))
	select {
	case <-ran:
		return nil
	case <-p.done:
		return p.endedBy()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// BeginTxn opens a transaction: what is appended from now on belongs to it.
func (p *Producer) BeginTxn(ctx context.Context) error {
	var was bool
	err := p.onSender(ctx, func(s *sender) { was, s.txn.open = s.txn.open, true })
	switch {
	case err != nil:
		return fmt.Errorf("beginning a transaction: %w", err)
	case was:
		return errors.New("beginning a transaction: the previous one is still open")
	}
	return nil
}

// CommitTxn waits until everything in the transaction is written and commits it.
// After an error that is not ErrFenced and not ctx's, AbortTxn ends the
// transaction; when ctx ended the outcome is open.
func (p *Producer) CommitTxn(ctx context.Context) error {
	if err := p.Wait(ctx); err != nil {
		return fmt.Errorf("committing a transaction: %w", err)
	}
	var t transaction
	var id identity
	if err := p.onSender(ctx, func(s *sender) { t, id = s.txn, s.id }); err != nil {
		return fmt.Errorf("committing a transaction: %w", err)
	}
	if t.failed != nil {
		return fmt.Errorf("committing a transaction: %w", t.failed)
	}
	if t.started {
		if err := p.send.endTxn(ctx, id, true); err != nil {
			return fmt.Errorf("committing a transaction: %w", err)
		}
	}
	return p.onSender(ctx, func(s *sender) { s.txn.reset(s) })
}

// AbortTxn drops what was not sent yet and aborts the transaction. The producer
// goes on with a new epoch, as sequence numbers of dropped batches are gone.
func (p *Producer) AbortTxn(ctx context.Context) error {
	err := p.onSender(ctx, func(s *sender) { s.txn.fail(ErrAborted) })
	if err == nil {
		err = p.Wait(ctx)
	}
	var t transaction
	var id identity
	if err == nil {
		err = p.onSender(ctx, func(s *sender) { t, id = s.txn, s.id })
	}
	if err == nil && t.started {
		err = p.send.endTxn(ctx, id, false)
	}
	if err == nil {
		id, err = p.send.initTransactional(ctx, id)
	}
	if err == nil {
		err = p.onSender(ctx, func(s *sender) { s.txn.reset(s); s.adopt(id) })
	}
	if err != nil {
		return fmt.Errorf("aborting a transaction: %w", err)
	}
	return nil
}

// initTransactional takes over the transactional id, or bumps the epoch of old.
func (s *sender) initTransactional(ctx context.Context, old identity) (id identity, err error) {
	err = s.coordinate(ctx, func(b *sarama.Broker) error {
		r, err := b.InitProducerID(&sarama.InitProducerIDRequest{
			Version: 4, TransactionalID: &s.txn.id, TransactionTimeout: s.cfg.TransactionTimeout,
			ProducerID: old.id, ProducerEpoch: old.epoch,
		})
		if err != nil {
			return err
		}
		id = identity{r.ProducerID, r.ProducerEpoch}
		return kafkaError(r.Err)
	})
	return id, err
}

func (s *sender) endTxn(ctx context.Context, id identity, commit bool) error {
	return s.coordinate(ctx, func(b *sarama.Broker) error {
		r, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: s.txn.id, ProducerID: id.id, ProducerEpoch: id.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return kafkaError(r.Err)
	})
}

func (s *sender) addToTxn(ctx context.Context, id identity, parts []*partition) error {
	wanted := map[string][]int32{}
	for _, p := range parts {
		wanted[p.topic.name] = append(wanted[p.topic.name], p.id)
	}
	err := s.coordinate(ctx, func(b *sarama.Broker) error {
		r, err := b.AddPartitionsToTxn(&sarama.AddPartitionsToTxnRequest{
			Version: 3, TransactionalID: s.txn.id, ProducerID: id.id, ProducerEpoch: id.epoch, TopicPartitions: wanted,
		})
		if err != nil {
			return err
		}
		return worstOf(r.Errors)
	})
	if err != nil {
		return fmt.Errorf("adding partitions to the transaction: %w", err)
	}
	return nil
}

// worstOf is the error that tells most: OPERATION_NOT_ATTEMPTED stands beside
// another one.
func worstOf(errs map[string][]*sarama.PartitionError) error {
	var worst error
	for topic, parts := range errs {
		for _, p := range parts {
			if p.Err != sarama.ErrNoError && (worst == nil || p.Err != sarama.ErrOperationNotAttempted) {
				worst = &BrokerError{Topic: topic, Partition: p.Partition, Code: p.Err}
			}
		}
	}
	return worst
}

func kafkaError(e sarama.KError) error {
	if e == sarama.ErrNoError {
		return nil
	}
	return e
}

// coordinate asks the transaction coordinator until it gives an answer that
// waiting does not change, or ctx ends.
func (s *sender) coordinate(ctx context.Context, do func(*sarama.Broker) error) error {
	for failures := 1; ; failures++ {
		b, err := s.cfg.Client.TransactionCoordinator(s.txn.id)
		if err == nil {
			err = do(b)
		}
		wait := backoff(s.cfg.RetryBackoff, s.cfg.RetryBackoffMax, failures)
		var code sarama.KError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, sarama.ErrClosedClient):
			return err
		case !errors.As(err, &code):
			if b != nil {
				_ = b.Close() // after a failed read the connection is of no more use
			}
			_ = s.cfg.Client.RefreshTransactionCoordinator(s.txn.id)
		case code == sarama.ErrProducerFenced, code == sarama.ErrInvalidProducerEpoch, code == sarama.ErrTransactionCoordinatorFenced:
			return ErrFenced
		case code == sarama.ErrConcurrentTransactions:
			wait = min(time.Millisecond<<min(failures, 10), concurrentWait)
		case isCoordinatorMove(code):
			_ = s.cfg.Client.RefreshTransactionCoordinator(s.txn.id)
		case code != sarama.ErrUnknownTopicOrPartition && code != sarama.ErrRequestTimedOut:
			return err
		}
		if e := sleep(ctx, wait); e != nil {
			return fmt.Errorf("%w: %w", e, err)
		}
	}
}

// concurrentWait is the longest wait between two looks at whether the coordinator
// has ended the previous transaction, which mostly takes milliseconds.
const concurrentWait = 20 * time.Millisecond

func isCoordinatorMove(code sarama.KError) bool {
	switch code {
	case sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer:
		return true
	}
	return false
}
