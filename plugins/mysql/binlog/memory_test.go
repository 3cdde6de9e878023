package binlog_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/binlog/binlogtest"
)

// A transaction of any size is read in the same memory, plain and compressed: here
// of half a gigabyte, in events of 128 KB.
func TestTransactionLargerThanMemory(t *testing.T) {
	const rows, events = 64, 4400
	random := rand.New(rand.NewPCG(1, 1))
	block := make([]binlogtest.Row, rows)
	for i := range block {
		text := make([]byte, 2000)
		for j := range text {
			text[j] = 'a' + byte(random.IntN(26))
		}
		block[i] = binlogtest.Row{ID: int32(i), Text: string(text)}
	}
	fill := func(l *binlogtest.Log) {
		l.Query("", "BEGIN")
		l.TableMap(7, "d", "t7")
		l.Insert(7, block...)
		l.Times(events)
		l.XID(1)
	}
	for name, write := range map[string]func(*binlogtest.Log){"plain": fill, "compressed": func(l *binlogtest.Log) { l.Payload(fill) }} {
		t.Run(name, func(t *testing.T) {
			l := binlogtest.New("b.000001", false)
			l.AnonymousGTID()
			write(l)
			s := binlogtest.Serve(t, []*binlogtest.Log{l})
			s.HaltWith(theEnd)
			cfg := config(s)
			cfg.VerifyChecksums = false
			r := open(t, cfg)
			before := heap()
			var most uint64
			bytes, seen := 0, 0
			for {
				e, err := r.Next(t.Context())
				if err != nil {
					if !strings.Contains(err.Error(), theEnd.Message) {
						t.Fatal(err)
					}
					break
				}
				if e.Kind != binlog.KindRows {
					continue
				}
				bytes += len(e.Rows.Data)
				if seen++; seen%512 == 0 {
					most = max(most, heap())
				}
			}
			if seen != events || bytes < 1<<29 {
				t.Fatalf("%d events with %d bytes of rows, want %d", seen, bytes, events)
			}
			if grown := int64(most) - int64(before); grown > 24<<20 {
				t.Errorf("reading it took %d MB", grown>>20)
			}
		})
	}
}

// heap is the memory in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
