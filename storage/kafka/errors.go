package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/IBM/sarama"
)

// ErrFenced says that another producer with the same transactional id has taken
// over: this one must stop.
var ErrFenced = errors.New("the producer was fenced: another producer with the same transactional id has taken over")

// ErrMayNotCreate says that a topic does not exist, as far as the principal may see,
// and that it may not create one.
var ErrMayNotCreate = errors.New("it does not exist and may not be created")

// ErrNoTopic says that a topic does not exist.
var ErrNoTopic = errors.New("the topic does not exist")

// fenced reports whether sarama's error means that a producer was fenced. Code
// 47 comes for a send in an open transaction, 90 for its commit.
func fenced(err error) bool {
	return errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch) ||
		errors.Is(err, ErrFenced)
}

// asFenced makes the error of a fenced producer recognisable.
func asFenced(err error) error {
	if err != nil && fenced(err) && !errors.Is(err, ErrFenced) {
		return fmt.Errorf("%w (%w)", ErrFenced, err)
	}
	return err
}

// IsAuthorization reports whether the brokers refused err's request because the
// principal may not make it.
func IsAuthorization(err error) bool {
	for _, code := range []sarama.KError{
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
		sarama.ErrClusterAuthorizationFailed, sarama.ErrTransactionalIDAuthorizationFailed,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// IsAuthentication reports whether a broker has not let the client in.
func IsAuthentication(err error) bool {
	return errors.Is(err, sarama.ErrSASLAuthenticationFailed) || errors.Is(err, sarama.ErrUnsupportedSASLMechanism)
}

// Needs adds to an error by which the brokers refuse what a client wants the right
// that its user needs, such as "WRITE on the topic"; other errors stay as they are.
func (s *Settings) Needs(err error, right string) error {
	if !IsAuthorization(err) {
		return err
	}
	return fmt.Errorf("%w: %s needs %s", err, s.User(), right)
}

// User names who a client is by the property that says so.
func (s *Settings) User() string {
	who := "the " + s.Role.String() + "'s user"
	switch {
	case s.SASL != nil && s.SASL.User != "":
		return who + " " + s.SASL.User + " (sasl.jaas.config)"
	case s.SASL != nil:
		return who + ", that of sasl.jaas.config,"
	case s.TLS != nil && len(s.TLS.Certificates) > 0:
		return who + ", whose certificate is in ssl.keystore.location,"
	}
	return who + ", the anonymous one (security.protocol),"
}

// IsRetriable reports whether a request that failed with err may succeed when it
// is made again unchanged: the connection broke, a leader or coordinator moved, a
// broker was too slow, or there was no token to log in with.
func IsRetriable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrFenced):
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, sarama.ErrOutOfBrokers), errors.Is(err, sarama.ErrNotConnected),
		errors.Is(err, sarama.ErrLeaderNotAvailable), errors.Is(err, sarama.ErrIncompleteResponse):
		return true
	}
	var netErr net.Error
	var kerberos *KerberosError
	var login *loginError
	if errors.As(err, &netErr) || errors.As(err, &kerberos) || errors.As(err, &login) || strings.HasSuffix(err.Error(), breakerOpen) {
		return true
	}
	var code sarama.KError
	return errors.As(err, &code) && retriableCodes[code]
}

// breakerOpen ends the error of a sarama producer that has failed a few times lately
// and does not try for a while; its type is that of a package of sarama's own.
const breakerOpen = "circuit breaker is open"

// retriableCodes are the error codes that Kafka's protocol calls retriable.
var retriableCodes = map[sarama.KError]bool{
	sarama.ErrInvalidMessage: true, sarama.ErrUnknownTopicOrPartition: true, sarama.ErrLeaderNotAvailable: true,
	sarama.ErrNotLeaderForPartition: true, sarama.ErrRequestTimedOut: true, sarama.ErrReplicaNotAvailable: true,
	sarama.ErrNetworkException: true, sarama.ErrOffsetsLoadInProgress: true,
	sarama.ErrConsumerCoordinatorNotAvailable: true, sarama.ErrNotCoordinatorForConsumer: true,
	sarama.ErrNotEnoughReplicas: true, sarama.ErrNotEnoughReplicasAfterAppend: true,
	sarama.ErrNotController: true, sarama.ErrConcurrentTransactions: true, sarama.ErrKafkaStorageError: true,
	sarama.ErrFetchSessionIDNotFound: true, sarama.ErrInvalidFetchSessionEpoch: true,
	sarama.ErrListenerNotFound: true, sarama.ErrFencedLeaderEpoch: true, sarama.ErrUnknownLeaderEpoch: true,
	sarama.ErrOffsetNotAvailable: true, sarama.ErrPreferredLeaderNotAvailable: true,
	sarama.ErrEligibleLeadersNotAvailable: true, sarama.ErrUnstableOffsetCommit: true, sarama.ErrThrottlingQuotaExceeded: true,
}

// await runs a call that knows no context and returns early when ctx ends. The
// call then goes on until its own timeout; its result is dropped.
func await[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := call()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

func awaitErr(ctx context.Context, call func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, call() })
	return err
}
