package value

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

func TestParseColumnMeta(t *testing.T) {
	types := []byte{typeLong, typeVarChar, typeString, typeString, typeString, typeString, typeBit, typeNewDecimal, typeBlob,
		typeTypedArray, typeTime2, typeJSON}
	block := []byte{
		0x2C, 0x01, // VARCHAR of 300 bytes
		0xFE, 0x50, // CHAR of 80 bytes
		0xEE, 0xFC, // CHAR of 508 bytes: two bits of the length are hidden in the type
		0xF7, 0x02, // ENUM of two bytes
		0xF8, 0x08, // SET of eight bytes
		0x05, 0x01, // BIT(13)
		0x0A, 0x02, // DECIMAL(10,2)
		0x03,              // MEDIUMBLOB
		typeVarChar, 5, 0, // array of VARCHAR
		0x06, // TIME(6)
		0x04, // JSON
	}
	want := []ColumnMeta{
		{Type: typeLong}, {Type: typeVarChar, Meta: 300}, {Type: typeString, Meta: 80}, {Type: typeString, Meta: 508},
		{Type: typeEnum, Meta: 2}, {Type: typeSet, Meta: 8}, {Type: typeBit, Meta: 13}, {Type: typeNewDecimal, Meta: 0x0A02},
		{Type: typeBlob, Meta: 3}, {Type: typeVarChar, Meta: 5, Array: true}, {Type: typeTime2, Meta: 6}, {Type: typeJSON, Meta: 4},
	}
	got, err := ParseColumnMeta(types, block)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("column %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	for n := range block {
		if _, err := ParseColumnMeta(types, block[:n]); err == nil {
			t.Errorf("%d bytes of metadata are accepted", n)
		}
	}
}

// TestOldFormats reads what servers before 5.6.4 wrote, and other types that
// no server of today writes.
func TestOldFormats(t *testing.T) {
	le := func(n uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, n)[:size] }
	for _, c := range []struct {
		meta ColumnMeta
		in   []byte
		want Cell
	}{
		{ColumnMeta{Type: typeTime}, le(123456, 3), Cell{Kind: Time, Num: 45296_000000}},
		{ColumnMeta{Type: typeTime}, le(uint64(1<<24-10203), 3), Cell{Kind: Time, Num: -3723_000000}},
		{ColumnMeta{Type: typeDateTime}, le(20210816101112, 8), Cell{Kind: DateTime, Num: PackDateTime(2021, 8, 16, 10, 11, 12, 0)}},
		{ColumnMeta{Type: typeDateTime}, le(0, 8), Cell{Kind: Null}},
		{ColumnMeta{Type: typeTimestamp}, le(1700000000, 4), Cell{Kind: Timestamp, Num: 1700000000_000000}},
		{ColumnMeta{Type: typeTimestamp}, le(0, 4), Cell{Kind: Null}},
		{ColumnMeta{Type: typeTimestamp2, Meta: 2}, []byte{0, 0, 0, 1, 50}, Cell{Kind: Timestamp, Num: 1_500000, Scale: 2}},
		{ColumnMeta{Type: typeNewDate}, le(2021<<9|8<<5|16, 3), Cell{Kind: Date, Num: PackDateTime(2021, 8, 16, 0, 0, 0, 0)}},
		{ColumnMeta{Type: typeDate}, le(2021<<9|0<<5|16, 3), Cell{Kind: Null}},
		{ColumnMeta{Type: typeNull}, nil, Cell{Kind: Null}},
		{ColumnMeta{Type: typeYear}, []byte{0}, Cell{Kind: Int, Num: 1900}},
		{ColumnMeta{Type: typeInt24}, []byte{0xFF, 0xFF, 0xFF}, Cell{Kind: Int, Num: -1}},
		{ColumnMeta{Type: typeTime2, Meta: 2}, []byte{0x7F, 0xFF, 0xFF, 0xFF}, Cell{Kind: Time, Num: -10000, Scale: 2}},
		{ColumnMeta{Type: typeLong, Array: true}, []byte{2, 0, 0, 0, 9, 9}, Cell{Kind: Missing}},
	} {
		d, err := NewRowDecoder([]ColumnMeta{c.meta})
		if err != nil {
			t.Fatal(err)
		}
		var got [1]Cell
		rest, err := d.Decode(nil, nil, append(append([]byte{0}, c.in...), 0xAA), got[:])
		if err != nil || len(rest) != 1 {
			t.Errorf("type %d: %v, %d bytes left", c.meta.Type, err, len(rest))
		}
		if g := got[0]; g.Kind != c.want.Kind || g.Num != c.want.Num || g.Scale != c.want.Scale {
			t.Errorf("type %d: %+v, want %+v", c.meta.Type, g, c.want)
		}
	}
}

