package value

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// TextOptions say how the server renders text rows.
type TextOptions struct {
	// Location is the time zone of the session that reads TIMESTAMPs; nil is
	// UTC, for sessions with time_zone '+00:00'. Only UTC tells apart the two
	// passes through an hour when clocks are set back.
	Location *time.Location
}

// TextDecoder decodes the rows of a SELECT over the text protocol. The session's
// character_set_results must be utf8mb4. It is immutable and may be used from
// several goroutines.
type TextDecoder struct {
	cols []textColumn
	loc  *time.Location
}

type textColumn struct {
	kind table.Kind
	name string
	fsp  uint8
}

// NewTextDecoder compiles the columns in the order in which they are selected.
func NewTextDecoder(cols []*table.Column, o TextOptions) *TextDecoder {
	d := &TextDecoder{cols: make([]textColumn, len(cols)), loc: o.Location}
	if d.loc == nil {
		d.loc = time.UTC
	}
	for i, c := range cols {
		d.cols[i] = textColumn{kind: c.Kind, name: c.Name, fsp: uint8(max(c.Length, 0))}
	}
	return d
}

// DecodeRow decodes the packet of a text row (Protocol::ResultsetRow). Cells
// refer to the packet.
func (d *TextDecoder) DecodeRow(packet []byte, cells []Cell) error {
	for i := range d.cols {
		text, rest, null, err := lengthEncoded(packet)
		if err != nil {
			return fmt.Errorf("column %s: %w", d.cols[i].name, err)
		}
		packet = rest
		if null {
			cells[i] = Cell{Kind: Null}
		} else if err := d.Decode(i, text, &cells[i]); err != nil {
			return err
		}
	}
	return nil
}

func lengthEncoded(p []byte) (text, rest []byte, null bool, err error) {
	if len(p) == 0 {
		return nil, nil, false, ErrTruncatedRow
	}
	n, skip := uint64(p[0]), 1
	switch p[0] {
	case 0xFB:
		return nil, p[1:], true, nil
	case 0xFC:
		skip = 3
	case 0xFD:
		skip = 4
	case 0xFE:
		skip = 9
	}
	if len(p) < skip {
		return nil, nil, false, ErrTruncatedRow
	}
	switch skip {
	case 3:
		n = uint64(binary.LittleEndian.Uint16(p[1:]))
	case 4:
		n = littleEndian(p[1:4])
	case 9:
		n = binary.LittleEndian.Uint64(p[1:])
	}
	if p = p[skip:]; n > uint64(len(p)) {
		return nil, nil, false, ErrTruncatedRow
	}
	return p[:n:n], p[n:], false, nil
}

// Decode decodes the text of column i, which is not NULL.
func (d *TextDecoder) Decode(i int, text []byte, c *Cell) error {
	col := &d.cols[i]
	c.Data, c.Num, c.Scale = nil, 0, 0
	var err error
	switch col.kind {
	case table.TinyInt, table.SmallInt, table.MediumInt, table.Int, table.BigInt, table.Year:
		c.Kind = Int
		c.Num, err = parseInt(text)
	case table.Float:
		err = c.setFloat(text, 32)
	case table.Double:
		err = c.setFloat(text, 64)
	case table.Decimal:
		err = c.setDecimalText(text)
	case table.Date, table.DateTime, table.Timestamp, table.Time:
		c.Scale = col.fsp
		err = d.temporal(col.kind, text, c)
	case table.Bit, table.Binary, table.VarBinary, table.TinyBlob, table.Blob, table.MediumBlob, table.LongBlob,
		table.Geometry, table.Vector:
		c.Kind, c.Data = Bytes, text
	default:
		c.Kind, c.Data = Text, text
	}
	if err != nil {
		return fmt.Errorf("column %s: %w", col.name, err)
	}
	return nil
}

// parseInt reads a signed or unsigned number of up to 64 bits; the latter keeps
// its bits.
func parseInt(text []byte) (int64, error) {
	digits, neg := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, neg = digits[1:], true
	}
	n := uint64(0)
	for _, b := range digits {
		if b < '0' || b > '9' {
			return 0, fmt.Errorf("malformed integer %q", text)
		}
		n = n*10 + uint64(b-'0')
	}
	if len(digits) == 0 || len(digits) > 20 {
		return 0, fmt.Errorf("malformed integer %q", text)
	}
	if neg {
		return -int64(n), nil
	}
	return int64(n), nil
}

func (c *Cell) setFloat(text []byte, bits int) error {
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), bits)
	if err != nil {
		return fmt.Errorf("malformed number %q", text)
	}
	c.setNumber(f, bits)
	return nil
}

func (d *TextDecoder) temporal(kind table.Kind, text []byte, c *Cell) error {
	if kind == table.Time {
		micros, err := parseDuration(text)
		c.Kind, c.Num = Time, micros
		return err
	}
	t, err := parseCivil(text)
	switch {
	case err != nil:
		return err
	case t.Month == 0 || t.Day == 0: // as BinlogValueConverters treats zero dates of a snapshot
		c.Kind = Null
		return nil
	}
	switch kind {
	case table.Date:
		c.Kind, c.Num = Date, PackDateTime(t.Year, t.Month, t.Day, 0, 0, 0, 0)
	case table.DateTime:
		c.Kind, c.Num = DateTime, PackDateTime(t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second, t.Micros)
	default:
		c.Kind, c.Num = TextTimestamp, d.instant(t)
	}
	return nil
}

