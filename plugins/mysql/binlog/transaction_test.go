package binlog

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/position"
)

var update = flag.Bool("update", false, "write what the transcripts in testdata should say")

// Each transcript in testdata/tracker is a binlog, an event to a line, and under
// each event, indented, what the Tracker says:
//
//	start mysql|mariadb [gtids=SET] [gtidmode] [file=F pos=N event=N row=N] [keep=SOURCE]
//	rotate FILE POS
//	gtid GTID [standalone] SECONDS | anonymous SECONDS
//	query SQL... | xid | xa-prepare | table-map | rows N | rows-query | heartbeat | payload | ddl SQL...
//
//	made-up: an event that the server makes up for the connection
//	done: how far the binlog has been read
//
// Events are 100 bytes long. A line that ends in "inside" is part of the payload.
func TestTrackerTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/tracker/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("transcripts: %q, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("it should say:\n%s", got)
			}
		})
	}
}

type player struct {
	t       *testing.T
	tracker *Tracker
	file    string
	end     int64
	payload Header
	out     strings.Builder
}

func play(t *testing.T, script string) string {
	p := &player{t: t}
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "\t") {
			continue
		}
		fmt.Fprintln(&p.out, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		switch f := strings.Fields(line); f[0] {
		case "start":
			p.start(f[1:])
		case "done":
			file, pos, ok := p.tracker.Done()
			p.say("%v up to %s:%d, offset %s", ok, file, pos, offset(p.tracker.Offset()))
		default:
			p.event(f)
		}
	}
	return p.out.String()
}

func (p *player) start(args []string) {
	var cfg TrackerConfig
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		n, _ := strconv.ParseInt(v, 10, 64)
		switch k {
		case "mariadb":
			cfg.Flavor = position.MariaDB
		case "gtidmode":
			cfg.GTIDMode = true
		case "gtids":
			set, err := position.ParseSet(cfg.Flavor, v)
			if err != nil {
				p.t.Fatal(err)
			}
			cfg.GTIDs = set
		case "file":
			cfg.Offset.File = v
		case "pos":
			cfg.Offset.Pos = n
		case "event":
			cfg.Offset.Event = n
		case "row":
			cfg.Offset.Row = n
		case "keep":
			cfg.KeepSource = func(s string) bool { return s == v }
		}
	}
	p.tracker = NewTracker(cfg)
	p.file, p.end = cfg.Offset.File, cfg.Offset.Pos
}

func (p *player) event(f []string) {
	e := &Event{Header: Header{File: p.file, Size: 100, Timestamp: 1700000000, ServerID: 1}}
	if n := len(f) - 1; f[n] == "inside" {
		e.Header, f = p.payload, f[:n]
		e.InPayload = true
	} else {
		p.end += 100
		e.EndPos = p.end
	}
	rows := int64(0)
	switch f[0] {
	case "rotate":
		e.Kind, e.EndPos = KindRotate, 0
		pos, _ := strconv.ParseInt(f[2], 10, 64)
		e.Rotate = Rotate{File: f[1], Pos: pos}
		p.file, p.end = f[1], pos
	case "gtid":
		p.gtid(e, f)
	case "anonymous":
		e.Kind, e.GTID.Anonymous = KindGTID, true
		e.Timestamp = seconds(f[1])
	case "query", "ddl":
		e.Kind, e.Query = KindQuery, Query{Thread: 8, SQL: []byte(strings.Join(f[1:], " "))}
	case "rows":
		e.Kind = KindRows
		rows, _ = strconv.ParseInt(f[1], 10, 64)
	case "payload":
		e.Kind, p.payload = KindPayload, e.Header
	case "heartbeat":
		e.Kind, e.Timestamp = KindHeartbeat, 0
		e.EndPos -= 100
		p.end = e.EndPos
	case "made-up":
		e.Kind, e.EndPos = KindFormat, 0
		p.end -= 100
	default:
		kinds := map[string]Kind{"xid": KindXID, "xa-prepare": KindXAPrepare, "table-map": KindTableMap, "rows-query": KindRowsQuery, "other": KindOther}
		if e.Kind = kinds[f[0]]; e.Kind == 0 {
			p.t.Fatalf("unknown event %q", f[0])
		}
	}
	p.feed(e, rows, f[0] == "ddl")
}

func seconds(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

func (p *player) gtid(e *Event, f []string) {
	g, err := position.ParseGTID(p.tracker.cfg.Flavor, f[1])
	if err != nil {
		p.t.Fatal(err)
	}
	g.Flavor = p.tracker.cfg.Flavor
	e.Kind, e.GTID = KindGTID, GTID{GTID: g, Standalone: f[2] == "standalone"}
	e.Timestamp = seconds(f[len(f)-1])
	if g.Flavor == position.MySQL {
		e.GTID.OriginalCommit = uint64(e.Timestamp)*1e6 + 7
	}
}

// feed does what a task does with an event and notes it.
func (p *player) feed(e *Event, rows int64, ddl bool) {
	t := p.tracker
	a := t.Enter(e)
	switch {
	case a.Boundary != NoBoundary:
		name := [...]string{"", "begin", "commit", "rollback"}[a.Boundary]
		p.say("%s %s, thread %d, offset %s", name, t.TransactionID(), t.Thread(), offset(t.Offset()))
	case e.Kind == KindRows && a.Skip:
		p.say("skipped")
	case e.Kind == KindRows:
		for i := a.FirstRow; i < rows; i++ {
			p.say("row %d at %s:%d, time %s, offset %s", i, t.File(), t.Pos(), eventTime(t), offset(t.RowOffset(i+1)))
		}
	case ddl:
		t.Touch()
		p.say("schema change at %s:%d, time %s, offset %s", t.File(), t.Pos(), eventTime(t), offset(t.Offset()))
	case e.Kind == KindHeartbeat:
		p.say("offset %s", offset(t.Offset()))
	}
	t.Leave(e)
}

func (p *player) say(format string, args ...any) { fmt.Fprintf(&p.out, "\t"+format+"\n", args...) }

func eventTime(t *Tracker) string {
	micros, ok := t.EventMicros()
	if !ok {
		return "unknown"
	}
	return strconv.FormatInt(micros, 10)
}

func offset(o connect.Offset) string {
	b, err := json.Marshal(o.Map())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestTrackerExtra(t *testing.T) {
	tr := NewTracker(TrackerConfig{Offset: position.Offset{File: "b.1", Pos: 4}})
	tr.Enter(&Event{Kind: KindRows, Header: Header{Size: 10, EndPos: 50}})
	one := tr.RowOffset(1)
	tr.SetExtra(&position.Extra{TransactionID: "x", Orders: []position.TableOrder{{Table: "d.t", Count: 2}}, RowTable: -1})
	two := tr.RowOffset(2)
	if one.Map()["transaction_id"] != nil || two.Map()["transaction_data_collection_order_d.t"] != int64(2) {
		t.Errorf("got %v, %v", one.Map(), two.Map())
	}
	if n := testing.AllocsPerRun(100, func() { tr.RowOffset(3) }); n != 0 {
		t.Errorf("the offset of a row costs %v allocations", n)
	}
}
