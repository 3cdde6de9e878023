package datagen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// verifiableSink prints a line of JSON for each record when it arrives and when
// its offset is about to be committed.
type verifiableSink struct {
	name      string
	id        int
	unflushed []received
	out       io.Writer
	text      []byte // lines not yet printed
}

var (
	_ connect.SinkTask     = (*verifiableSink)(nil)
	_ connect.PreCommitter = (*verifiableSink)(nil)
)

func newVerifiableSink() connect.SinkTask { return &verifiableSink{out: os.Stdout} }

// received is what the task prints about a record. Task and Seqno are the key
// and the value, as VerifiableSource makes them.
type received struct {
	Name     string `json:"name"`
	Task     any    `json:"task"`
	SinkTask int    `json:"sinkTask"`
	Topic    string `json:"topic"`
	Time     int64  `json:"time_ms"`
	Seqno    any    `json:"seqno"`
	Offset   int64  `json:"offset"`
	Flushed  bool   `json:"flushed,omitempty"`
}

// Start implements connect.SinkTask.
func (t *verifiableSink) Start(_ context.Context, tc connect.SinkTaskContext, _ map[string]string) error {
	t.name, t.id = tc.ConnectorName(), tc.Task()
	return nil
}

// Put implements connect.SinkTask.
func (t *verifiableSink) Put(_ context.Context, records []connect.SinkRecord) error {
	now := time.Now().UnixMilli()
	for i := range records {
		r := &records[i]
		line := received{Name: t.name, Task: plain(r.KeySchema, r.Key), SinkTask: t.id, Topic: r.Topic,
			Time: now, Seqno: plain(r.ValueSchema, r.Value), Offset: r.KafkaOffset}
		if err := t.add(line); err != nil {
			return err
		}
		t.unflushed = append(t.unflushed, line)
	}
	return t.print()
}

// PreCommit implements connect.PreCommitter.
func (t *verifiableSink) PreCommit(_ context.Context, current map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	now := time.Now().UnixMilli()
	for _, line := range t.unflushed {
		line.Time, line.Flushed = now, true
		if err := t.add(line); err != nil {
			return nil, err
		}
	}
	t.unflushed = t.unflushed[:0]
	return current, t.print()
}

// Stop implements connect.SinkTask.
func (t *verifiableSink) Stop(context.Context) error { return nil }

func (t *verifiableSink) add(line received) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("describing the record at offset %d of topic %s: %w", line.Offset, line.Topic, err)
	}
	t.text = append(append(t.text, b...), '\n')
	return nil
}

func (t *verifiableSink) print() error {
	defer func() { t.text = t.text[:0] }()
	if len(t.text) == 0 {
		return nil
	}
	if _, err := t.out.Write(t.text); err != nil {
		return fmt.Errorf("reporting records: %w", err)
	}
	return nil
}

// plain is a value as JSON has it: numbers, booleans and null as they are,
// everything else as its text.
func plain(schema *data.Schema, v data.Value) any {
	switch v.Kind() {
	case data.KindNull:
		return nil
	case data.KindBoolean:
		return v.Bool()
	case data.KindInt8, data.KindInt16, data.KindInt32, data.KindInt64:
		return v.Int()
	}
	return string(data.AppendText(nil, schema, v))
}