func (d *TextDecoder) instant(t Civil) int64 {
	if d.loc == time.UTC {
		return t.EpochMicros()
	}
	return time.Date(t.Year, time.Month(t.Month), t.Day, t.Hour, t.Minute, t.Second, t.Micros*1000, d.loc).UnixMicro()
}

// scanner reads numbers and separators of a temporal value.
type scanner struct {
	in  []byte
	bad bool
}

func (s *scanner) number() (n int) {
	i := 0
	for ; i < len(s.in) && s.in[i] >= '0' && s.in[i] <= '9' && i < 9; i++ {
		n = n*10 + int(s.in[i]-'0')
	}
	s.bad = s.bad || i == 0
	s.in = s.in[i:]
	return n
}

// micros reads a fraction of a second of up to nine digits, in microseconds.
func (s *scanner) micros() int {
	n, digits := 0, 0
	for ; digits < len(s.in) && s.in[digits] >= '0' && s.in[digits] <= '9'; digits++ {
		if digits < 6 {
			n = n*10 + int(s.in[digits]-'0')
		}
	}
	s.in = s.in[digits:]
	for ; digits < 6; digits++ {
		n *= 10
	}
	return n
}

func (s *scanner) accept(b byte) bool {
	if len(s.in) > 0 && s.in[0] == b {
		s.in = s.in[1:]
		return true
	}
	return false
}

func (s *scanner) expect(b byte) {
	if !s.accept(b) {
		s.bad = true
	}
}

func (s *scanner) done(what string, text []byte) error {
	if s.bad || len(s.in) > 0 {
		return fmt.Errorf("malformed %s %q", what, text)
	}
	return nil
}

func (s *scanner) date() (t Civil) {
	t.Year = s.number()
	s.expect('-')
	t.Month = s.number()
	s.expect('-')
	t.Day = s.number()
	s.bad = s.bad || t.Year > 9999 || t.Month > 12 || t.Day > 31
	return t
}

func (s *scanner) clock(t *Civil) {
	t.Hour = s.number()
	s.expect(':')
	t.Minute = s.number()
	if s.accept(':') {
		t.Second = s.number()
		if s.accept('.') {
			t.Micros = s.micros()
		}
	}
	s.bad = s.bad || t.Minute > 59 || t.Second > 59
}

// parseCivil reads YYYY-MM-DD with or without hh:mm:ss and a fraction.
func parseCivil(text []byte) (Civil, error) {
	if t, ok := usualCivil(text); ok {
		return t, nil
	}
	return anyCivil(text)
}

func anyCivil(text []byte) (Civil, error) {
	s := scanner{in: text}
	t := s.date()
	if s.accept(' ') || s.accept('T') {
		s.clock(&t)
		s.bad = s.bad || t.Hour > 23
	}
	return t, s.done("date", text)
}

// usualCivil is parseCivil for the form in which servers write dates and times, each
// part with all its digits; ok is false for any other.
func usualCivil(text []byte) (t Civil, ok bool) {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return t, false
	}
	century, year := twoDigits(text), twoDigits(text[2:])
	t.Year, t.Month, t.Day = 100*century+year, twoDigits(text[5:]), twoDigits(text[8:])
	if century > 99 || year > 99 || t.Month > 12 || t.Day > 31 {
		return t, false
	}
	if len(text) == 10 {
		return t, true
	}
	if len(text) < 19 || text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return t, false
	}
	t.Hour, t.Minute, t.Second = twoDigits(text[11:]), twoDigits(text[14:]), twoDigits(text[17:])
	if t.Hour > 23 || t.Minute > 59 || t.Second > 59 {
		return t, false
	}
	if len(text) == 19 {
		return t, true
	}
	if len(text) > 26 || text[19] != '.' {
		return t, false
	}
	for _, b := range text[20:] {
		if b -= '0'; b > 9 {
			return t, false
		}
		t.Micros = 10*t.Micros + int(b)
	}
	t.Micros *= int(pow10[26-len(text)])
	return t, true
}

// twoDigits is the number that two digits are, or more than 99 when they are none.
func twoDigits(b []byte) int {
	tens, ones := b[0]-'0', b[1]-'0'
	if tens > 9 || ones > 9 {
		return 1000
	}
	return 10*int(tens) + int(ones)
}

// parseDuration reads a TIME: hours may be negative and more than 24.
func parseDuration(text []byte) (int64, error) {
	s := scanner{in: text}
	neg := s.accept('-')
	var t Civil
	s.clock(&t)
	n := (int64(t.Hour)*3600+int64(t.Minute)*60+int64(t.Second))*microsPerSecond + int64(t.Micros)
	if neg {
		n = -n
	}
	return n, s.done("time", text)
}
