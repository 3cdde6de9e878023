package hotpath

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
	"github.com/millrace/millrace/plugins/mysql/value/valuetest"
)

// column is a column of a table, as a SELECT and as the binlog has it.
type column struct {
	definition table.Column
	typ        byte // of the TABLE_MAP event, with its metadata
	meta       []byte
	value      func(i int) (text string, image []byte) // nil for NULL
}

func define(typeName string, jdbc, length, scale int) table.Column {
	return table.Column{TypeName: typeName, JDBCType: jdbc, Length: length, Scale: scale, Optional: true}
}

func integer(typeName string, jdbc int, typ byte, size int, of func(i int) int64) column {
	return column{define(typeName, jdbc, -1, -1), typ, nil, func(i int) (string, []byte) {
		n := of(i)
		return strconv.FormatInt(n, 10), binary.LittleEndian.AppendUint64(nil, uint64(n))[:size]
	}}
}

func varchar(of func(i int) string) column {
	c := column{define("VARCHAR", table.JDBCVarChar, 40, -1), 15, []byte{160, 0}, func(i int) (string, []byte) {
		s := of(i)
		if s == "" {
			return "", nil
		}
		return s, append([]byte{byte(len(s))}, s...)
	}}
	c.definition.Charset = "utf8mb4"
	return c
}

// decimal has the unscaled values that of gives, times 10 to the power of shift.
func decimal(precision, scale, shift int, of func(i int) int64) column {
	return column{define("DECIMAL", table.JDBCDecimal, precision, scale), 246, []byte{byte(precision), byte(scale)}, func(i int) (string, []byte) {
		digits := strconv.FormatInt(of(i), 10) + strings.Repeat("0", shift)
		all := strings.Repeat("0", precision-len(digits)) + digits
		whole, frac := all[:precision-scale], all[precision-scale:]
		text := strings.TrimLeft(whole[:len(whole)-1], "0") + whole[len(whole)-1:] + "." + frac
		return text, valuetest.Decimal(whole, frac, false)
	}}
}

func double(of func(i int) float64) column {
	return column{define("DOUBLE", table.JDBCDouble, -1, -1), 5, []byte{8}, func(i int) (string, []byte) {
		f := of(i)
		return strconv.FormatFloat(f, 'g', -1, 64), binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))
	}}
}

func datetime(of func(i int) time.Time) column {
	return column{define("DATETIME", table.JDBCTimestamp, 6, -1), 18, []byte{6}, func(i int) (string, []byte) {
		t := of(i)
		packed := uint64(t.Year()*13+int(t.Month()))<<22 | uint64(t.Day())<<17 | uint64(t.Hour()<<12|t.Minute()<<6|t.Second()) | 1<<39
		micros := t.Nanosecond() / 1000
		return t.Format("2006-01-02 15:04:05.000000"),
			append(binary.BigEndian.AppendUint64(nil, packed)[3:], byte(micros>>16), byte(micros>>8), byte(micros))
	}}
}

func timestamp(of func(i int) time.Time) column {
	return column{define("TIMESTAMP", table.JDBCTimestampWithTimezone, -1, -1), 17, []byte{0}, func(i int) (string, []byte) {
		t := of(i)
		return t.Format(time.DateTime), binary.BigEndian.AppendUint32(nil, uint32(t.Unix()))
	}}
}

func date(of func(i int) time.Time) column {
	return column{define("DATE", table.JDBCDate, -1, -1), 10, nil, func(i int) (string, []byte) {
		t := of(i)
		n := t.Year()<<9 | int(t.Month())<<5 | t.Day()
		return t.Format(time.DateOnly), []byte{byte(n), byte(n >> 8), byte(n >> 16)}
	}}
}

func document(of func(i int) any, text func(i int) string) column {
	return column{define("JSON", table.JDBCOther, -1, -1), 245, []byte{4}, func(i int) (string, []byte) {
		b := valuetest.BinaryJSON(of(i))
		return text(i), append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	}}
}

func blob(size int) column {
	return column{define("BLOB", table.JDBCBlob, -1, -1), 252, []byte{2}, func(i int) (string, []byte) {
		b, r := make([]byte, size), rand.New(rand.NewPCG(uint64(size), uint64(i)))
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		return string(b), append(binary.LittleEndian.AppendUint16(nil, uint16(size)), b...)
	}}
}

// heavy is a table of integration/bench, which have an id before these columns.
type heavy struct {
	name    string
	columns []column
}

