package event_test

import (
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// wideTable has a column of most types.
func wideTable() (*table.Table, []value.Cell) {
	t := &table.Table{ID: table.ID{Database: "shop", Name: "orders"}, PrimaryKey: []string{"id"}}
	var row []value.Cell
	add := func(name, typ string, jdbc, length, scale int, c value.Cell) {
		col := &table.Column{Name: name, TypeName: typ, JDBCType: jdbc, Length: length, Scale: scale, Charset: "utf8mb4",
			Optional: name != "id", Position: len(t.Columns) + 1, EnumValues: []string{"'a'", "'b'"}}
		col.Derive()
		t.Columns, row = append(t.Columns, col), append(row, c)
	}
	text := func(s string) value.Cell { return value.Cell{Kind: value.Bytes, Data: []byte(s)} }
	add("id", "BIGINT", table.JDBCBigInt, -1, -1, value.Cell{Kind: value.Int, Num: 42})
	add("u", "INT UNSIGNED", table.JDBCInteger, -1, -1, value.Cell{Kind: value.Int, Num: -1})
	add("name", "VARCHAR", table.JDBCVarChar, 60, -1, text("a name with ünïcode"))
	add("price", "DECIMAL", table.JDBCDecimal, 10, 2, value.Cell{Kind: value.Decimal, Num: 123456, Scale: 2})
	add("wide", "DECIMAL", table.JDBCDecimal, 40, 2, value.Cell{Kind: value.DecimalText, Data: []byte("12345678901234567890123.45"), Scale: 2})
	add("big", "DECIMAL", table.JDBCDecimal, 65, 2, value.Cell{Kind: value.DecimalBig, Data: []byte("\x01 twenty-seven bytes in all"), Scale: 2})
	add("f", "DOUBLE", table.JDBCDouble, -1, -1, value.Cell{Kind: value.Float64, Num: 0x3FF8000000000000})
	add("at", "DATETIME", table.JDBCTimestamp, 6, -1, value.Cell{Kind: value.DateTime, Num: value.PackDateTime(2024, 2, 3, 4, 5, 6, 7)})
	add("ts", "TIMESTAMP", table.JDBCTimestampWithTimezone, 3, -1, value.Cell{Kind: value.Timestamp, Num: 1700000000123000})
	add("e", "ENUM", table.JDBCChar, 1, -1, value.Cell{Kind: value.Int, Num: 2})
	add("s", "SET", table.JDBCChar, 3, -1, value.Cell{Kind: value.Int, Num: 3})
	add("j", "JSON", table.JDBCOther, -1, -1, value.Cell{Kind: value.JSONBinary, Data: []byte{5, 42, 0}})
	add("b", "BIT", table.JDBCBit, 9, -1, value.Cell{Kind: value.Bytes, Data: []byte{1, 2}})
	add("blob", "BLOB", table.JDBCBlob, -1, -1, text("\x00\x01\x02"))
	return t, row
}

func newPlan(t testing.TB, opts value.Options) (*event.Builder, *event.Plan, []value.Cell) {
	t.Helper()
	b, err := event.NewBuilder(event.Config{
		Topics:    event.TopicConfig{Prefix: "p", Delimiter: ".", HeartbeatPrefix: "hb", Transaction: "transaction"},
		Connector: "mysql", Version: "3.6.1.Final", Tombstones: true, Headers: true, RunID: "run", Value: opts,
	}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	tab, row := wideTable()
	p, err := b.Plan(tab)
	if err != nil {
		t.Fatal(err)
	}
	return b, p, row
}

func TestNoAllocations(t *testing.T) {
	for name, o := range map[string]value.Options{
		"default": {AdjustYears: true},
		"text":    {Decimal: value.DecimalString, Time: value.TimeISO, Binary: value.BinaryHex},
		"double":  {Decimal: value.DecimalDouble, Time: value.TimeConnect, Binary: value.BinaryBase64},
	} {
		b, p, row := newPlan(t, o)
		src := &event.Source{Marker: event.MarkStreaming, File: "bin.1", GTID: "g:1", HasThread: true,
			Transaction: &event.Transaction{ID: "g:1", Order: 1, CollectionOrder: 1}}
		offset := connect.FixedOffset(map[string]any{})
		var batch connect.Batch
		n := testing.AllocsPerRun(100, func() {
			batch.Reset()
			b.SetClock(1700000000000000000)
			for i := range 20 {
				src.Row = int32(i)
				err := p.Insert(&batch, src, offset, row)
				if err == nil {
					err = p.Update(&batch, src, event.Offsets{Before: offset, After: offset}, row, row, nil)
				}
				if err == nil {
					err = p.Delete(&batch, src, event.Offsets{Before: offset, After: offset}, row)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if n != 0 || len(batch.Records) != 80 {
			t.Errorf("%s: %v allocations for %d records", name, n, len(batch.Records))
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	builder, _, _ := newPlan(b, value.Options{})
	tab := sbtest()
	p, err := builder.Plan(tab)
	if err != nil {
		b.Fatal(err)
	}
	dec, image := sbtestImage(b)
	cells := make([]value.Cell, 4)
	src := &event.Source{Marker: event.MarkStreaming, File: "bin.1", GTID: "g:1", HasThread: true}
	offset := connect.FixedOffset(map[string]any{})
	var batch connect.Batch
	var a data.Arena
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			batch.Reset()
		}
		if _, err := dec.Decode(&a, nil, image, cells); err != nil {
			b.Fatal(err)
		}
		if err := p.Insert(&batch, src, offset, cells); err != nil {
			b.Fatal(err)
		}
	}
}

// sbtest is the table of the benchmark in "sysbench": id, k, CHAR(120), CHAR(60).
func sbtest() *table.Table {
	t := &table.Table{ID: table.ID{Database: "sb", Name: "sbtest1"}, PrimaryKey: []string{"id"}}
	for i, c := range []table.Column{
		{Name: "id", TypeName: "INT", JDBCType: table.JDBCInteger, Length: -1, Scale: -1},
		{Name: "k", TypeName: "INT", JDBCType: table.JDBCInteger, Length: -1, Scale: -1},
		{Name: "c", TypeName: "CHAR", JDBCType: table.JDBCChar, Length: 120, Scale: -1, Charset: "utf8mb4"},
		{Name: "pad", TypeName: "CHAR", JDBCType: table.JDBCChar, Length: 60, Scale: -1, Charset: "utf8mb4"},
	} {
		c.Position = i + 1
		c.Derive()
		t.Columns = append(t.Columns, &c)
	}
	return t
}

func sbtestImage(b *testing.B) (*value.RowDecoder, []byte) {
	b.Helper()
	metas, err := value.ParseColumnMeta([]byte{3, 3, 254, 254}, []byte{0xFE ^ 0x10, 0xE0, 0xFE, 0xF0})
	if err != nil {
		b.Fatal(err)
	}
	dec, err := value.NewRowDecoder(metas)
	if err != nil {
		b.Fatal(err)
	}
	image := []byte{0, 1, 0, 0, 0, 2, 0, 0, 0}
	c := make([]byte, 119)
	pad := make([]byte, 59)
	for i := range c {
		c[i] = 'c'
	}
	for i := range pad {
		pad[i] = 'p'
	}
	image = append(append(image, 119, 0), c...)
	return dec, append(append(image, 59), pad...)
}
