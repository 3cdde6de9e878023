package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
)

func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want connect.Class
	}{
		{errors.New("who knows"), connect.ClassFatal},
		{fmt.Errorf("opening: %w", &fs.PathError{Op: "open", Path: "/f", Err: syscall.ENOENT}), connect.ClassFatal},
		{&panicError{value: "oops"}, connect.ClassFatal},
		{connect.Retriable(errors.New("busy")), connect.ClassRetriable},
		{fmt.Errorf("converting: %w", &connect.DataError{Err: errors.New("no number")}), connect.ClassData},
		{&connect.ConfigError{Key: "k", Err: io.EOF}, connect.ClassConfig},
		{fmt.Errorf("writing: %w", io.ErrUnexpectedEOF), connect.ClassRetriable},
		{&producer.TimeoutError{What: "no answer"}, connect.ClassRetriable},
		{&producer.RecordTooLarge{}, connect.ClassData},
		{fmt.Errorf("starting: %w", context.DeadlineExceeded), connect.ClassRetriable},
		{sarama.ErrTopicAuthorizationFailed, connect.ClassConfig},
		{fmt.Errorf("connecting: %w", sarama.ErrSASLAuthenticationFailed), connect.ClassConfig},
		{fmt.Errorf("creating the topic: %w", errors.Join(&kafka.PropertyError{Property: "sasl.jaas.config", Reason: "is missing"})), connect.ClassConfig},
		{fmt.Errorf("committing: %w", kafka.ErrFenced), connect.ClassFatal},
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}
