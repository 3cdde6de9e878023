package mysql

import (
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/position"
)

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
