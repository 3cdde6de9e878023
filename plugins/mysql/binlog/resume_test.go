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
