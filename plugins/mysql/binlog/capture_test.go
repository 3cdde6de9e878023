package binlog

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/capture/*.hex are events of real servers, one in each line; the tests
// with the tag servers write them. Beside each stands what they mean.
func captures(t testing.TB) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/capture/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("captures: %q, %v", files, err)
	}
	out := map[string][][]byte{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(b))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			event, err := hex.DecodeString(lines.Text())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out[name] = append(out[name], event)
		}
	}
	return out
}

func TestCapturesOfRealServers(t *testing.T) {
	for name, events := range captures(t) {
		got := explainAll(t, events)
		text := strings.TrimSuffix(name, ".hex") + ".txt"
		if *update {
			if err := os.WriteFile(text, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s should say:\n%s", text, got)
		}
	}
}

// explainAll decodes events, the ones inside payloads too.
func explainAll(t *testing.T, events [][]byte) string {
	t.Helper()
	var out strings.Builder
	d, p := newDecoder("?", true), payload{}
	defer p.close()
	var e Event
	for _, b := range events {
		body, err := d.decode(&e, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		explain(&out, &e)
		if e.Kind != KindPayload {
			continue
		}
		if err := p.begin(e.Header, body); err != nil {
			t.Fatal(err)
		}
		for {
			in, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			if in == nil {
				break
			}
			if _, err := d.decode(&e, in, &p.header); err != nil {
				t.Fatal(err)
			}
			out.WriteString("  ")
			explain(&out, &e)
		}
	}
	return out.String()
}

func explain(out *strings.Builder, e *Event) {
	fmt.Fprintf(out, "%s %s:%d-%d %s", e.Kind, e.File, e.Pos(), e.EndPos, e.Type)
	switch e.Kind {
	case KindRotate:
		fmt.Fprintf(out, " to %s:%d", e.Rotate.File, e.Rotate.Pos)
	case KindGTID:
		fmt.Fprintf(out, " %s anonymous=%v standalone=%v times=%v", e.GTID.GTID, e.GTID.Anonymous, e.GTID.Standalone, e.GTID.OriginalCommit > 1e15)
	case KindQuery:
		s := e.Query.Status
		fmt.Fprintf(out, " %q db=%q mode=%v charsets=%d,%d,%d zone=%q", e.Query.SQL, e.Query.DB, s.HasSQLMode,
			s.ClientCharset, s.ConnectionCollation, s.ServerCollation, s.TimeZone)
	case KindTableMap:
		fmt.Fprintf(out, " %s.%s %v", e.Table.DB, e.Table.Name, e.Table.Columns)
		explainOptional(out, &e.Table.Optional)
	case KindRows:
		r := e.Rows
		fmt.Fprintf(out, " %s %s.%s before=%x after=%x partial=%v end=%v %x", r.Op, e.Table.DB, e.Table.Name, r.Before, r.After, r.Partial, r.EndOfStatement, r.Data)
	case KindRowsQuery, KindIncident:
		fmt.Fprintf(out, " %q", e.Text)
	}
	out.WriteByte('\n')
}

func explainOptional(out *strings.Builder, o *Optional) {
	charset := func(name string, d *DefaultCharset) {
		if d != nil {
			fmt.Fprintf(out, " %s=%d%v", name, d.Collation, d.Exceptions)
		}
	}
	fmt.Fprintf(out, " unsigned=%x", o.Unsigned)
	charset("charset", o.DefaultCharset)
	charset("enumcharset", o.EnumSetDefault)
	fmt.Fprintf(out, " charsets=%v enumcharsets=%v names=%q enums=%q sets=%q geometry=%v key=%v visible=%x dimensions=%v",
		o.Charsets, o.EnumSetCharsets, o.Names, o.EnumValues, o.SetValues, o.GeometryTypes, o.PrimaryKey, o.Visible, o.VectorDimensionality)
}

// Tables that do not change keep their pointer, so that what was compiled for
// them can be found by it.
func TestTableMapsKeepTheirIdentity(t *testing.T) {
	for name, events := range captures(t) {
		d := newDecoder("?", false)
		seen := map[string]*TableMap{}
		again := 0
		var e Event
		for _, b := range events {
			if _, err := d.decode(&e, b, nil); err != nil {
				t.Fatal(err)
			}
			if e.Kind != KindTableMap {
				continue
			}
			key := fmt.Sprint(e.Table.ID, e.Table.Name)
			if have := seen[key]; have == e.Table {
				again++
			} else if have != nil {
				t.Errorf("%s: table %s got a second map", name, key)
			}
			seen[key] = e.Table
		}
		if again == 0 {
			t.Errorf("%s: no table came twice", name)
		}
	}
}

func TestUnknownEvents(t *testing.T) {
	d := newDecoder("b.000001", false)
	var e Event
	b := make([]byte, headerSize)
	b[4], b[sizeOffset], b[13] = 200, headerSize, 150
	if _, err := d.decode(&e, b, nil); err == nil || !strings.Contains(err.Error(), "event of type 200 at b.000001:131") {
		t.Errorf("got %v", err)
	}
	b[17] = flagIgnorable
	if _, err := d.decode(&e, b, nil); err != nil || e.Kind != KindOther {
		t.Errorf("got %s, %v", e.Kind, err)
	}
}

// Positions go on counting where the 32 bits of the header end, and where
// MariaDB 11.4 leaves them out.
func TestPositions(t *testing.T) {
	d := newDecoder("b.000001", false)
	var e Event
	kind := TypeXID
	event := func(size, end uint32) int64 {
		b := make([]byte, headerSize+8)
		b[4] = byte(kind)
		b[9], b[10] = byte(size), byte(size>>8)
		b[13], b[14], b[15], b[16] = byte(end), byte(end>>8), byte(end>>16), byte(end>>24)
		if _, err := d.decode(&e, b, nil); err != nil {
			t.Fatal(err)
		}
		return e.EndPos
	}
	var got []int64
	for _, in := range [][2]uint32{{100, 1<<32 - 50}, {100, 50}, {100, 150}, {100, 0}, {100, 350}, {10, 77}} {
		got = append(got, event(in[0], in[1]))
	}
	want := []int64{1<<32 - 50, 1<<32 + 50, 1<<32 + 150, 1<<32 + 250, 1<<32 + 350, 77}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A heartbeat says where the server waits: behind the last event, or behind what it passes over.
	event(100, 1<<32-50)
	event(100, 50)
	kind = TypeHeartbeat
	for low, want := range map[uint32]int64{50: 1<<32 + 50, 777: 777} {
		if got := event(40, low); got != want {
			t.Errorf("a heartbeat at %d stands for %d, want %d", low, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, events := range captures(f) {
		for _, b := range events {
			f.Add(b)
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		d, p := newDecoder("f", false), payload{}
		defer p.close()
		known := &TableMap{ID: 7}
		d.tables[7] = known
		var e Event
		body, err := d.decode(&e, b, nil)
		for _, m := range d.tables {
			_, _ = m.Statement(map[uint64]string{63: "binary", 255: "utf8mb4_0900_ai_ci"})
		}
		if err != nil || e.Kind != KindPayload || p.begin(e.Header, body) != nil {
			return
		}
		for range 100 {
			in, err := p.next()
			if in == nil || err != nil {
				return
			}
			_, _ = d.decode(&e, in, &p.header)
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("\x82\x00\x05\x78\x9c\x4b\x4c\x4a\x4e\x49\x05\x00\x05\xc8\x01\xf0"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var i inflater
		_, _ = i.inflate(b)
	})
}

func FuzzClassify(f *testing.F) {
	f.Add([]byte(" begin "))
	f.Add([]byte("XA START X'01'"))
	f.Fuzz(func(t *testing.T, sql []byte) {
		s := strings.TrimSpace(strings.ToUpper(string(sql)))
		want := verbOther
		switch {
		case s == "BEGIN":
			want = verbBegin
		case s == "COMMIT":
			want = verbCommit
		case s == "ROLLBACK":
			want = verbRollback
		case strings.HasPrefix(s, "XA START"), strings.HasPrefix(s, "XA BEGIN"):
			want = verbXAStart
		case strings.HasPrefix(s, "XA COMMIT"), strings.HasPrefix(s, "XA ROLLBACK"):
			want = verbXAOutcome
		}
		if len(sql) > 20 || !isASCII(sql) {
			return // longer ones are not statements that the server writes
		}
		if got := classify(sql); got != want {
			t.Errorf("%q: %d, want %d", sql, got, want)
		}
	})
}

func isASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 })
}
