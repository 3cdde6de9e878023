package value

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// defaultOf converts the text of a column's DEFAULT; null when it has none.
func defaultOf(col *table.Column, o *Options, t colType) (data.Value, error) {
	if !col.HasDefault || col.Default == nil {
		return data.Null(), nil
	}
	cell, ok, err := defaultCell(col, *col.Default)
	if err != nil || !ok {
		return data.Null(), err
	}
	if t.nullIsFallback {
		return t.fallback, nil
	}
	if t.bind != nil {
		return data.Null(), errors.New("a structured value cannot be a default")
	}
	if o.BigintUnsigned == BigintPrecise && unsignedNamed(col, "BIGINT", "INT8") {
		if n, err := strconv.ParseUint(strings.TrimSpace(*col.Default), 10, 64); err == nil {
			cell.Num = int64(n)
		}
	}
	return t.convert(new(data.Arena), &cell)
}

// defaultCell reads the text of a DEFAULT as BinlogDefaultValueConverter does;
// ok is false where the default amounts to none.
func defaultCell(col *table.Column, text string) (cell Cell, ok bool, err error) {
	switch {
	case isNumberType(col.JDBCType), isTemporalType(col.JDBCType), col.JDBCType == table.JDBCBoolean:
		text = strings.TrimSpace(text)
	}
	text = stripIntroducer(text)
	if isNumberType(col.JDBCType) {
		cell, err = defaultNumber(col, text)
		return cell, err == nil, err
	}
	switch col.JDBCType {
	case table.JDBCDate, table.JDBCTimestamp:
		return defaultDate(col, text)
	case table.JDBCTimestampWithTimezone:
		return defaultTimestamp(col, text)
	case table.JDBCTime:
		if _, clock, found := strings.Cut(text, " "); found {
			text = clock
		}
		micros, err := parseDuration([]byte(text))
		return Cell{Kind: Time, Num: micros}, err == nil, err
	case table.JDBCBoolean:
		n, err := strconv.Atoi(text)
		return intCell(err == nil && n != 0 || strings.EqualFold(text, "true")), true, nil
	}
	if col.Kind == table.UUID {
		return cell, false, errors.New("a UUID cannot be a default")
	}
	return Cell{Kind: Text, Data: []byte(text)}, true, nil
}

func isNumberType(jdbc int) bool {
	switch jdbc {
	case table.JDBCBit, table.JDBCTinyInt, table.JDBCSmallInt, table.JDBCInteger, table.JDBCBigInt, table.JDBCFloat,
		table.JDBCReal, table.JDBCDouble, table.JDBCNumeric, table.JDBCDecimal:
		return true
	}
	return false
}

func isTemporalType(jdbc int) bool {
	switch jdbc {
	case table.JDBCDate, table.JDBCTime, table.JDBCTimestamp, table.JDBCTimestampWithTimezone:
		return true
	}
	return false
}

// stripIntroducer removes a charset introducer: _utf8mb4'x' is x.
func stripIntroducer(text string) string {
	if len(text) < 4 || text[0] != '_' || text[len(text)-1] != '\'' {
		return text
	}
	name, body, found := strings.Cut(text[1:len(text)-1], "'")
	if !found || name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return text
	}
	return body
}

func intCell(b bool) Cell {
	if b {
		return Cell{Kind: Int, Num: 1}
	}
	return Cell{Kind: Int}
}

func defaultNumber(col *table.Column, text string) (Cell, error) {
	isTrue := strings.EqualFold(text, "true")
	if isTrue || strings.EqualFold(text, "false") {
		if text = "0"; isTrue {
			text = "1"
		}
	}
	switch col.JDBCType {
	case table.JDBCNumeric, table.JDBCDecimal:
		return defaultDecimal(col, text)
	case table.JDBCFloat, table.JDBCDouble, table.JDBCReal:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Cell{}, fmt.Errorf("malformed number %q", text)
		}
		return Cell{Kind: Float64, Num: int64(math.Float64bits(f))}, nil
	case table.JDBCBit:
		return defaultBits(col, text)
	}
	return defaultInt(text)
}

