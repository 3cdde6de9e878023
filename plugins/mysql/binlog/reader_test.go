package binlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/binlog/binlogtest"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/server/servertest"
)

// theEnd is what the server says when all files have been sent.
var theEnd = servertest.Refusal{Code: 1236, State: "HY000", Message: "that was all"}

func config(s *binlogtest.Server) binlog.Config {
	return binlog.Config{
		Server:   server.Config{Host: "127.0.0.1", Port: s.Port(), User: "u", Timeout: 10 * time.Second},
		ServerID: 5, Reconnect: true, Interval: time.Millisecond, VerifyChecksums: true,
		File: "b.000001", Pos: 4, Logger: quiet(),
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, cfg binlog.Config) *binlog.Reader {
	t.Helper()
	r, err := binlog.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// describe shows what an event holds in a line.
func describe(e *binlog.Event) string {
	s := fmt.Sprintf("%s %s:%d", e.Kind, e.File, e.Pos())
	switch e.Kind {
	case binlog.KindGTID:
		s += fmt.Sprintf(" %s", e.GTID.GTID)
	case binlog.KindQuery:
		s += fmt.Sprintf(" %q", e.Query.SQL)
	case binlog.KindTableMap:
		s += " " + e.Table.Name
	case binlog.KindRows:
		s += fmt.Sprintf(" %s %s %x", e.Rows.Op, e.Table.Name, e.Rows.Data[:6])
	case binlog.KindXID:
		s += fmt.Sprintf(" %d", e.XID)
	}
	if e.InPayload {
		s += " inside"
	}
	return s
}

// readAll reads to the end, and leaves out what a new connection may bring again.
func readAll(t *testing.T, r *binlog.Reader) []string {
	t.Helper()
	var out []string
	for {
		e, err := r.Next(t.Context())
		if err != nil {
			if !strings.Contains(err.Error(), theEnd.Message) {
				t.Fatal(err)
			}
			return out
		}
		switch {
		case e.Kind == binlog.KindRotate, e.Kind == binlog.KindFormat, e.Type == binlog.TypePreviousGTIDs:
		default:
			out = append(out, describe(e))
		}
	}
}

func transaction(l *binlogtest.Log, table uint64, rows int) {
	l.Query("", "BEGIN")
	l.TableMap(table, "d", fmt.Sprintf("t%d", table))
	for i := range rows {
		l.Insert(table, binlogtest.Row{ID: int32(i), Text: "x"}, binlogtest.Row{ID: int32(i), Text: "y"})
	}
	l.XID(uint64(rows))
}

// twoFiles has transactions of all shapes; begin starts each of them.
func twoFiles(checksum bool, begin func(l *binlogtest.Log, n int64)) []*binlogtest.Log {
	a, b := binlogtest.New("b.000001", checksum), binlogtest.New("b.000002", checksum)
	begin(a, 1)
	a.Query("d", "CREATE TABLE t7 (a INT, b TEXT)")
	begin(a, 2)
	transaction(a, 7, 3)
	begin(a, 3)
	a.Payload(func(in *binlogtest.Log) { transaction(in, 8, 2) })
	begin(a, 4)
	a.Query("", "XA START X'01',X'',1")
	a.TableMap(7, "d", "t7")
	a.Insert(7, binlogtest.Row{ID: 9, Text: "xa"})
	a.Query("", "XA END X'01',X'',1")
	a.Query("", "ROLLBACK")
	a.Rotate("b.000002")
	begin(b, 5)
	transaction(b, 7, 2)
	begin(b, 6)
	b.Query("", "BEGIN")
	b.Query("", "SAVEPOINT a")
	b.Query("", "COMMIT")
	return []*binlogtest.Log{a, b}
}

func withGTID(l *binlogtest.Log, n int64)  { l.GTID(1+byte(n%2), n) }
func anonymous(l *binlogtest.Log, _ int64) { l.AnonymousGTID() }
func old(*binlogtest.Log, int64)           {} // as servers before MySQL 5.7 do

// Wherever connections end, every event comes once.
func TestReconnectsWithoutGapsOrDuplicates(t *testing.T) {
	for name, c := range map[string]struct {
		begin    func(*binlogtest.Log, int64)
		gtid     bool
		checksum bool
	}{
		"positions": {anonymous, false, true}, "gtid": {withGTID, true, true},
		"gtid by position": {withGTID, false, false}, "old": {old, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			logs := twoFiles(c.checksum, c.begin)
			run := func(cuts ...int) []string {
				s := binlogtest.Serve(t, logs, cuts...)
				defer s.Close()
				s.HaltWith(theEnd)
				cfg := config(s)
				if c.gtid {
					cfg.GTIDs = position.NewSet(position.MySQL)
				}
				r := open(t, cfg)
				defer r.Close()
				got := readAll(t, r)
				if len(cuts) > 0 && s.Dumps() < 2 {
					t.Errorf("cuts %v: no connection was lost", cuts)
				}
				return got
			}
			want := run()
			if len(want) < 25 {
				t.Fatalf("only %d events: %q", len(want), want)
			}
			for first := range len(logs[0].Events) + len(logs[1].Events) + 1 {
				for _, second := range []int{1, 3, 7} {
					if got := run(first, second); !slices.Equal(got, want) {
						t.Fatalf("cuts %d, %d:\ngot  %s\nwant %s", first, second, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
					}
				}
			}
		})
	}
}

func TestReaderStartsAtPosition(t *testing.T) {
	logs := twoFiles(true, withGTID)
	s := binlogtest.Serve(t, logs)
	s.HaltWith(theEnd)
	cfg := config(s)
	cfg.Pos = logs[0].Events[4].Start // the second GTID
	if got := readAll(t, open(t, cfg)); len(got) == 0 || !strings.HasPrefix(got[0], "gtid b.000001:") || !strings.HasSuffix(got[0], ":2") {
		t.Errorf("got %q", got)
	}
	cfg.GTIDs, _ = position.ParseSet(position.MySQL, binlogtest.UUID(2)+":1-3,"+binlogtest.UUID(1)+":1-4")
	if got := readAll(t, open(t, cfg)); len(got) == 0 || !strings.Contains(got[1], ":5") && !strings.Contains(got[0], ":5") {
		t.Errorf("got %q", got)
	}
}

func TestWithoutReconnect(t *testing.T) {
	s := binlogtest.Serve(t, twoFiles(true, withGTID), 6)
	cfg := config(s)
	cfg.Reconnect = false
	r := open(t, cfg)
	var err error
	for err == nil {
		_, err = r.Next(t.Context())
	}
	if server.KindOf(err) != server.KindLost || !server.Retriable(err) {
		t.Errorf("got %v", err)
	}
	if _, again := r.Next(t.Context()); !errors.Is(again, err) {
		t.Errorf("after the error: %v", again)
	}
}

func TestGivesUp(t *testing.T) {
	s := binlogtest.Serve(t, twoFiles(true, withGTID), 6)
	cfg := config(s)
	cfg.Attempts = 3
	r := open(t, cfg)
	for range 6 {
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "after 3 attempts") {
		t.Errorf("got %v", err)
	}
}

// Another server than the one that was read from must not be taken for it.
func TestReconnectToAnotherServer(t *testing.T) {
	logs := twoFiles(true, withGTID)
	s := binlogtest.Serve(t, logs, 9) // inside the second transaction
	cfg := config(s)
	cfg.GTIDs = position.NewSet(position.MySQL)
	r := open(t, cfg)
	for range 9 {
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	other := binlogtest.New("c.000001", true)
	other.GTID(9, 1)
	transaction(other, 7, 1)
	s.Replace(other)
	if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "not the same server") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheServerEndReading(t *testing.T) {
	s := binlogtest.Serve(t, twoFiles(true, withGTID))
	cfg := config(s)
	cfg.File = "gone.000001"
	r := open(t, cfg)
	_, err := r.Next(t.Context())
	if server.KindOf(err) != server.KindPurged {
		t.Errorf("got %v", err)
	}
	if _, again := r.Next(t.Context()); !errors.Is(again, err) || s.Dumps() != 1 {
		t.Errorf("after the error: %v, %d dumps", again, s.Dumps())
	}
}

func TestCancelledNextGoesOn(t *testing.T) {
	logs := twoFiles(false, withGTID)
	s := binlogtest.Serve(t, logs)
	r := open(t, config(s))
	n := len(logs[0].Events) + len(logs[1].Events) + 2 + 5 // two artificial events, five inside the payload
	for range n {
		if e, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		} else if e.Kind == 0 {
			t.Fatal("no kind")
		}
	}
	if r.Buffered() {
		t.Error("something is buffered after the last event")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped")
	time.AfterFunc(5*time.Millisecond, func() { cancel(why) })
	if _, err := r.Next(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	time.AfterFunc(5*time.Millisecond, func() { cancel(why) })
	if _, err := r.Next(ctx); !errors.Is(err, why) {
		t.Errorf("again: got %v", err)
	}
}

// A task hands on what it has when nothing is buffered, so the end of a
// compressed transaction must not look like another event, however long it is.
func TestNothingIsBufferedAfterACompressedTransaction(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{2})
	long := func(l *binlogtest.Log) {
		l.Query("", "BEGIN")
		l.TableMap(8, "d", "t8")
		text := make([]byte, 1900)
		for range 1500 {
			_, _ = noise.Read(text)
			l.Insert(8, binlogtest.Row{Text: string(text)})
		}
		l.XID(1)
	}
	short := func(l *binlogtest.Log) { transaction(l, 8, 2) }
	for name, c := range map[string]struct {
		fill     func(*binlogtest.Log)
		checksum bool
		events   int
	}{
		"short": {short, true, 5}, "short without checksum": {short, false, 5}, "long": {long, true, 1503}, "long without checksum": {long, false, 1503},
	} {
		t.Run(name, func(t *testing.T) {
			l := binlogtest.New("b.000001", c.checksum)
			l.AnonymousGTID()
			l.Payload(c.fill)
			s := binlogtest.Serve(t, []*binlogtest.Log{l})
			r := open(t, config(s))
			for inside := 0; ; {
				e, err := r.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if e.InPayload {
					inside++
				}
				if e.Kind != binlog.KindXID {
					if inside > 0 && c.events < 10 && !r.Buffered() {
						t.Errorf("nothing is buffered behind event %d of a transaction that is in memory", inside)
					}
					continue
				}
				if inside != c.events {
					t.Errorf("the transaction had %d events, want %d", inside, c.events)
				}
				if r.Buffered() {
					t.Error("something is buffered behind the transaction")
				}
				return
			}
		})
	}
}

func TestBigRowsAndDamage(t *testing.T) {
	l := binlogtest.New("b.000001", true)
	l.GTID(1, 1)
	l.Query("", "BEGIN")
	l.TableMap(3, "d", "big")
	big := make([]binlogtest.Row, 20000)
	for i := range big {
		big[i] = binlogtest.Row{ID: int32(i), Text: strings.Repeat("z", 1900)}
	}
	l.Insert(3, big...) // 38 MB: three packets of the protocol
	l.Insert(3, big[0])
	l.Insert(3, big[1])
	l.XID(1)
	damaged := l.Events[len(l.Events)-3].Bytes
	damaged[len(damaged)-20] ^= 1
	s := binlogtest.Serve(t, []*binlogtest.Log{l})
	s.HaltWith(theEnd)
	r := open(t, config(s))
	var bad *binlog.EventError
	sizes := map[int]int{}
	for {
		e, err := r.Next(t.Context())
		if errors.As(err, &bad) {
			if !strings.Contains(err.Error(), "WRITE_ROWS_EVENT (30) at b.000001:") || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("it says: %v", err)
			}
			continue
		}
		if err != nil {
			break
		}
		if e.Kind == binlog.KindRows {
			sizes[len(e.Rows.Data)]++
		}
	}
	if bad == nil || len(sizes) != 2 || sizes[20000*(1900+7)] != 1 || sizes[1900+7] != 1 {
		t.Errorf("rows of sizes %v, damage: %v", sizes, bad)
	}
}

// A long compressed transaction is decompressed while it comes in, whatever
// happens to the connection meanwhile.
func TestLongPayloads(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{1})
	text := make([]byte, 1900)
	l := binlogtest.New("b.000001", true)
	for n, events := range []int{30, 300} { // 2 MB, and 20 MB, which is more than one packet
		l.GTID(1, int64(n+1))
		l.Payload(func(in *binlogtest.Log) {
			in.Query("", "BEGIN")
			in.TableMap(3, "d", "big")
			for range events {
				rows := make([]binlogtest.Row, 36)
				for i := range rows {
					_, _ = noise.Read(text)
					rows[i].Text = string(text)
				}
				in.Insert(3, rows...)
			}
			in.XID(1)
		})
	}
	l.GTID(1, 3)
	transaction(l, 7, 1)
	run := func(cuts ...int) []string {
		s := binlogtest.Serve(t, []*binlogtest.Log{l}, cuts...)
		defer s.Close()
		s.HaltWith(theEnd)
		cfg := config(s)
		cfg.GTIDs = position.NewSet(position.MySQL)
		r := open(t, cfg)
		defer r.Close()
		return readAll(t, r)
	}
	want := run()
	if len(want) != 2*5+330+5 {
		t.Fatalf("%d events", len(want))
	}
	for _, cuts := range [][]int{{4}, {6, 6}, {4, 5, 6}} {
		if got := run(cuts...); !slices.Equal(got, want) {
			t.Errorf("cuts %v: %d events instead of %d", cuts, len(got), len(want))
		}
	}
	damaged := l.Events[5].Bytes
	damaged[len(damaged)/2] ^= 0xff
	s := binlogtest.Serve(t, []*binlogtest.Log{l})
	s.HaltWith(theEnd)
	r := open(t, config(s))
	var bad *binlog.EventError
	last := ""
	for {
		e, err := r.Next(t.Context())
		if errors.As(err, &bad) {
			continue
		}
		if err != nil {
			break
		}
		last = describe(e)
	}
	if bad == nil || !strings.HasPrefix(last, "xid") || !strings.HasSuffix(last, " 1") {
		t.Errorf("damage %v, the last event is %s", bad, last)
	}
}
