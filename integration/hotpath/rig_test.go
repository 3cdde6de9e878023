package hotpath

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/install"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

const (
	class       = "hotpath.Rows"
	rowsInEvent = 40 // as many rows of this table as the server writes into one event
)

// rows is a source task that decodes row images and makes change events of them, as the MySQL connector does with a
// binlog: rowsInEvent rows with one position and time, whose contents differ.
type rows struct {
	total, next int64
	builder     *event.Builder
	plan        *event.Plan
	decoder     *value.RowDecoder
	image       []byte
	cells       []value.Cell
	source      event.Source
	partition   *connect.SourcePartition
	offset      connect.Offset
	half, more  chan struct{} // half of the rows are committed; the others may follow
	done        chan struct{} // all are
	failed      chan string
}

func newRows(t testing.TB, total int64) *rows {
	t.Helper()
	s := &rows{total: total, partition: &connect.SourcePartition{Key: map[string]any{"server": "p"}}, half: make(chan struct{}), more: make(chan struct{}), done: make(chan struct{}), failed: make(chan string, 1)}
	s.offset = connect.FixedOffset(map[string]any{"file": "b.000001", "pos": int64(4)})
	s.source = event.Source{Marker: event.MarkStreaming, File: "b.000001", GTID: "53474a05-e696-11f1-b295-02fc00000001:17", ServerID: 223344, Thread: 11, HasThread: true}
	s.builder = newBuilder(t, s.partition)
	var err error
	if s.plan, err = s.builder.Plan(sysbench()); err != nil {
		t.Fatal(err)
	}
	meta, err := value.ParseColumnMeta([]byte{3, 3, 254, 254}, []byte{0xFE ^ 0x10, 0xE0, 0xFE, 0xF0})
	if err != nil {
		t.Fatal(err)
	}
	if s.decoder, err = value.NewRowDecoder(meta); err != nil {
		t.Fatal(err)
	}
	s.cells = make([]value.Cell, s.decoder.Columns())
	s.image = make([]byte, 1+4+4+2+119+1+59)
	for i := range s.image[9:] {
		s.image[9+i] = 'a' + byte(i%26)
	}
	s.image[9], s.image[10], s.image[11+119] = 119, 0, 59
	return s
}