func defaultDecimal(col *table.Column, text string) (cell Cell, err error) {
	if col.Scale != table.Unset {
		if text, err = bigDecimal(text, col.Scale); err != nil {
			return cell, err
		}
	}
	err = cell.setDecimalText([]byte(text))
	return cell, err
}

// defaultInt reads an integer as Debezium does: as a double, rounded half up,
// which loses digits beyond 2^53 and ends at the largest long.
func defaultInt(text string) (Cell, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return Cell{}, fmt.Errorf("malformed number %q", text)
	}
	f = math.Floor(f + 0.5)
	switch {
	case f >= math.MaxInt64:
		return Cell{Kind: Int, Num: math.MaxInt64}, nil
	case f <= math.MinInt64:
		return Cell{Kind: Int, Num: math.MinInt64}, nil
	}
	return Cell{Kind: Int, Num: int64(f)}, nil
}

// defaultBits reads the digits of a BIT: 101 for b'101'.
func defaultBits(col *table.Column, text string) (Cell, error) {
	if col.Length <= 1 {
		n, err := strconv.ParseInt(text, 10, 16)
		return intCell(err == nil && n != 0), nil
	}
	size := (len(text) + 7) / 8
	out := make([]byte, size)
	for i := size - 1; i >= 0; i-- {
		at := max(len(text)-8, 0)
		b, err := strconv.ParseUint(text[at:], 2, 8)
		if err != nil {
			return Cell{}, fmt.Errorf("malformed bits %q", text)
		}
		out[i], text = byte(b), text[:at]
	}
	return Cell{Kind: Bytes, Data: out}, nil
}

// isoDate matches texts that begin with a date in full.
var isoDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)

// zeroDate matches dates in which a part is zero, and 0.
var zeroDate = regexp.MustCompile(`^(0|(\d{4}-\d{2}-00|\d{4}-00-\d{2}|0000-\d{2}-\d{2})( 00:00:00(\.\d{1,6})?)?)$`)

// defaultDate reads the default of a DATE or DATETIME. What is no date, and any
// zero date, is none for a column that allows NULL and 1970-01-01 for others.
func defaultDate(col *table.Column, text string) (Cell, bool, error) {
	t, err := parseCivil([]byte(text))
	if err != nil || !isoDate.MatchString(text) || zeroDate.MatchString(text) || t.Month == 0 || t.Day == 0 {
		if col.Optional {
			return Cell{}, false, nil
		}
		t = Civil{Year: 1970, Month: 1, Day: 1}
	}
	// Java's formatters take the last day of a month for days after it.
	t.Day = min(t.Day, daysIn(t.Year, t.Month))
	if col.JDBCType == table.JDBCDate {
		return Cell{Kind: Date, Num: PackDateTime(t.Year, t.Month, t.Day, 0, 0, 0, 0)}, true, nil
	}
	return Cell{Kind: DateTime, Num: PackDateTime(t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second, t.Micros)}, true, nil
}

// separators matches what stands between the numbers of a timestamp literal.
var separators = regexp.MustCompile(`\d+`)

// defaultTimestamp reads the default of a TIMESTAMP, in UTC. MySQL allows any
// separators in it.
func defaultTimestamp(col *table.Column, text string) (Cell, bool, error) {
	if zeroDate.MatchString(text) || text == "1970-01-01 00:00:00" {
		return Cell{Kind: TextTimestamp}, !col.Optional, nil
	}
	var n [7]int
	parts := separators.FindAllString(text, len(n))
	if len(parts) < 3 {
		return Cell{}, false, fmt.Errorf("malformed timestamp %q", text)
	}
	for i, p := range parts {
		if i == 6 {
			p = (p + "000000")[:6]
		}
		v, err := strconv.Atoi(p)
		if err != nil {
			return Cell{}, false, fmt.Errorf("malformed timestamp %q", text)
		}
		n[i] = v
	}
	t := Civil{n[0], n[1], n[2], n[3], n[4], n[5], n[6]}
	if !t.Valid() || t.Hour > 23 || t.Minute > 59 || t.Second > 59 {
		return Cell{}, false, fmt.Errorf("malformed timestamp %q", text)
	}
	return Cell{Kind: Timestamp, Num: t.EpochMicros()}, true, nil
}