func heavyTables() []heavy {
	wide := heavy{name: "200 columns"}
	for n := 1; n < 200; n++ {
		wide.columns = append(wide.columns, ofTenKinds(n))
	}
	documents, decimals := heavy{name: "json"}, heavy{name: "decimal"}
	for n := range 3 {
		documents.columns = append(documents.columns, customer(n))
	}
	for n := range 10 {
		decimals.columns = append(decimals.columns, decimal(30, 10, 4, func(i int) int64 { return int64(i+1)*123456789012345 - int64(n)*1e12 }))
	}
	return []heavy{wide, documents, {"blob", []column{blob(1000), blob(64)}}, decimals}
}

func ofTenKinds(n int) column {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)
	kinds := []column{
		integer("INT", table.JDBCInteger, 3, 4, func(i int) int64 { return int64(i*31 + n) }),
		integer("BIGINT", table.JDBCBigInt, 8, 8, func(i int) int64 { return int64(i)*4294967311 + int64(n) }),
		varchar(func(i int) string { return fmt.Sprintf("value %d of %d", i, n) }),
		decimal(12, 2, 0, func(i int) int64 { return int64(i*1725 + 100*n) }),
		datetime(func(i int) time.Time { return begin.Add(time.Duration(i*n) * time.Second) }),
		double(func(i int) float64 { return float64(i) / float64(n) }),
		varchar(func(i int) string { return []string{fmt.Sprintf("v%d", n), ""}[i%2] }),
		timestamp(func(i int) time.Time { return begin.Add(time.Duration(i+n) * time.Minute) }),
		integer("TINYINT", table.JDBCSmallInt, 1, 1, func(i int) int64 { return int64((i + n) % 100) }),
		date(func(i int) time.Time { return begin.AddDate(0, 0, i%365+n) }),
	}
	return kinds[(n-1)%len(kinds)]
}

func customer(n int) column {
	return document(func(i int) any {
		return map[string]any{
			"id": int64(i), "name": fmt.Sprintf("customer %d", i), "active": i%2 == 0, "balance": float64(i) * 1.5,
			"tags":    []any{fmt.Sprintf("a%d", n), "b", int64(i)},
			"address": map[string]any{"street": fmt.Sprintf("%d Main Street", i), "city": "Springfield", "code": int64(10000 + i)},
		}
	}, func(i int) string {
		return fmt.Sprintf(`{"id": %[1]d, "name": "customer %[1]d", "tags": ["a%[2]d", "b", %[1]d], "active": %[3]t, "address": `+
			`{"city": "Springfield", "code": %[4]d, "street": "%[1]d Main Street"}, "balance": %.1[5]f}`, i, n, i%2 == 0, 10000+i, float64(i)*1.5)
	})
}

const differentRows = 200

// way is how the rows of a table come to be JSON: from the packets of a SELECT or the images of the binlog.
type tableRun struct {
	plan      *event.Plan
	text      *value.TextDecoder
	binlog    *value.RowDecoder
	packets   [][]byte
	images    [][]byte
	cells     []value.Cell
	batch     connect.Batch
	converter connect.Converter
	out       []byte
}

func (h heavy) run(t testing.TB) *tableRun {
	t.Helper()
	id := integer("INT", table.JDBCInteger, 3, 4, func(i int) int64 { return int64(i) })
	id.definition.Optional = false
	columns := append([]column{id}, h.columns...)
	made := &table.Table{ID: table.ID{Database: "bench", Name: "heavy"}, PrimaryKey: []string{"c0"}}
	var types, meta []byte
	for i := range columns {
		c := columns[i].definition
		c.Name, c.Position = fmt.Sprintf("c%d", i), i+1
		c.Derive()
		made.Columns = append(made.Columns, &c)
		types, meta = append(types, columns[i].typ), append(meta, columns[i].meta...)
	}
	r := &tableRun{
		text: value.NewTextDecoder(made.Columns, value.TextOptions{}), cells: make([]value.Cell, len(columns)),
		batch: connect.Batch{MaxRecords: 1024, MaxBytes: 1 << 20},
	}
	metas, err := value.ParseColumnMeta(types, meta)
	if err != nil {
		t.Fatal(err)
	}
	if r.binlog, err = value.NewRowDecoder(metas); err != nil {
		t.Fatal(err)
	}
	if r.plan, err = newBuilder(t, &connect.SourcePartition{}).Plan(made); err != nil {
		t.Fatal(err)
	}
	for i := range differentRows {
		r.add(columns, i)
	}
	c := conversion{class: "org.apache.kafka.connect.json.JsonConverter", props: []string{"schemas.enable", "false"}}
	r.converter, _, _ = c.open(t)
	return r
}

