package datagen

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func verifiableDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "topic", Type: configdef.String, Importance: configdef.High, Validate: configdef.NonEmpty(),
			Doc: "The topic to write to."},
		throughput(nil, "Records per second that each task makes; a negative number means as many as it can."),
		configdef.Key{Name: "complete.record.data", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low,
			Doc: "Whether a record's value says who made it, and when, besides its number."},
	)
}

const seqno = numbered("seqno")

// verifiable makes records with a number, and prints a line of JSON for each
// when it is made and when it is known to be written.
type verifiable struct {
	name, topic string
	id          int
	pace        *pace
	seqno       int64 // of the next record
	complete    bool
	key, value  *data.Schema
	source      *connect.SourcePartition

	written int64 // number of the first record not reported as written; Committed's own

	mu  sync.Mutex // guards out: Poll and Committed run side by side
	out io.Writer
}

var (
	_ connect.SourceTask = (*verifiable)(nil)
	_ connect.Committer  = (*verifiable)(nil)
)

func newVerifiable() connect.SourceTask { return &verifiable{out: os.Stdout} }

// Start implements connect.SourceTask.
func (t *verifiable) Start(ctx context.Context, tc connect.SourceTaskContext, config map[string]string) error {
	v, err := verifiableDef().Parse(config)
	if err != nil {
		return fmt.Errorf("Invalid VerifiableSourceTask configuration: %w", err)
	}
	t.name, t.topic, t.id, t.complete = tc.ConnectorName(), v.String("topic"), tc.Task(), v.Bool("complete.record.data")
	t.source = &connect.SourcePartition{Key: map[string]any{"id": int64(t.id)}}
	if t.seqno, err = seqno.next(ctx, tc, t.source.Key); err != nil {
		return err
	}
	t.written = t.seqno
	t.key, t.value = data.New(data.TypeInt32).Build(), data.New(data.TypeInt64).Build()
	if t.complete {
		text, n := data.New(data.TypeString).Build(), t.value
		t.value = data.NewStruct().Field("name", text).Field("task", t.key).Field("topic", text).Field("time_ms", n).Field("seqno", n).Build()
	}
	t.pace = newPace(v.Long("throughput"))
	tc.Logger().Info("Started VerifiableSourceTask", "topic", t.topic, "resuming", t.seqno)
	return nil
}

// Poll implements connect.SourceTask.
func (t *verifiable) Poll(ctx context.Context, b *connect.Batch) error {
	for range t.pace.take(ctx, b.MaxRecords) {
		now := time.Now().UnixMilli()
		if err := t.print(line{Task: t.id, Time: now, Seqno: t.seqno}); err != nil {
			return err
		}
		r := b.Add()
		r.Topic, r.KeySchema, r.Key = t.topic, t.key, data.Int32(int32(t.id))
		r.ValueSchema, r.Value = t.value, data.Int64(t.seqno)
		if t.complete {
			r.Value = t.completeValue(&b.Arena, now)
		}
		r.Source, r.Offset = t.source, connect.Offset{Base: seqno, N: t.seqno}
		t.seqno++
	}
	return nil
}

func (t *verifiable) completeValue(a *data.Arena, now int64) data.Value {
	st := a.Struct(t.value)
	for i, v := range [...]data.Value{data.String(t.name), data.Int32(int32(t.id)), data.String(t.topic), data.Int64(now), data.Int64(t.seqno)} {
		st.Set(i, v)
	}
	return data.StructOf(st)
}

// Committed implements connect.Committer.
func (t *verifiable) Committed(_ context.Context, offsets []connect.CommittedOffset) error {
	now := time.Now().UnixMilli()
	for _, o := range offsets {
		for ; t.written <= o.Offset.N; t.written++ {
			if err := t.print(line{Task: t.id, Time: now, Seqno: t.written, Committed: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Stop implements connect.SourceTask.
func (t *verifiable) Stop(context.Context) error { return nil }

// line is what a task prints about a record.
type line struct {
	Name      string `json:"name"`
	Task      int    `json:"task"`
	Topic     string `json:"topic"`
	Time      int64  `json:"time_ms"`
	Seqno     int64  `json:"seqno"`
	Committed bool   `json:"committed,omitempty"`
}

func (t *verifiable) print(l line) error {
	l.Name, l.Topic = t.name, t.topic
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.out.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("reporting record %d: %w", l.Seqno, err)
	}
	return nil
}
