package file

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// taskContext answers with one stored offset.
type taskContext struct {
	connect.SourceTaskContext
	offset map[string]any
	log    *strings.Builder
}

func (c taskContext) Offset(context.Context, map[string]any) (map[string]any, error) {
	return c.offset, nil
}
func (c taskContext) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(c.log, nil)) }

func start(t *testing.T, tc taskContext, config map[string]string) *sourceTask {
	t.Helper()
	task := &sourceTask{}
	tc.log = &strings.Builder{}
	if err := task.Start(t.Context(), tc, config); err != nil {
		t.Fatal(err)
	}
	return task
}

// poll returns the lines that are ready and the position after the last.
func poll(t *testing.T, task *sourceTask, max int) (lines []string, position any) {
	t.Helper()
	b := &connect.Batch{MaxRecords: max, MaxBytes: 1 << 20}
	if err := task.Poll(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.Records {
		if r.Topic != "topic" || r.ValueSchema.Type() != data.TypeString || r.Timestamp == connect.NoTimestamp || !r.Key.IsNull() {
			t.Errorf("record %+v", r)
		}
		lines = append(lines, r.Value.Str())
		position = r.Offset.Map()["position"]
	}
	return lines, position
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestSourceReadsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	write(t, path, "one\ntwo\r\nthr\xffe\rfour\nhalf")
	task := start(t, taskContext{}, map[string]string{"file": path, "topic": "topic", "batch.size": "3"})
	lines, at := poll(t, task, 100)
	if !slices.Equal(lines, []string{"one", "two", "thr\ufffde"}) || at != int64(15) {
		t.Errorf("%q to %v", lines, at)
	}
	if lines, at = poll(t, task, 100); !slices.Equal(lines, []string{"four"}) || at != int64(20) {
		t.Errorf("%q to %v", lines, at)
	}
	write(t, path, " line\n")
	if lines, at = poll(t, task, 100); !slices.Equal(lines, []string{"half line"}) || at != int64(30) {
		t.Errorf("%q to %v", lines, at)
	}
	if err := task.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSourceResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	write(t, path, "é1\né2\né3\n")
	for _, position := range []any{int64(4), float64(4)} {
		task := start(t, taskContext{offset: map[string]any{"position": position}}, map[string]string{"file": path, "topic": "topic"})
		if lines, _ := poll(t, task, 1); !slices.Equal(lines, []string{"é2"}) {
			t.Errorf("%q", lines)
		}
	}
	task := start(t, taskContext{offset: map[string]any{"position": "x"}}, map[string]string{"file": path, "topic": "topic"})
	if err := task.Poll(t.Context(), &connect.Batch{MaxRecords: 1}); err == nil || !strings.Contains(err.Error(), "Offset position is the incorrect type") {
		t.Errorf("error %v", err)
	}
}

func TestSourceWaitsForTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	synctest.Test(t, func(t *testing.T) {
		tc := taskContext{log: &strings.Builder{}}
		task := &sourceTask{}
		if err := task.Start(t.Context(), tc, map[string]string{"file": path, "topic": "topic"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*waitForMore)
		defer cancel()
		b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
		if err := task.Poll(ctx, b); err != nil || len(b.Records) != 0 {
			t.Errorf("%d records, %v", len(b.Records), err)
		}
		if n := strings.Count(tc.log.String(), "Couldn't find the file"); n != 1 {
			t.Errorf("warned %d times", n)
		}
		write(t, path, "late\n")
		if err := task.Poll(t.Context(), b); err != nil || len(b.Records) != 1 {
			t.Errorf("%d records, %v", len(b.Records), err)
		}
	})
}

func TestSourceOfStandardInput(t *testing.T) {
	task := &sourceTask{topic: "topic", batch: 10, schema: data.New(data.TypeString).Build(),
		source: &connect.SourcePartition{Key: map[string]any{"filename": nil}}}
	r, w := io.Pipe()
	task.in = newPipe(r)
	go w.Write([]byte("a\nb\n"))
	var lines []string
	for len(lines) < 2 {
		more, at := poll(t, task, 10)
		if len(more) > 0 && at != nil {
			t.Errorf("position %v", at)
		}
		lines = append(lines, more...)
	}
	if !slices.Equal(lines, []string{"a", "b"}) {
		t.Errorf("%q", lines)
	}
	w.Close()
}

func TestSourceReportsFailedReads(t *testing.T) {
	bad := errors.New("disk on fire")
	task := &sourceTask{name: "f", topic: "topic", batch: 10, in: io.NopCloser(iotest.ErrReader(bad))}
	if err := task.Poll(t.Context(), &connect.Batch{MaxRecords: 1}); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}

// cutLine against the obvious way, on text that arrives in pieces of any size.
func TestCutLineInPieces(t *testing.T) {
	const text = "a\r\nb\rc\n\n\r\r\nlast\r"
	want := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	want = want[:len(want)-2] // the \r at the end may be the start of \r\n
	for size := 1; size < len(text); size++ {
		var buf []byte
		var got []string
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			buf = append(buf, rest[:min(size, len(rest))]...)
			for {
				line, n := cutLine(buf)
				if n == 0 {
					break
				}
				got = append(got, string(line))
				buf = buf[n:]
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func TestAlterOffsets(t *testing.T) {
	c := &sourceConnector{}
	file := map[string]any{"filename": "/tmp/x"}
	tests := []struct {
		config map[string]string
		o      connect.PartitionOffset
		want   string
	}{
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: file, Offset: map[string]any{"position": int64(3)}}, ""},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: map[string]any{"rubbish": 1}}, ""},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: file, Offset: map[string]any{"position": "x"}},
			"The value for the 'position' key in the offset is expected to be a Long value"},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: file, Offset: map[string]any{"position": -1.0}},
			"The value for the 'position' key in the offset should be a non-negative value"},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: file, Offset: map[string]any{}},
			"Offset objects should either be null or contain the key 'position'"},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Offset: map[string]any{"position": 1}}, "Partition objects cannot be null"},
		{map[string]string{"file": "f"}, connect.PartitionOffset{Partition: map[string]any{"nofile": "x"}, Offset: map[string]any{"position": 1}},
			"Partition objects should contain the key 'filename'"},
		{nil, connect.PartitionOffset{Partition: file}, "Offsets cannot be modified if the 'file' configuration is unspecified. " +
			"This is because stdin is used for input and offsets are not tracked."},
	}
	for _, tt := range tests {
		handled, err := c.AlterOffsets(t.Context(), tt.config, []connect.PartitionOffset{tt.o})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || handled != (tt.want == "") {
			t.Errorf("%v: %v, %q, want %q", tt.o, handled, got, tt.want)
		}
	}
	if c.SupportsExactlyOnce(nil) || !c.SupportsExactlyOnce(map[string]string{"file": "f"}) {
		t.Error("exactly-once support is wrong")
	}
}

