//go:build servers

package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
)

// fakeRuntime is the runtime of a task in a test: it remembers the offset of a record that counts as committed.
type fakeRuntime struct {
	offset  map[string]any
	log     *slog.Logger
	metrics shownMetrics // nil for none
}

func (f *fakeRuntime) Offset(context.Context, map[string]any) (map[string]any, error) {
	return f.offset, nil
}
func (f *fakeRuntime) ConnectorName() string                   { return "test" }
func (f *fakeRuntime) Task() int                               { return 0 }
func (f *fakeRuntime) Logger() *slog.Logger                    { return f.log }
func (f *fakeRuntime) Transaction() connect.TransactionContext { return nil }
func (f *fakeRuntime) Metrics() connect.PluginMetrics {
	if f.metrics == nil {
		return nil
	}
	return f.metrics
}

// memory holds what a task has logged.
type memory struct {
	mu   sync.Mutex
	text strings.Builder
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(p)
}

func (m *memory) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

// life is a connector's task against a server, in one life after the other.
type life struct {
	t       *testing.T
	db      *peer.Database
	task    connect.SourceTask
	runtime *fakeRuntime
	json    connect.Converter
	config  map[string]string
	log     memory
	ahead   []record // polled and not yet taken
}

// newLife configures a task that keeps its history in a file. Nothing runs yet.
func newLife(t *testing.T, db *peer.Database, id int, config map[string]string) *life {
	t.Helper()
	c, err := jsonconv.Plugins()[0].NewConverter(map[string]string{"schemas.enable": "false"}, false)
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, db: db, json: c, config: map[string]string{
		"name": "test", "database.hostname": "127.0.0.1", "database.port": fmt.Sprint(db.Port), "database.user": peer.ConnectorUser,
		"database.password": peer.ConnectorPassword, "database.server.id": fmt.Sprint(id), "topic.prefix": "p",
		"schema.history.internal": fileHistoryClass, "schema.history.internal.file.filename": t.TempDir() + "/history",
		"retriable.restart.connector.wait.ms": "10",
	}}
	maps.Copy(l.config, config)
	l.runtime = &fakeRuntime{log: slog.New(slog.NewTextHandler(&l.log, nil))}
	t.Cleanup(func() {
		l.stop()
		if t.Failed() {
			t.Log(l.log.String())
		}
	})
	return l
}

// start begins a life, at the committed offset.
func (l *life) start() {
	l.t.Helper()
	if err := l.tryStart(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) tryStart() error {
	l.task = Plugins()[0].NewSourceTask()
	return l.task.Start(l.t.Context(), l.runtime, l.config)
}

func (l *life) stop() {
	if l.task != nil {
		_ = l.task.Stop(context.Background())
		l.task, l.ahead = nil, nil
	}
}

// record is what a test looks at.
type record struct {
	topic, key, value string
	offset            map[string]any
}

// poll polls once and renders what came.
func (l *life) poll(ctx context.Context, most int) ([]record, error) {
	b := &connect.Batch{MaxRecords: most, MaxBytes: 1 << 20}
	if err := l.task.Poll(ctx, b); err != nil {
		return nil, err
	}
	var out []record
	for i := range b.Records {
		r := &b.Records[i]
		out = append(out, record{r.Topic, l.render(r.Topic, r.KeySchema, r.Key), l.render(r.Topic, r.ValueSchema, r.Value), r.Offset.Map()})
	}
	return out, nil
}

func (l *life) render(topic string, s *data.Schema, v data.Value) string {
	l.t.Helper()
	text, _, err := l.json.Append(nil, topic, nil, s, v)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// take polls until n records have come and returns them, and commits the last one's offset. A poll may bring more than
// was asked for, as the rows of an event come together: they wait for the next call, or are lost when the task is stopped.
func (l *life) take(n int) []record {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	for len(l.ahead) < n {
		got, err := l.poll(ctx, n)
		if err != nil {
			l.t.Fatal(err)
		}
		if l.ahead = append(l.ahead, got...); ctx.Err() != nil {
			l.t.Fatalf("%d of %d records came: %v", len(l.ahead), n, l.ahead)
		}
	}
	taken := l.ahead[:n]
	l.ahead = l.ahead[n:]
	l.runtime.offset = committed(l.t, taken[n-1].offset)
	return taken
}

// fails polls until an error comes.
func (l *life) fails() error {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := l.poll(ctx, 100); err != nil {
			return err
		}
	}
	l.t.Fatal("the task goes on")
	return nil
}

// committed is an offset as it comes back from the offset topic, through JSON.
func committed(t *testing.T, offset map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(offset)
	if err != nil {
		t.Fatal(err)
	}
	back := map[string]any{}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	for k, v := range back {
		if n, ok := v.(json.Number); ok {
			if back[k], err = n.Int64(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return back
}
