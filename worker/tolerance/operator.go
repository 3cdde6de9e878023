// Package tolerance decides what becomes of an operation that failed: it is
// tried again, passed over, or ends the task (RetryWithToleranceOperator,
// KIP-298).
package tolerance

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/worker/metrics"
)

// Stage is where in the path of a record an operation stands
// (org.apache.kafka.connect.runtime.errors.Stage).
type Stage string

// The stages.
const (
	TaskPut         Stage = "TASK_PUT"
	TaskPoll        Stage = "TASK_POLL"
	KafkaProduce    Stage = "KAFKA_PRODUCE"
	KafkaConsume    Stage = "KAFKA_CONSUME"
	KeyConverter    Stage = "KEY_CONVERTER"
	ValueConverter  Stage = "VALUE_CONVERTER"
	HeaderConverter Stage = "HEADER_CONVERTER"
	Transformation  Stage = "TRANSFORMATION"
)

// Config says what is tolerated.
type Config struct {
	Connector string
	Task      int
	// RetryTimeout is errors.retry.timeout: how long a retriable failure is
	// tried again; 0 for never, negative for ever.
	RetryTimeout time.Duration
	// RetryDelayMax is errors.retry.delay.max.ms.
	RetryDelayMax time.Duration
	// All is errors.tolerance=all.
	All bool
	// Log is errors.log.enable, LogMessages errors.log.include.messages.
	Log, LogMessages bool
	Logger           *slog.Logger
	// Counts counts what goes wrong; nil for nobody.
	Counts *metrics.Task
	// Reporters come after the log.
	Reporters []Reporter
}

// ReadConfig reads the errors.* properties of a connector.
func ReadConfig(connector string, task int, props map[string]string, log *slog.Logger) (Config, error) {
	c := Config{Connector: connector, Task: task, RetryDelayMax: time.Minute, Logger: log}
	millis := func(key string, to *time.Duration) error {
		text, given := props[key]
		if !given {
			return nil
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return &connect.ConfigError{Key: key, Err: fmt.Errorf("%q is not a number of milliseconds", text)}
		}
		*to = time.Duration(n) * time.Millisecond
		return nil
	}
	if err := millis("errors.retry.timeout", &c.RetryTimeout); err != nil {
		return c, err
	}
	if err := millis("errors.retry.delay.max.ms", &c.RetryDelayMax); err != nil {
		return c, err
	}
	c.All = strings.EqualFold(strings.TrimSpace(props["errors.tolerance"]), "all")
	c.Log = isTrue(props["errors.log.enable"])
	c.LogMessages = isTrue(props["errors.log.include.messages"])
	return c, nil
}

func isTrue(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "true") }

// Context says what was being done to which record, for messages.
type Context struct {
	Stage  Stage
	Class  string // Java class of the plugin
	Record *connect.Record
	// Original is the message that a sink record was made from; nil for source
	// records.
	Original *sarama.ConsumerMessage
	// Source is the record of a source task; nil for sink records.
	Source *connect.SourceRecord
}

// Reporter is told of failures for which nothing more is tried, tolerated or not.
// An error ends the task.
type Reporter interface {
	Report(ctx context.Context, c Context, cause error) error
}

// Operator carries out operations. It belongs to one goroutine.
type Operator struct {
	cfg    Config
	noteAt time.Time // when the log may next tell of a record that is passed over
}

// New makes an Operator.
func New(cfg Config) *Operator {
	if cfg.Counts == nil {
		cfg.Counts = metrics.New(nil).Failed(metrics.TaskInfo{Connector: cfg.Connector, Task: cfg.Task})
	}
	return &Operator{cfg: cfg}
}

const firstDelay = 300 * time.Millisecond

// Failed deals with the failure of an operation that f repeats; a nil f stands
// for one that is not repeated. It returns ok
// when a repetition has succeeded, neither ok nor an error when the record is to
// be passed over, and the error that ends the task otherwise.
func (o *Operator) Failed(ctx context.Context, c Context, cause error, f func() error) (ok bool, err error) {
	o.cfg.Counts.Failed()
	if f != nil && connect.IsRetriable(cause) && o.cfg.RetryTimeout != 0 {
		if cause = o.retry(ctx, cause, f); cause == nil {
			return true, nil
		}
	}
	if err := o.report(ctx, c, cause); err != nil {
		return false, err
	}
	o.cfg.Counts.Failures.Add(1)
	if !o.cfg.All {
		return false, fmt.Errorf("Tolerance exceeded in error handler: %w", o.describe(c, cause))
	}
	o.cfg.Counts.Skipped.Add(1)
	o.note(c, cause)
	return false, nil
}

// noteEvery is how often the log tells of records that are passed over, where
// errors.log.enable does not ask for each: nothing is lost without a word.
const noteEvery = time.Minute

func (o *Operator) note(c Context, cause error) {
	if now := time.Now(); !o.cfg.Log && !now.Before(o.noteAt) {
		o.noteAt = now.Add(noteEvery)
		o.cfg.Logger.Warn("a record is passed over, as errors.tolerance=all says; the next ones within a minute are only counted",
			"error", o.describe(c, cause), "passed", int64(o.cfg.Counts.Skipped.Value()))
	}
}

func (o *Operator) report(ctx context.Context, c Context, cause error) error {
	if o.cfg.Log {
		o.cfg.Logger.Error(o.message(c), "error", cause)
		o.cfg.Counts.Logged.Add(1)
	}
	for _, r := range o.cfg.Reporters {
		if err := r.Report(ctx, c, cause); err != nil {
			return fmt.Errorf("reporting a failed record: %w", err)
		}
	}
	return nil
}

// retry repeats f with growing delays until it succeeds, fails for good, or the
// time is over; it returns the last failure.
func (o *Operator) retry(ctx context.Context, cause error, f func() error) error {
	deadline := time.Now().Add(o.cfg.RetryTimeout)
	for delay := min(firstDelay, o.cfg.RetryDelayMax); o.cfg.RetryTimeout < 0 || time.Now().Add(delay).Before(deadline); delay = min(2*delay, o.cfg.RetryDelayMax) {
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return cause
		case <-timer.C:
		}
		o.cfg.Counts.Retries.Add(1)
		if cause = f(); cause == nil || !connect.IsRetriable(cause) {
			return cause
		}
	}
	return cause
}

// describe adds where it happened, as Java's error context does.
func (o *Operator) describe(c Context, cause error) error {
	where := fmt.Sprintf("connector %s, task %d, stage %s", o.cfg.Connector, o.cfg.Task, c.Stage)
	if c.Class != "" {
		where += ", class " + c.Class
	}
	if c.Record != nil {
		where += ", topic " + c.Record.Topic
		if c.Record.Partition != connect.NoPartition {
			where += ", partition " + strconv.Itoa(int(c.Record.Partition))
		}
	}
	if c.Original != nil {
		where += ", offset " + strconv.FormatInt(c.Original.Offset, 10)
	}
	if c.Source != nil && c.Source.Source != nil {
		where += fmt.Sprintf(", source partition %s, source offset %s", asJSON(c.Source.Source.Key), asJSON(c.Source.Offset.Map()))
	}
	return fmt.Errorf("%s: %w", where, cause)
}

// asJSON is a source partition or offset as the offset topic has it.
func asJSON(m map[string]any) string {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Sprint(m)
	}
	return string(b)
}
