package herder

import (
	"context"
	"strings"
	"time"

	"github.com/millrace/millrace/worker/logging"
)

// LoggerLevels makes the worker's loggers what Local needs.
type LoggerLevels struct{ Of *logging.Levels }

var _ Levels = LoggerLevels{}

// Level is Levels'. "root", in any case, and "" are the root logger.
func (l LoggerLevels) Level(logger string) (LoggerLevel, bool) {
	s, ok := l.Of.Get(known(logger))
	return levelOf(s), ok
}

// Levels is Levels'.
func (l LoggerLevels) Levels() map[string]LoggerLevel {
	out := map[string]LoggerLevel{}
	for name, s := range l.Of.All() {
		out[name] = levelOf(s)
	}
	return out
}

// Set is Levels'.
func (l LoggerLevels) Set(logger, level string) (changed []string, valid bool) {
	parsed, ok := logging.ParseLevel(level)
	if !ok {
		return nil, false
	}
	return l.Of.Set(known(logger), parsed), true
}

func known(logger string) string {
	if logger == "" || strings.EqualFold(logger, logging.Root) {
		return logging.Root
	}
	return logger
}

func levelOf(s logging.Setting) LoggerLevel {
	out := LoggerLevel{Level: logging.LevelName(s.Level)}
	if !s.Changed.IsZero() {
		ms := s.Changed.UnixMilli()
		out.LastModified = &ms
	}
	return out
}

// ResolverFunc is a function that resolves.
type ResolverFunc func(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error)

// Resolve is Resolver's.
func (f ResolverFunc) Resolve(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error) {
	return f(ctx, config)
}
