package mysql

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// A row that cannot be decoded is dealt with as event.processing.failure.handling.mode
// says, with its place; the rows before it in the event are handed on.
func TestRowThatCannotBeDecoded(t *testing.T) {
	for mode, passes := range map[string]bool{"fail": false, "warn": true, "skip": true, "ignore": true} {
		t.Run(mode, func(t *testing.T) {
			var log bytes.Buffer
			s, event := damagedRow(t, mode, &log)
			batch := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
			err := s.unreadable(s.handle(t.Context(), batch, event, binlog.Action{}))
			if (err == nil) != passes || len(batch.Records) != 1 {
				t.Errorf("%v, %d records", err, len(batch.Records))
			}
			said := log.String()
			if err != nil {
				said = err.Error()
			}
			if mode != "fail" && mode != "warn" {
				return
			}
			for _, want := range []string{"row 2", "shop.a", "b.1:4"} {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q: %s", want, said)
				}
			}
		})
	}
}

// damagedRow is an event with a good row and half of one.
func damagedRow(t *testing.T, mode string, log *bytes.Buffer) (*stream, *binlog.Event) {
	t.Helper()
	builder, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{Prefix: "p", Delimiter: "."}, Connector: "mysql"}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	column := &table.Column{Name: "id", TypeName: "INT", JDBCType: table.JDBCInteger, Length: table.Unset, Scale: table.Unset, Position: 1}
	column.Derive()
	plan, err := builder.Plan(&table.Table{ID: table.ID{Database: "shop", Name: "a"}, PrimaryKey: []string{"id"}, Columns: []*table.Column{column}})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := value.NewRowDecoder([]value.ColumnMeta{{Type: 3}})
	if err != nil {
		t.Fatal(err)
	}
	tm := &binlog.TableMap{DB: "shop", Name: "a"}
	s := &stream{
		cfg: &Config{Stream: StreamConfig{FailureHandling: mode}}, meters: &meters{now: time.Now}, schema: &schema{}, log: slog.New(slog.NewTextHandler(log, nil)),
		tracker: binlog.NewTracker(binlog.TrackerConfig{Offset: position.Offset{File: "b.1", Pos: 4}}),
		maps:    map[*binlog.TableMap]*mapped{tm: {plan: plan, decoder: decoder, name: "shop.a"}},
	}
	return s, &binlog.Event{
		Kind: binlog.KindRows, Table: tm, Header: binlog.Header{File: "b.1", EndPos: 54, Size: 50},
		Rows: binlog.Rows{Op: binlog.Insert, Columns: 1, After: []byte{1}, Data: []byte{0, 1, 0, 0, 0, 0, 2}},
	}
}

// DDL has the number of the last row before it, up to the end of the file.
func TestRowOfSourceStaysUntilTheFileEnds(t *testing.T) {
	s := &stream{meters: &meters{now: time.Now}, tracker: binlog.NewTracker(binlog.TrackerConfig{Offset: position.Offset{File: "b.1", Pos: 4}})}
	s.src.Row = 2
	s.source()
	if s.src.Row != 2 {
		t.Errorf("row %d in the same file, want 2", s.src.Row)
	}
	rotate := &binlog.Event{Kind: binlog.KindRotate}
	if err := s.handle(t.Context(), &connect.Batch{}, rotate, binlog.Action{}); err != nil {
		t.Fatal(err)
	}
	s.source()
	if s.src.Row != 0 {
		t.Errorf("row %d in the next file, want 0", s.src.Row)
	}
}
