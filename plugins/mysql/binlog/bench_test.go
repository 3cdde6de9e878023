package binlog_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/binlog/binlogtest"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/server/servertest"
	"github.com/millrace/millrace/plugins/mysql/value"
)

const (
	benchRows        = 200 // rows of a transaction
	benchTx          = 256 // transactions that are sent again and again
	benchRowsInEvent = 40  // as many as fit in 8 KiB
)

// endless serves one stretch of transactions for ever, as fast as it is read.
func endless(b testing.TB, payload bool) *servertest.Server {
	return endlessOf(b, payload, benchRows/benchRowsInEvent, benchRowsInEvent)
}

// endlessOf serves transactions of so many events with so many rows.
func endlessOf(b testing.TB, payload bool, events, rows int) *servertest.Server {
	l := binlogtest.New("b.000001", true)
	row := make([]binlogtest.Row, rows)
	for i := range row {
		row[i] = binlogtest.Row{ID: int32(i), Text: strings.Repeat("x", 184)}
	}
	head := len(l.Events)
	for n := range int64(benchTx) {
		l.GTID(1, n+1)
		fill := func(l *binlogtest.Log) {
			l.Query("", "BEGIN")
			l.TableMap(7, "d", "t")
			for range events {
				l.Insert(7, row...)
			}
			l.XID(uint64(n))
		}
		if payload {
			l.Payload(fill)
		} else {
			fill(l)
		}
	}
	// The numbers of the packets fit together again and again, as their number is
	// a multiple of 256.
	var frames []byte
	split := 0
	for i, e := range l.Events {
		if i == head {
			split = len(frames)
		}
		n := len(e.Bytes) + 1
		frames = append(frames, byte(n), byte(n>>8), byte(n>>16), byte(1+i), 0)
		frames = append(frames, e.Bytes...)
	}
	return servertest.Start(b, servertest.Config{Serve: func(c *servertest.Conn) {
		for {
			code, _, err := c.Command()
			if err != nil {
				return
			}
			if code == 0x12 {
				break
			}
			if c.OK() != nil {
				return
			}
		}
		err := c.Raw(frames[:split])
		for err == nil {
			err = c.Raw(frames[split:])
		}
	}})
}

func benchReader(b testing.TB, s *servertest.Server) *binlog.Reader {
	r, err := binlog.Open(b.Context(), binlog.Config{
		Server:   server.Config{Host: "127.0.0.1", Port: s.Port(), User: "u"},
		ServerID: 5, File: "b.000001", Pos: 4, Logger: quiet(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	return r
}

// One operation is one row, 191 bytes in the binlog. The server's side runs in
// the same process and is part of the time.
func benchmarkRows(b *testing.B, payload bool, work func(*testing.B, *binlog.Event) int) {
	r := benchReader(b, endless(b, payload))
	b.SetBytes(191)
	b.ReportAllocs()
	b.ResetTimer()
	readRows(b, r, b.N, work)
}

// readRows reads n rows and a few more.
func readRows[T testing.TB](t T, r *binlog.Reader, n int, work func(T, *binlog.Event) int) {
	for n > 0 {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n -= work(t, e)
	}
}

// TestAllocationsOfReading counts all that is allocated while rows are read that
// come as they are, or in compressed transactions, the server's side included. A
// transaction may cost something: its GTID grows the set.
func TestAllocationsOfReading(t *testing.T) {
	const rows = 20_000
	for name, payload := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			r := benchReader(t, endless(t, payload))
			work := newRowsToCells[*testing.T]()
			readRows(t, r, rows, work)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			readRows(t, r, rows, work)
			runtime.ReadMemStats(&after)
			if n := float64(after.Mallocs-before.Mallocs) / rows; n > 0.1 {
				t.Errorf("%.3f allocations a row", n)
			}
		})
	}
}

func countRows(_ *testing.B, e *binlog.Event) int {
	if e.Kind == binlog.KindRows {
		return benchRowsInEvent
	}
	return 0
}

func BenchmarkFraming(b *testing.B) { benchmarkRows(b, false, countRows) }
func BenchmarkPayload(b *testing.B) { benchmarkRows(b, true, countRows) }

// BenchmarkSingleRows reads transactions of one row each.
func BenchmarkSingleRows(b *testing.B) {
	r := benchReader(b, endlessOf(b, false, 1, 1))
	b.ReportAllocs()
	b.ResetTimer()
	readRows(b, r, b.N, newRowsToCells[*testing.B]())
}

func BenchmarkRowsToCells(b *testing.B) { benchmarkRows(b, false, newRowsToCells[*testing.B]()) }

// newRowsToCells decodes every cell and makes an offset for every row.
func newRowsToCells[T testing.TB]() func(T, *binlog.Event) int {
	var arena data.Arena
	var decoder *value.RowDecoder
	var table *binlog.TableMap
	cells := make([]value.Cell, 2)
	set := position.NewSet(position.MySQL)
	tracker := binlog.NewTracker(binlog.TrackerConfig{GTIDs: set, GTIDMode: true})
	return func(t T, e *binlog.Event) int {
		tracker.Enter(e)
		defer tracker.Leave(e)
		if e.Kind != binlog.KindRows {
			return 0
		}
		if e.Table != table {
			var err error
			table = e.Table
			if decoder, err = value.NewRowDecoder(table.Columns); err != nil {
				t.Fatal(err)
			}
		}
		rows := 0
		for rest := e.Rows.Data; len(rest) > 0; rows++ {
			var err error
			if rest, err = decoder.Decode(&arena, e.Rows.After, rest, cells); err != nil {
				t.Fatal(err)
			}
			tracker.RowOffset(int64(rows + 1))
		}
		arena.Reset()
		return rows
	}
}
