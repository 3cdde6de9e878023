package binlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/binlog/binlogtest"
	"github.com/millrace/millrace/plugins/mysql/position"
)

// row is one row that a task would have handed on, with the offset behind it.
type row struct {
	text   string
	offset map[string]any
}

// rowsFrom does what a task does: resumes at the offset and reads to the end.
func rowsFrom(t *testing.T, s *binlogtest.Server, o position.Offset, gtid bool) []row {
	t.Helper()
	cfg := config(s)
	cfg.File, cfg.Pos = o.File, o.Pos
	if gtid {
		set, err := position.ParseSet(position.MySQL, o.GTIDs)
		if err != nil {
			t.Fatal(err)
		}
		cfg.GTIDs = set
	}
	r := open(t, cfg)
	defer r.Close()
	tracker := binlog.NewTracker(binlog.TrackerConfig{Offset: o, GTIDs: cfg.GTIDs, GTIDMode: gtid})
	var out []row
	for {
		e, err := r.Next(t.Context())
		if err != nil {
			if !strings.Contains(err.Error(), theEnd.Message) {
				t.Fatal(err)
			}
			return out
		}
		a := tracker.Enter(e)
		if e.Kind == binlog.KindRows && !a.Skip {
			// Every row of these tests has one letter of text.
			const size = 1 + 4 + 2 + 1
			for i := a.FirstRow; i < int64(len(e.Rows.Data)/size); i++ {
				data := e.Rows.Data[i*size:]
				out = append(out, row{fmt.Sprintf("%s %d %x", e.File, e.Pos(), data[1:size]), tracker.RowOffset(i + 1).Map()})
			}
		}
		tracker.Leave(e)
	}
}

// From the offset of any row a restart goes on with the next row, whatever
// stands between, and the offsets of the following rows are the same as before.
func TestResumesAtTheExactRow(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(*binlogtest.Log, int64)
		gtid  bool
	}{"gtid": {withGTID, true}, "positions": {anonymous, false}, "old": {old, false}} {
		t.Run(name, func(t *testing.T) {
			a, b := binlogtest.New("b.000001", true), binlogtest.New("b.000002", true)
			c.begin(a, 1)
			a.Query("d", "CREATE TABLE t7 (a INT, b TEXT)")
			c.begin(a, 2)
			transaction(a, 7, 2)
			c.begin(a, 3)
			a.Payload(func(in *binlogtest.Log) { transaction(in, 8, 2) })
			c.begin(a, 4)
			a.Query("", "BEGIN")
			a.TableMap(7, "d", "t7")
			a.Insert(7, binlogtest.Row{ID: 9, Text: "m"})
			a.Query("", "COMMIT")
			a.Rotate("b.000002")
			c.begin(b, 5)
			transaction(b, 7, 3)
			s := binlogtest.Serve(t, []*binlogtest.Log{a, b})
			s.HaltWith(theEnd)
			all := rowsFrom(t, s, position.Offset{File: "b.000001", Pos: 4}, c.gtid)
			if len(all) != 4+4+1+6 {
				t.Fatalf("%d rows: %v", len(all), all)
			}
			for i := range all {
				o, err := position.ParseOffset(all[i].offset)
				if err != nil {
					t.Fatal(err)
				}
				got := rowsFrom(t, s, o, c.gtid)
				if g, w := fmt.Sprint(got), fmt.Sprint(all[i+1:]); g != w {
					t.Fatalf("resumed behind row %d at %v:\ngot  %s\nwant %s", i, all[i].offset, g, w)
				}
			}
		})
	}
}

// A position between two transactions is reached when all events before it are
// done and none behind it, by GTIDs and by position.
func TestReachesAPositionExactly(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(*binlogtest.Log, int64)
		gtid  bool
	}{"gtid": {withGTID, true}, "positions": {anonymous, false}, "old": {old, false}} {
		t.Run(name, func(t *testing.T) {
			logs := twoFiles(true, c.begin)
			s := binlogtest.Serve(t, logs)
			s.HaltWith(theEnd)
			cfg := config(s)
			if c.gtid {
				cfg.GTIDs = position.NewSet(position.MySQL)
			}
			executed := position.NewSet(position.MySQL)
			for _, end := range groupEnds(t, cfg) {
				executed.Add(end.gtid)
				want := position.Offset{File: end.file, Pos: end.pos}
				var set *position.Set
				if c.gtid {
					set = executed
				}
				if at := reachedAfter(t, cfg, &want, set); at != end.events {
					t.Errorf("%s:%d is reached after %d events, want %d", want.File, want.Pos, at, end.events)
				}
			}
		})
	}
}

// groupEnd is the end of a transaction or statement.
type groupEnd struct {
	file   string
	pos    int64
	events int // up to it
	gtid   position.GTID
}

// groupEnds finds out what ends where, knowing what twoFiles has: a group ends with
// XID, COMMIT, ROLLBACK or a CREATE TABLE.
func groupEnds(t *testing.T, cfg binlog.Config) (ends []groupEnd) {
	t.Helper()
	var g position.GTID
	eachEvent(t, cfg, func(n int, e *binlog.Event) bool {
		if e.Kind == binlog.KindGTID {
			g = e.GTID.GTID
		}
		sql := string(e.Query.SQL)
		if e.Kind == binlog.KindXID || e.Kind == binlog.KindQuery && (sql == "COMMIT" || sql == "ROLLBACK" || strings.HasPrefix(sql, "CREATE")) {
			ends = append(ends, groupEnd{e.File, e.EndPos, n, g})
		}
		return true
	})
	return ends
}

func reachedAfter(t *testing.T, cfg binlog.Config, want *position.Offset, set *position.Set) (at int) {
	t.Helper()
	tracker := binlog.NewTracker(binlog.TrackerConfig{Offset: position.Offset{File: cfg.File, Pos: cfg.Pos}, GTIDs: cfg.GTIDs, GTIDMode: cfg.GTIDs != nil})
	eachEvent(t, cfg, func(n int, e *binlog.Event) bool {
		tracker.Enter(e)
		tracker.Leave(e)
		if tracker.Reached(want, set) {
			at = n
		}
		return at == 0
	})
	return at
}

func eachEvent(t *testing.T, cfg binlog.Config, do func(n int, e *binlog.Event) bool) {
	t.Helper()
	r := open(t, cfg)
	defer r.Close()
	for n := 1; ; n++ {
		e, err := r.Next(t.Context())
		if err != nil {
			if !strings.Contains(err.Error(), theEnd.Message) {
				t.Fatal(err)
			}
			return
		}
		if !do(n, e) {
			return
		}
	}
}
