package notify

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

func TestSend(t *testing.T) {
	var log bytes.Buffer
	source := &connect.SourcePartition{}
	n, err := New(Config{
		Channels: []string{"sink", "log", "jmx"}, Topic: "notes", Connector: "shop", Source: source,
		Now: func() time.Time { return time.UnixMilli(1234) }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &connect.Batch{}
	at := connect.FixedOffset(map[string]any{"pos": int64(4)})
	n.Send(b, at, Notification{ID: "s-1", Aggregate: IncrementalSnapshot, Type: "IN_PROGRESS", Data: map[string]string{
		"last_processed_key": "2", "maximum_key": "5", "data_collections": "d.a", "current_collection_in_progress": "d.a"}})
	n.Send(b, connect.Offset{}, Notification{Aggregate: InitialSnapshot, Type: "STARTED"})
	if len(b.Records) != 2 {
		t.Fatalf("%d records", len(b.Records))
	}
	r := &b.Records[0]
	fields := r.Value.Struct().Fields()
	if r.Topic != "notes" || r.Source != source || r.Offset.Base == nil || r.Key.Struct().Fields()[0].Str() != "s-1" ||
		fields[0].Str() != "s-1" || fields[1].Str() != "IN_PROGRESS" || fields[2].Str() != IncrementalSnapshot || fields[4].Int() != 1234 {
		t.Errorf("got %+v", r)
	}
	want := "{current_collection_in_progress=d.a, connector_name=shop, maximum_key=5, data_collections=d.a, last_processed_key=2}"
	if got := text(fields[3].Map().Entries); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if second := &b.Records[1]; second.Source != nil || second.Offset.Base != nil || len(second.Key.Struct().Fields()[0].Str()) != 36 {
		t.Errorf("a notification without offset is %+v", second)
	}
	if !strings.Contains(log.String(), "type=STARTED") || !strings.Contains(log.String(), "jmx is ignored") {
		t.Errorf("the log is %s", log.String())
	}
}

func TestNobodyWantsNotifications(t *testing.T) {
	n, err := New(Config{Logger: slog.New(slog.DiscardHandler)})
	if n != nil || err != nil {
		t.Fatalf("got %v, %v", n, err)
	}
	n.Send(&connect.Batch{}, connect.Offset{}, Notification{})
	if _, err := New(Config{Channels: []string{"sink"}, Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a sink without a topic is taken")
	}
}
