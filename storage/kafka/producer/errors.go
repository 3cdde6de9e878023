package producer

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// Errors that end a producer: all batches on their way fail with them.
var (
	// ErrClosed is the error of batches that were not sent when Close gave up.
	ErrClosed = errors.New("the producer is closed")
	// ErrFenced says that another producer has taken over the transactional id
	// (ProducerFencedException). Nothing that this one wrote since will be seen.
	ErrFenced = errors.New("there is a newer producer with the same transactional.id which fences the current one")
	// ErrAborted is the error of batches that were dropped because their
	// transaction was aborted.
	ErrAborted = errors.New("the transaction was aborted")
)

// RecordTooLarge says that a record exceeds a limit of the producer
// (RecordTooLargeException).
type RecordTooLarge struct {
	Topic   string
	Key     string // shortened
	Size    int    // bytes when serialised, 0 when only the broker knows
	Limit   int
	Setting string // the property that sets the limit
}

func (e *RecordTooLarge) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("the record with key %q for topic %s is larger than the broker allows: raise the topic's max.message.bytes (broker: message.max.bytes), "+
			"or set producer.override.compression.type", e.Key, e.Topic)
	}
	return fmt.Sprintf("the record with key %q for topic %s is %d bytes when serialized, which is larger than %d, the value of %s: raise producer.override.%s",
		e.Key, e.Topic, e.Size, e.Limit, e.Setting, e.Setting)
}

// BrokerError is an answer by which a broker refuses a batch for good.
type BrokerError struct {
	Topic     string
	Partition int32
	Code      sarama.KError
	Message   string // of the broker, often ""
	User      string // who is refused, and by which property it is that one; may be ""
}

func (e *BrokerError) Error() string {
	text := fmt.Sprintf("writing to %s-%d: %v", e.Topic, e.Partition, e.Code)
	if e.Message != "" {
		text += ": " + e.Message
	}
	if h := hint(e.Code, e.User); h != "" {
		text += " (" + h + ")"
	}
	return text
}

func (e *BrokerError) Unwrap() error { return e.Code }

// hint says how to mend what a broker refuses to user; "" when nobody knows.
func hint(code sarama.KError, user string) string {
	user = cmp.Or(user, "the producer's user")
	switch code {
	case sarama.ErrTopicAuthorizationFailed:
		return user + " needs WRITE on the topic"
	case sarama.ErrClusterAuthorizationFailed:
		return user + " needs IDEMPOTENT_WRITE on the cluster, or WRITE on any topic if the brokers are of Kafka 2.8 or newer"
	case sarama.ErrTransactionalIDAuthorizationFailed:
		return user + " needs WRITE and DESCRIBE on the transactional id"
	case sarama.ErrPolicyViolation:
		return "a policy of the cluster forbids it"
	}
	return ""
}

// explained adds to a refusal which right the user lacks; other errors stay as they
// are, and those that say so themselves.
func (s *sender) explained(err error) error {
	var code sarama.KError
	var refused *BrokerError
	if errors.As(err, &refused) || !errors.As(err, &code) || hint(code, s.cfg.User) == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint(code, s.cfg.User))
}

// TimeoutError says that a batch could not be written in delivery.timeout.ms,
// or that a topic had no partition to write to for max.block.ms.
type TimeoutError struct {
	What  string
	Cause error // the last failure, nil when there was none
}

func (e *TimeoutError) Error() string {
	if e.Cause == nil {
		return e.What
	}
	return e.What + ": " + e.Cause.Error()
}

func (e *TimeoutError) Unwrap() error { return e.Cause }

// verdict is what follows from a broker's answer.
type verdict uint8

const (
	done     verdict = iota
	retry            // as it is, after a while
	moved            // retry once the leader is known anew
	doubtful         // retry; the batch may have been written
	tooLarge         // split it, or give the record up
	reorder          // the sequence number is not what the broker expects
	fenced           // another producer with this transactional id
	refused          // for good
)

// judge classifies the answers to Produce. What is not known to be retriable
// (org.apache.kafka.common.errors.RetriableException) is refused.
func judge(code int16) verdict {
	switch sarama.KError(code) {
	case sarama.ErrNoError, sarama.ErrDuplicateSequenceNumber:
		// A duplicate was written by an attempt whose answer was lost.
		return done
	case sarama.ErrNotLeaderForPartition, sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable,
		sarama.ErrReplicaNotAvailable, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrBrokerNotAvailable:
		return moved
	case sarama.ErrNotEnoughReplicas, sarama.ErrThrottlingQuotaExceeded, sarama.ErrConcurrentTransactions:
		return retry
	case sarama.ErrInvalidMessage, sarama.ErrRequestTimedOut, sarama.ErrNotEnoughReplicasAfterAppend,
		sarama.ErrKafkaStorageError, sarama.ErrNetworkException:
		// ErrInvalidMessage is CORRUPT_MESSAGE: damaged on the way.
		return doubtful
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge:
		return tooLarge
	case sarama.ErrOutOfOrderSequenceNumber, sarama.ErrUnknownProducerID, sarama.ErrInvalidProducerEpoch:
		return reorder
	case sarama.ErrProducerFenced:
		return fenced
	}
	return refused
}
