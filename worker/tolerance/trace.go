package tolerance

import (
	"context"
	"errors"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// ExceptionClass is the Java exception that stands for an error where Java's
// users look for one: in traces and in headers of the dead letter queue.
func ExceptionClass(err error) string {
	var (
		dataErr  *connect.DataError
		confErr  *connect.ConfigError
		retry    *connect.RetriableError
		large    *producer.RecordTooLarge
		timeout  *producer.TimeoutError
		refusal  *producer.BrokerError
		deadline = errors.Is(err, context.DeadlineExceeded)
	)
	switch {
	case errors.As(err, &large):
		return "org.apache.kafka.common.errors.RecordTooLargeException"
	case errors.Is(err, producer.ErrFenced):
		return "org.apache.kafka.common.errors.ProducerFencedException"
	case errors.As(err, &timeout), deadline:
		return "org.apache.kafka.common.errors.TimeoutException"
	case errors.As(err, &refusal):
		return "org.apache.kafka.common.KafkaException"
	case errors.As(err, &dataErr):
		return "org.apache.kafka.connect.errors.DataException"
	case errors.As(err, &confErr):
		return "org.apache.kafka.common.config.ConfigException"
	case errors.As(err, &retry):
		return "org.apache.kafka.connect.errors.RetriableException"
	}
	return "org.apache.kafka.connect.errors.ConnectException"
}

// Trace renders an error in the shape of a Java stack trace without its frames:
// the exception, and then each cause that adds something.
func Trace(err error) string {
	const connectException = "org.apache.kafka.connect.errors.ConnectException"
	cause := unwrap(err)
	for cause != nil && cause.Error() == err.Error() { // a wrapper that says nothing
		err, cause = cause, unwrap(cause)
	}
	class := connectException
	if cause == nil {
		class = ExceptionClass(err)
	}
	var b strings.Builder
	b.WriteString(class + ": " + err.Error())
	for last := err.Error(); cause != nil; cause = unwrap(cause) {
		if text := cause.Error(); text != last {
			b.WriteString("\nCaused by: " + ExceptionClass(cause) + ": " + text)
			last = text
		}
	}
	return b.String() + "\n"
}

// unwrap is the first cause of an error, also of one that has several.
func unwrap(err error) error {
	if e := errors.Unwrap(err); e != nil {
		return e
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		if all := list.Unwrap(); len(all) > 0 {
			return all[0]
		}
	}
	return nil
}