// newBuilder is that of a connector with the default settings.
func newBuilder(t testing.TB, partition *connect.SourcePartition) *event.Builder {
	t.Helper()
	b, err := event.NewBuilder(event.Config{
		Topics:    event.TopicConfig{Prefix: "p", Delimiter: ".", HeartbeatPrefix: "hb", Transaction: "transaction"},
		Connector: "mysql", Version: "3.6.1.Final", Tombstones: true, Headers: true, RunID: "01a4d0a6-7a5c-4f7e-8f1e-0b7a1b2c3d4e", Value: value.Options{AdjustYears: true},
	}, partition)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sysbench is its table: id, k, c CHAR(120), pad CHAR(60).
func sysbench() *table.Table {
	t := &table.Table{ID: table.ID{Database: "sb", Name: "sbtest1"}, PrimaryKey: []string{"id"}}
	for i, c := range []table.Column{
		{Name: "id", TypeName: "INT", JDBCType: table.JDBCInteger, Length: -1, Scale: -1},
		{Name: "k", TypeName: "INT", JDBCType: table.JDBCInteger, Length: -1, Scale: -1},
		{Name: "c", TypeName: "CHAR", JDBCType: table.JDBCChar, Length: 120, Scale: -1, Charset: "utf8mb4"},
		{Name: "pad", TypeName: "CHAR", JDBCType: table.JDBCChar, Length: 60, Scale: -1, Charset: "utf8mb4"},
	} {
		c.Position = i + 1
		c.Derive()
		t.Columns = append(t.Columns, &c)
	}
	return t
}

func (s *rows) Start(context.Context, connect.SourceTaskContext, map[string]string) error { return nil }
func (s *rows) Stop(context.Context) error                                                { return nil }

// goOn lets the second half of the rows follow.
func (s *rows) goOn() { close(s.more) }

// Poll gives half of the rows and waits before it gives the rest.
func (s *rows) Poll(ctx context.Context, b *connect.Batch) error {
	if s.next == s.total/2 {
		select {
		case <-s.more:
		case <-ctx.Done():
		}
	}
	for !b.Full() && s.next < s.total {
		if err := s.row(b); err != nil || s.next == s.total/2 {
			return err
		}
	}
	if len(b.Records) == 0 {
		<-ctx.Done()
	}
	return nil
}

func (s *rows) row(b *connect.Batch) error {
	if s.next%rowsInEvent == 0 {
		now := 1700000000000000000 + s.next*1000
		s.builder.SetClock(now)
		s.source.Nanos, s.source.Pos = now-now%1_000_000_000, 4+s.next*191
	}
	s.source.Row = int32(s.next % rowsInEvent)
	binary.LittleEndian.PutUint32(s.image[1:], uint32(s.next))
	binary.LittleEndian.PutUint32(s.image[5:], uint32(s.next*7919%500000))
	binary.LittleEndian.PutUint32(s.image[20:], uint32(s.next)&0x0f0f0f0f|0x30303030)
	if _, err := s.decoder.Decode(&b.Arena, nil, s.image, s.cells); err != nil {
		return err
	}
	s.next++
	return s.plan.Insert(b, &s.source, connect.Offset{Base: s.offset.Base, N: s.next}, s.cells)
}

// Committed wakes up who waits for half or all of the rows.
func (s *rows) Committed(_ context.Context, offsets []connect.CommittedOffset) error {
	switch offsets[0].Offset.N {
	case s.total / 2:
		close(s.half)
	case s.total:
		close(s.done)
	}
	return nil
}

// start runs the task in a worker that writes to an embedded broker, and returns when half of the rows are committed.
func (s *rows) start(t testing.TB, config map[string]string) {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{DataDir: t.TempDir()}) // in memory the rows of a benchmark would be gigabytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	plugins, err := registry.New(append(install.Builtin(), connect.Plugin{Class: class, Kind: connect.KindSource, Def: configdef.New(),
		NewConnector: func() connect.Connector { return nil }, NewSourceTask: func() connect.SourceTask { return s }})...)
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(worker.Config{
		Registry: plugins, Properties: kafka.Properties{"bootstrap.servers": broker.Bootstrap(), "group.id": "hotpath"},
		Offsets: offset.NewMemory(), Listener: s,
		KeyConverter: "org.apache.kafka.connect.json.JsonConverter", ValueConverter: "org.apache.kafka.connect.json.JsonConverter",
		HeaderConverter: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
		GracefulTimeout: 10 * time.Second, FlushInterval: 20 * time.Millisecond, FlushTimeout: 5 * time.Second,
	})
	t.Cleanup(func() { w.Stop(context.Background()) })
	config["connector.class"] = class
	task := worker.TaskStart{ID: state.TaskID{Connector: "rows"}, ConnectorConfig: config, TaskConfig: config, Target: state.TargetStarted}
	if err := w.StartTask(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	s.wait(t, s.half)
}

// wait waits for the task to come to a point.
func (s *rows) wait(t testing.TB, point <-chan struct{}) {
	t.Helper()
	select {
	case <-point:
	case trace := <-s.failed:
		t.Fatalf("the task has failed: %s", trace)
	case <-time.After(time.Minute):
		t.Fatal("the rows were not committed within a minute")
	}
}

// ConnectorStatus implements worker.StatusListener.
func (s *rows) ConnectorStatus(string, state.Status) {}

// TaskStatus implements worker.StatusListener.
func (s *rows) TaskStatus(_ state.TaskID, st state.Status) {
	if st.State == state.Failed {
		s.failed <- st.Trace
	}
}
