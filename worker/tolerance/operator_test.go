package tolerance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// reports notes what it is told.
type reports struct {
	got []string
	err error
}

func (r *reports) Report(_ context.Context, c Context, cause error) error {
	r.got = append(r.got, fmt.Sprintf("%s %s: %v", c.Stage, c.Class, cause))
	return r.err
}

func TestFailedOperations(t *testing.T) {
	final := errors.New("final")
	retriable := connect.Retriable(errors.New("busy"))
	for name, c := range map[string]struct {
		props     map[string]string
		cause     error
		then      []error // what repetitions return
		reportErr error
		ok        bool
		err       string        // part of it
		tries     int           // repetitions made
		after     time.Duration // until the answer
		reported  int
	}{
		"fatal":              {cause: final, err: "Tolerance exceeded in error handler: connector c, task 4, stage VALUE_CONVERTER, class x.Y, topic t: final", reported: 1},
		"tolerated":          {props: map[string]string{"errors.tolerance": "all"}, cause: final, reported: 1},
		"not retried":        {cause: retriable, err: "busy", reported: 1},
		"retried":            {props: map[string]string{"errors.retry.timeout": "10000"}, cause: retriable, then: []error{retriable, nil}, ok: true, tries: 2, after: 900 * time.Millisecond},
		"retried in vain":    {props: map[string]string{"errors.retry.timeout": "1000"}, cause: retriable, then: []error{retriable, retriable, retriable}, err: "busy", tries: 2, after: 900 * time.Millisecond, reported: 1},
		"final on retry":     {props: map[string]string{"errors.retry.timeout": "-1", "errors.tolerance": "all"}, cause: retriable, then: []error{retriable, final}, tries: 2, after: 900 * time.Millisecond, reported: 1},
		"delay bounded":      {props: map[string]string{"errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "500"}, cause: retriable, then: []error{retriable, retriable, retriable, nil}, ok: true, tries: 4, after: 1800 * time.Millisecond},
		"report fails":       {props: map[string]string{"errors.tolerance": "all"}, cause: final, reportErr: errors.New("queue is gone"), err: "reporting a failed record: queue is gone", reported: 1},
		"data is not for it": {props: map[string]string{"errors.retry.timeout": "-1"}, cause: &connect.DataError{Err: final}, err: "final", reported: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, err := ReadConfig("c", 4, c.props, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				r := &reports{err: c.reportErr}
				cfg.Reporters = []Reporter{r}
				tries, start := 0, time.Now()
				ok, err := New(cfg).Failed(t.Context(), Context{Stage: ValueConverter, Class: "x.Y", Record: &connect.Record{Topic: "t", Partition: connect.NoPartition}}, c.cause, func() error {
					tries++
					return c.then[tries-1]
				})
				if ok != c.ok || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, %v", ok, err)
				}
				if tries != c.tries || len(r.got) != c.reported || time.Since(start) != c.after {
					t.Errorf("%d tries, %d reports, after %s", tries, len(r.got), time.Since(start))
				}
			})
		})
	}
}

// TestPassedOverRecordsAreLogged once a minute, even if nobody asked for more.
func TestPassedOverRecordsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		cfg, err := ReadConfig("c", 4, map[string]string{"errors.tolerance": "all"}, slog.New(slog.NewTextHandler(&out, nil)))
		if err != nil {
			t.Fatal(err)
		}
		o := New(cfg)
		source := &connect.SourceRecord{Record: connect.Record{Topic: "t", Partition: connect.NoPartition},
			Source: &connect.SourcePartition{Key: map[string]any{"server": "a"}}, Offset: connect.FixedOffset(map[string]any{"pos": int64(4)})}
		for _, c := range []struct {
			context Context
			logged  string
		}{
			{Context{Stage: Transformation, Class: "x.T", Record: &source.Record, Source: source},
				`connector c, task 4, stage TRANSFORMATION, class x.T, topic t, source partition {"server":"a"}, source offset {"pos":4}: oops" passed=1`},
			{Context{Stage: Transformation}, ""},
			{Context{Stage: KeyConverter, Class: "x.K", Record: &connect.Record{Topic: "t", Partition: 3}, Original: &sarama.ConsumerMessage{Offset: 12}},
				`connector c, task 4, stage KEY_CONVERTER, class x.K, topic t, partition 3, offset 12: oops" passed=3`},
		} {
			out.Reset()
			if ok, err := o.Failed(t.Context(), c.context, errors.New("oops"), nil); ok || err != nil {
				t.Fatal(ok, err)
			}
			if got := strings.ReplaceAll(out.String(), `\"`, `"`); (got == "") != (c.logged == "") || !strings.Contains(got, c.logged) {
				t.Errorf("logged %q, want %q", got, c.logged)
			}
			time.Sleep(noteEvery / 2)
		}
	})
}

func TestRetryEndsWithTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := ReadConfig("c", 0, map[string]string{"errors.retry.timeout": "-1"}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		busy := connect.Retriable(errors.New("busy"))
		if _, err := New(cfg).Failed(ctx, Context{Stage: Transformation}, busy, func() error { return busy }); !errors.Is(err, busy) {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadProperties(t *testing.T) {
	for _, key := range []string{"errors.retry.timeout", "errors.retry.delay.max.ms"} {
		_, err := ReadConfig("c", 0, map[string]string{key: "soon"}, nil)
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	const key = "errors.deadletterqueue.topic.replication.factor"
	for _, text := range []string{"0", "x", "-2"} {
		if _, err := ReadDLQ(map[string]string{key: text}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if c, err := ReadDLQ(map[string]string{"errors.deadletterqueue.topic.name": " d "}); err != nil || c.Topic != "d" || c.Replication != 3 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestLog(t *testing.T) {
	schema := data.NewStruct().Field("a", data.New(data.TypeInt32).Build()).Build()
	s := data.NewStructValue(schema)
	s.Set(0, data.Int32(5))
	record := &connect.Record{Topic: "t", Partition: 2, Timestamp: 99, Key: data.String("k"), Value: data.StructOf(s)}
	message := &sarama.ConsumerMessage{Topic: "t", Partition: 1, Offset: 7, Timestamp: time.UnixMilli(55)}
	for _, c := range []struct {
		props   map[string]string
		context Context
		want    string
	}{
		{map[string]string{}, Context{Stage: TaskPut}, ""},
		{map[string]string{"errors.log.enable": "true"}, Context{Stage: TaskPut, Class: "x.Y", Record: record},
			"Error encountered in task c-0. Executing stage 'TASK_PUT' with class 'x.Y'."},
		{map[string]string{"errors.log.enable": "true", "errors.log.include.messages": "true"}, Context{Stage: KeyConverter, Class: "x.Y", Record: record},
			`where source record is {topic='t', partition=2, timestamp=99, key="k", value=Struct{a=5 }, headers=0}.`},
		{map[string]string{"errors.log.enable": "true", "errors.log.include.messages": "true"}, Context{Stage: KeyConverter, Class: "x.Y", Record: record, Original: message},
			"where consumed record is {topic='t', partition=1, offset=7, timestamp=55, timestampType=CreateTime}."},
	} {
		var out bytes.Buffer
		cfg, err := ReadConfig("c", 0, c.props, slog.New(slog.NewTextHandler(&out, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(cfg).Failed(t.Context(), c.context, errors.New("oops"), nil); err == nil {
			t.Fatal("not tolerated, but passed over")
		}
		if got := strings.ReplaceAll(out.String(), `\"`, `"`); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("logged %s, want %s", got, c.want)
		}
	}
}

func TestLetters(t *testing.T) {
	inner := &connect.DataError{Err: fmt.Errorf("Not JSON: %w", errors.New("at byte 7"))}
	for _, c := range []struct {
		err                   error
		class, message, trace string
	}{
		{errors.New("oops"), connectException, "oops", connectException + ": oops\n"},
		{inner, "org.apache.kafka.connect.errors.DataException", "Not JSON: ", "org.apache.kafka.connect.errors.DataException: Not JSON: \n\t(Not JSON: at byte 7)\n"},
		{fmt.Errorf("field a: %w", inner), "org.apache.kafka.connect.errors.DataException", "Not JSON: ",
			"org.apache.kafka.connect.errors.DataException: Not JSON: \n\t(field a: Not JSON: at byte 7)\n"},
	} {
		if ExceptionClass(c.err) != c.class || ExceptionMessage(c.err) != c.message || letterTrace(c.err) != c.trace {
			t.Errorf("%v is %s, %q, %q", c.err, ExceptionClass(c.err), ExceptionMessage(c.err), letterTrace(c.err))
		}
	}
}

func TestTrace(t *testing.T) {
	inner := errors.New("connection refused")
	for _, c := range []struct {
		err  error
		want string
	}{
		{inner, "org.apache.kafka.connect.errors.ConnectException: connection refused\n"},
		{fmt.Errorf("reading: %w", &connect.DataError{Err: inner}), "org.apache.kafka.connect.errors.ConnectException: reading: connection refused\n" +
			"Caused by: org.apache.kafka.connect.errors.DataException: connection refused\n"},
		{errors.Join(inner), "org.apache.kafka.connect.errors.ConnectException: connection refused\n"},
		{fmt.Errorf("writing: %w", producer.ErrFenced), "org.apache.kafka.connect.errors.ConnectException: writing: " + producer.ErrFenced.Error() + "\n" +
			"Caused by: org.apache.kafka.common.errors.ProducerFencedException: " + producer.ErrFenced.Error() + "\n"},
		{&connect.ConfigError{Key: "a", Err: inner}, "org.apache.kafka.common.config.ConfigException: a: connection refused\n" +
			"Caused by: org.apache.kafka.connect.errors.ConnectException: connection refused\n"},
	} {
		if got := Trace(c.err); got != c.want {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
}