func TestUnreadableColumns(t *testing.T) {
	for want, m := range map[string]ColumnMeta{
		"before MySQL 5.0":    {Type: typeDecimal},
		"unknown binlog":      {Type: 200},
		"metadata 9 does not": {Type: typeBlob, Meta: 9},
	} {
		if _, err := NewRowDecoder([]ColumnMeta{m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", m, err, want)
		}
	}
}

// TestPresentColumns reads an image of some columns only.
func TestPresentColumns(t *testing.T) {
	d, err := NewRowDecoder([]ColumnMeta{{Type: typeTiny}, {Type: typeTiny}, {Type: typeTiny}})
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]Cell, 3)
	rest, err := d.Decode(nil, []byte{0b101}, []byte{0b01, 7, 8}, cells)
	if err != nil || len(rest) != 1 {
		t.Fatalf("%v, %d left", err, len(rest))
	}
	if cells[0].Kind != Null || cells[1].Kind != Missing || cells[2].Num != 7 {
		t.Errorf("cells %+v", cells)
	}
	if _, err := d.Decode(nil, nil, []byte{0, 1, 2}, cells); !errors.Is(err, ErrTruncatedRow) {
		t.Errorf("truncated row: %v", err)
	}
}

// TestCivil compares the arithmetic of dates with the standard library's.
func TestCivil(t *testing.T) {
	for day := int64(-719162); day < 2932897; day += 13 {
		want := time.Unix(day*86400, 0).UTC()
		y, m, d := civilOf(day)
		c := Civil{Year: y, Month: m, Day: d}
		if y != want.Year() || m != int(want.Month()) || d != want.Day() || c.EpochDay() != day || !c.Valid() {
			t.Fatalf("day %d is %d-%d-%d, want %v; back %d", day, y, m, d, want, c.EpochDay())
		}
	}
	c := Cell{Num: PackDateTime(9999, 12, 31, 23, 59, 59, 999999)}
	if got := c.Civil(); got != (Civil{9999, 12, 31, 23, 59, 59, 999999}) {
		t.Errorf("unpacked %+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{typeLong, typeVarChar, typeJSON}, []byte{10, 0, 4}, []byte{0, 1, 0, 0, 0, 1, 'a', 2, 0, 0, 0, 4, 1})
	f.Add([]byte{typeNewDecimal, typeTime2, typeDateTime2}, []byte{20, 10, 3, 6}, make([]byte, 40))
	f.Fuzz(func(t *testing.T, types, meta, image []byte) {
		cols, err := ParseColumnMeta(types, meta)
		if err != nil || len(cols) > 200 {
			return
		}
		d, err := NewRowDecoder(cols)
		if err != nil {
			return
		}
		cells := make([]Cell, len(cols))
		a := new(data.Arena)
		rest, err := d.Decode(a, nil, image, cells)
		if err == nil && len(rest) > len(image) {
			t.Error("more left than there was")
		}
		if err == nil {
			_, _ = d.DecodePartial(a, nil, image, cells, make([]Cell, len(cols)))
		}
		for i := range cells {
			if cells[i].Kind == JSONBinary {
				_, _ = AppendJSON(nil, cells[i].Data)
			}
		}
	})
}

func FuzzTextRow(f *testing.F) {
	var cols []*table.Column
	for _, name := range []string{"INT", "DECIMAL", "DATE", "DATETIME", "TIME", "TIMESTAMP", "DOUBLE", "VARCHAR"} {
		c := &table.Column{Name: name, TypeName: name, Length: table.Unset, Scale: table.Unset}
		c.Derive()
		cols = append(cols, c)
	}
	d := NewTextDecoder(cols, TextOptions{})
	f.Add([]byte("\x011\x031.5\x0a2021-01-02\x0a2021-01-02\x0801:02:03\xfb\x011\x01x"))
	f.Fuzz(func(t *testing.T, row []byte) {
		cells := make([]Cell, len(cols))
		if err := d.DecodeRow(row, cells); err != nil {
			return
		}
		for i := range cells {
			if (cells[i].Kind == Date || cells[i].Kind == DateTime) && cells[i].Civil().Month > 12 {
				t.Errorf("%+v", cells[i].Civil())
			}
		}
	})
}

func TestTextErrors(t *testing.T) {
	for typ, texts := range map[string][]string{
		"INT": {"", "-", "1a", "123456789012345678901"}, "DOUBLE": {"x"}, "DATE": {"2021-13-01", "2021-01", "2021-01-40"},
		"DATETIME": {"2021-01-02 24:00:00", "2021-01-02 10:60:00"}, "TIME": {"x", "1", "1:60"}, "DECIMAL": {"1e5"},
	} {
		c := &table.Column{Name: "c", TypeName: typ}
		c.Derive()
		d := NewTextDecoder([]*table.Column{c}, TextOptions{})
		for _, text := range texts {
			if err := d.Decode(0, []byte(text), new(Cell)); err == nil || !strings.Contains(err.Error(), "column c") {
				t.Errorf("%s %q: %v", typ, text, err)
			}
		}
	}
}

func TestTextZones(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := &table.Column{TypeName: "TIMESTAMP", Length: 6}
	c.Derive()
	d := NewTextDecoder([]*table.Column{c}, TextOptions{Location: berlin})
	var cell Cell
	if err := d.Decode(0, []byte("2021-08-16 10:11:12.5"), &cell); err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2021, 8, 16, 8, 11, 12, 500_000_000, time.UTC).UnixMicro(); cell.Num != want || cell.Kind != TextTimestamp {
		t.Errorf("%+v, want %d", cell, want)
	}
	for _, zero := range []string{"0000-00-00 00:00:00", "2021-00-10 00:00:00"} {
		if err := d.Decode(0, []byte(zero), &cell); err != nil || cell.Kind != Null {
			t.Errorf("%s: %+v, %v", zero, cell, err)
		}
	}
}

// What the usual form of a date is read as, the scanner reads it as too.
func TestDatesAgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	usual := 0
	for range 200_000 {
		text := fmt.Sprintf("%04d-%02d-%02d", r.IntN(10_000), r.IntN(14), r.IntN(33))
		if r.IntN(4) > 0 {
			text += fmt.Sprintf(" %02d:%02d:%02d", r.IntN(26), r.IntN(62), r.IntN(62))
			if r.IntN(2) == 0 {
				text += fmt.Sprintf(".%09d", r.IntN(1e9))[:1+r.IntN(8)]
			}
		}
		b := []byte(text)
		if r.IntN(3) == 0 {
			b[r.IntN(len(b))] = "0123456789-: .T/;x\x00\xff"[r.IntN(20)]
		}
		if r.IntN(5) == 0 {
			b = b[:r.IntN(len(b)+1)]
		}
		want, err := anyCivil(b)
		got, ok := usualCivil(b)
		if ok && (err != nil || got != want) {
			t.Fatalf("%q is %+v, want %+v, %v", b, got, want, err)
		}
		if ok {
			usual++
		}
	}
	if usual < 50_000 {
		t.Errorf("%d dates have the usual form", usual)
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-1": -1, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "18446744073709551615": -1,
	} {
		if got, err := parseInt([]byte(text)); got != want || err != nil {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
}

// Values of COMPRESSED columns as MariaDB stores them: not compressed, by zlib without and with its header.
func TestInflate(t *testing.T) {
	text := strings.Repeat("compressed ", 20)
	var raw, wrapped bytes.Buffer
	w, err := flate.NewWriter(&raw, 9)
	if err != nil {
		t.Fatal(err)
	}
	z := zlib.NewWriter(&wrapped)
	for _, c := range []io.WriteCloser{w, z} {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var f inflater
	var a data.Arena
	for name, c := range map[string]struct {
		stored []byte
		want   string // "!" for an error
	}{
		"empty":         {nil, ""},
		"stored":        {[]byte("\x00plain"), "plain"},
		"raw":           {append([]byte{0x89, byte(len(text))}, raw.Bytes()...), text},
		"wrapped":       {append([]byte{0x82, 0, byte(len(text))}, wrapped.Bytes()...), text},
		"other method":  {[]byte("\x40x"), "!"},
		"no length":     {[]byte{0x82, 0}, "!"},
		"huge":          {[]byte{0x8C, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2}, "!"},
		"cut off":       {append([]byte{0x89, byte(len(text))}, raw.Bytes()[:5]...), "!"},
		"not deflate":   {[]byte{0x89, 4, 0xFF, 0xFF, 0xFF}, "!"},
		"header only":   {[]byte{0x81, 4, 0x78}, "!"},
		"length beyond": {append([]byte{0x89, byte(len(text) + 1)}, raw.Bytes()...), "!"},
	} {
		got, err := f.value(&a, c.stored)
		if (err != nil) != (c.want == "!") || err == nil && string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("\x00plain"))
	f.Add([]byte{0x89, 4, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		var a data.Arena
		_, _ = new(inflater).value(&a, b)
	})
}
