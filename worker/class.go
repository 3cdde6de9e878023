package worker

import (
	"context"
	"errors"
	"io/fs"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// ClassOf is the class of an error that failed a task.
func ClassOf(err error) connect.Class {
	if class := connect.ClassOf(err); class != "" {
		return class
	}
	var tooLarge *producer.RecordTooLarge
	var late *producer.TimeoutError
	var file *fs.PathError
	var property *kafka.PropertyError
	switch {
	case errors.As(err, &property):
		return connect.ClassConfig
	case errors.As(err, &file): // its cause looks like a network's
		return connect.ClassFatal
	case errors.As(err, &tooLarge):
		return connect.ClassData
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded), kafka.IsRetriable(err):
		return connect.ClassRetriable
	case kafka.IsAuthorization(err), kafka.IsAuthentication(err):
		return connect.ClassConfig
	}
	return connect.ClassFatal
}
