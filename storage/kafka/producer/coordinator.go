package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

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
	if err != nil {
		return id, fmt.Errorf("taking the transactional id %s: %w", s.txn.id, s.explained(err))
	}
	return id, nil
}

func (s *sender) endTxn(ctx context.Context, id identity, commit bool) error {
	err := s.coordinate(ctx, func(b *sarama.Broker) error {
		r, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: s.txn.id, ProducerID: id.id, ProducerEpoch: id.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return kafkaError(r.Err)
	})
	if err != nil {
		return fmt.Errorf("ending the transaction %s: %w", s.txn.id, s.explained(err))
	}
	return nil
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
		return worstOf(r.Errors, s.cfg.User)
	})
	if err != nil {
		return fmt.Errorf("adding partitions to the transaction %s: %w", s.txn.id, s.explained(err))
	}
	return nil
}

// worstOf is the error that tells most: OPERATION_NOT_ATTEMPTED stands beside
// another one.
func worstOf(errs map[string][]*sarama.PartitionError, user string) error {
	var worst error
	for topic, parts := range errs {
		for _, p := range parts {
			if p.Err != sarama.ErrNoError && (worst == nil || p.Err != sarama.ErrOperationNotAttempted) {
				worst = &BrokerError{Topic: topic, Partition: p.Partition, Code: p.Err, User: user}
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
			s.unreached.Over()
			return nil
		case errors.Is(err, sarama.ErrClosedClient):
			return err
		case kafka.IsAuthentication(err):
			return s.cfg.Advised(err)
		case !errors.As(err, &code):
			if failures > idleLoss {
				s.unreached.Log(s.log, slog.LevelWarn, "the transaction coordinator does not answer and is asked again", s.cfg.Advised(err), "transactional.id", s.txn.id)
			}
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

// idleLoss is how often a request may fail before that is told: brokers close
// connections that were idle for long.
const idleLoss = 2

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