// add writes a row in both forms.
func (r *tableRun) add(columns []column, i int) {
	var packet []byte
	nulls, image := make([]byte, (len(columns)+7)/8), []byte(nil)
	for k := range columns {
		text, stored := columns[k].value(i)
		image = append(image, stored...)
		switch {
		case stored == nil:
			packet = append(packet, 0xFB)
			nulls[k/8] |= 1 << (k % 8)
			continue
		case len(text) < 0xFB:
			packet = append(packet, byte(len(text)))
		default:
			packet = binary.LittleEndian.AppendUint16(append(packet, 0xFC), uint16(len(text)))
		}
		packet = append(packet, text...)
	}
	r.packets, r.images = append(r.packets, packet), append(r.images, append(nulls, image...))
}

// snapshot and stream make a change event of a row.
func (r *tableRun) snapshot(t testing.TB, i int) {
	if err := r.text.DecodeRow(r.packets[i%differentRows], r.cells); err != nil {
		t.Fatal(err)
	}
	if err := r.plan.Read(&r.batch, &event.Source{Marker: event.MarkSnapshot, File: "b.1", Pos: 4}, connect.Offset{}, r.cells); err != nil {
		t.Fatal(err)
	}
}

func (r *tableRun) stream(t testing.TB, i int) {
	if _, err := r.binlog.Decode(&r.batch.Arena, nil, r.images[i%differentRows], r.cells); err != nil {
		t.Fatal(err)
	}
	source := event.Source{Marker: event.MarkStreaming, File: "b.1", Pos: 4, GTID: "53474a05-e696-11f1-b295-02fc00000001:17", Row: int32(i)}
	if err := r.plan.Insert(&r.batch, &source, connect.Offset{}, r.cells); err != nil {
		t.Fatal(err)
	}
}

// convert converts the batch, as one goroutine does while another fills the next.
func (r *tableRun) convert(t testing.TB, each func(json []byte)) {
	var err error
	for i := range r.batch.Records {
		record := &r.batch.Records[i]
		if r.out, _, err = r.converter.Append(r.out[:0], record.Topic, nil, record.ValueSchema, record.Value); err != nil {
			t.Fatal(err)
		}
		each(r.out)
	}
	r.batch.Reset()
}

func (r *tableRun) paths() map[string]func(testing.TB, int) {
	return map[string]func(testing.TB, int){"snapshot": r.snapshot, "stream": r.stream}
}

// TestHeavyRows holds that no row allocates, and that both paths give the same values. JSON documents they write
// differently, as Debezium does.
func TestHeavyRows(t *testing.T) {
	for _, h := range heavyTables() {
		r := h.run(t)
		sums := map[string]uint64{}
		for path, add := range r.paths() {
			sum := fnv.New64()
			read := func(b []byte) {
				var e struct{ After map[string]any }
				if err := json.Unmarshal(b, &e); err != nil || len(e.After) != len(h.columns)+1 {
					t.Errorf("%s, %s: %d columns (%v) in %s", h.name, path, len(e.After), err, b)
				}
				for k, v := range e.After {
					if s, ok := v.(string); ok && strings.HasPrefix(s, "{") {
						var document any
						if err := json.Unmarshal([]byte(s), &document); err != nil {
							t.Errorf("%s, %s: %v in %s", h.name, path, err, s)
						}
						e.After[k] = document
					}
				}
				after, _ := json.Marshal(e.After)
				_, _ = sum.Write(after)
			}
			for i := range differentRows {
				add(t, i)
				r.convert(t, read)
			}
			sums[path] = sum.Sum64()
			n := testing.AllocsPerRun(20, func() {
				for i := range 50 {
					add(t, i)
				}
				r.convert(t, func([]byte) {})
			})
			if n != 0 {
				t.Errorf("%s, %s: %v allocations for 50 rows", h.name, path, n)
			}
		}
		if sums["snapshot"] != sums["stream"] {
			t.Errorf("%s: the snapshot's rows differ from the stream's", h.name)
		}
	}
}

// BenchmarkHeavyRow measures a row on its way from the database's bytes to Kafka's: decoding, event, JSON.
func BenchmarkHeavyRow(b *testing.B) {
	for _, h := range heavyTables() {
		for _, path := range []string{"snapshot", "stream"} {
			b.Run(h.name+"/"+path, func(b *testing.B) {
				r := h.run(b)
				add, bytes := r.paths()[path], 0
				before := cpuSeconds(b)
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					if add(b, i); r.batch.Full() {
						r.convert(b, func(json []byte) { bytes += len(json) })
					}
				}
				r.convert(b, func(json []byte) { bytes += len(json) })
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N)*1e6, "cpu-s/M")
				b.ReportMetric(float64(bytes)/float64(b.N), "bytes-of-JSON")
			})
		}
	}
}
