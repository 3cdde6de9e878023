package tolerance

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
)

const connectException = "org.apache.kafka.connect.errors.ConnectException"

// ExceptionClass is the Java exception that stands for an error where Java's
// users look for one, in headers of the dead letter queue: that of the first
// error in its chain that has one.
func ExceptionClass(err error) string {
	for ; err != nil; err = unwrap(err) {
		if class := ownClass(err); class != "" {
			return class
		}
	}
	return connectException
}

// ExceptionMessage is what the Java exception of ExceptionClass says: the text of
// that error, without the text of its cause.
func ExceptionMessage(err error) string {
	for e := err; e != nil; e = unwrap(e) {
		if ownClass(e) != "" {
			return ownText(e)
		}
	}
	return ownText(err)
}

// ownText is the text of an error without that of its cause.
func ownText(err error) string {
	text := err.Error()
	for cause := unwrap(err); cause != nil; cause = unwrap(cause) {
		if inner := cause.Error(); inner != text {
			return strings.TrimSuffix(text, inner)
		}
	}
	return text
}

// letterTrace begins as Java's stack trace does; where that says less than the
// error, the whole of it follows.
func letterTrace(err error) string {
	b := ExceptionClass(err) + ": " + ExceptionMessage(err) + "\n"
	if whole := err.Error(); whole != ExceptionMessage(err) {
		b += "\t(" + whole + ")\n"
	}
	for cause := err; cause != nil; cause = unwrap(cause) {
		if stack := stackOf(cause); stack != "" {
			return b + strings.TrimPrefix(stack, "\n") + "\n"
		}
	}
	return b
}

// ownClass is the Java exception that stands for an error itself, "" when there
// is no particular one.
func ownClass(err error) string {
	if j, ok := err.(interface{ JavaClass() string }); ok {
		return j.JavaClass()
	}
	switch err.(type) { //nolint:errorlint // its causes are asked by themselves
	case *connect.DataError:
		return "org.apache.kafka.connect.errors.DataException"
	case *connect.ConfigError:
		return "org.apache.kafka.common.config.ConfigException"
	case *connect.RetriableError:
		return "org.apache.kafka.connect.errors.RetriableException"
	case *producer.RecordTooLarge:
		return "org.apache.kafka.common.errors.RecordTooLargeException"
	case *producer.TimeoutError:
		return "org.apache.kafka.common.errors.TimeoutException"
	case *producer.BrokerError:
		return "org.apache.kafka.common.KafkaException"
	}
	switch err {
	case producer.ErrFenced: //nolint:errorlint // as above
		return "org.apache.kafka.common.errors.ProducerFencedException"
	case context.DeadlineExceeded:
		return "org.apache.kafka.common.errors.TimeoutException"
	}
	return ""
}

// Trace renders an error in the shape of a Java stack trace without its frames:
// the exception, and then each cause that adds something.
func Trace(err error) string {
	cause := unwrap(err)
	for cause != nil && cause.Error() == err.Error() && ownClass(err) == "" { // a wrapper that says nothing
		err, cause = cause, unwrap(cause)
	}
	var b strings.Builder
	b.WriteString(cmp.Or(ownClass(err), connectException) + ": " + err.Error() + stackOf(err))
	for last := err.Error(); cause != nil; cause = unwrap(cause) {
		if text := cause.Error(); text != last {
			b.WriteString("\nCaused by: " + cmp.Or(ownClass(cause), connectException) + ": " + text)
			last = text
		}
		b.WriteString(stackOf(cause))
	}
	return b.String() + "\n"
}

// stackOf is where an error arose that knows, as lines below it.
func stackOf(err error) string {
	s, ok := err.(interface{ Stack() string })
	if !ok {
		return ""
	}
	return "\n\t" + strings.ReplaceAll(strings.TrimSpace(s.Stack()), "\n", "\n\t")
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