func TestSinkAppendsText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	write(t, path, "before\n")
	s := data.NewStruct().Field("a", data.New(data.TypeInt32).Build()).Build()
	st := data.NewStructValue(s)
	st.Set(0, data.Int32(5))
	task := &sinkTask{}
	if err := task.Start(t.Context(), nil, map[string]string{"file": path}); err != nil {
		t.Fatal(err)
	}
	records := []connect.SinkRecord{
		{Record: connect.Record{Value: data.String("text")}},
		{Record: connect.Record{ValueSchema: s, Value: data.StructOf(st)}},
		{Record: connect.Record{}},
	}
	if err := task.Put(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "before\ntext\nStruct{a=5}\nnull\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := task.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := task.Put(t.Context(), records); err == nil {
		t.Error("a write to a closed file succeeded")
	}
	failed := new(sinkTask)
	if err := failed.Start(t.Context(), nil, map[string]string{"file": t.TempDir()}); err == nil || !strings.HasPrefix(err.Error(), "Couldn't find or create file '") {
		t.Errorf("error %v", err)
	}
	if err := failed.Stop(t.Context()); err != nil {
		t.Errorf("stopping a task that has no file: %v", err)
	}
}

type connectorContext struct{ connect.ConnectorContext }

func (connectorContext) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestConnectors(t *testing.T) {
	tasks := map[connect.Kind]int{connect.KindSource: 1, connect.KindSink: 3}
	for _, p := range Plugins() {
		config := map[string]string{"topic": "t", "file": "f", "name": "n"}
		c := p.NewConnector()
		if err := c.Start(t.Context(), connectorContext{}, config); err != nil {
			t.Fatal(err)
		}
		got, err := c.TaskConfigs(t.Context(), 3)
		if err != nil || len(got) != tasks[p.Kind] || !maps.Equal(got[0], config) {
			t.Errorf("%s: %v, %v", p.Class, got, err)
		}
	}
	if err := Plugins()[0].NewConnector().Start(t.Context(), connectorContext{}, map[string]string{"topic": ""}); err == nil {
		t.Error("an empty topic was accepted")
	}
}
