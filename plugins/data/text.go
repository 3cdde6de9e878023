package data

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// AppendText appends v as Java's toString prints it, which is what
// StringConverter writes:
//
//	Struct{a=1,b=x}   nulls are left out
//	[1, x, null]      arrays
//	{k=v, k2=v2}      maps
//	1.50              Decimal, as BigDecimal.toString
//	Thu Jan 01 00:00:00 UTC 1970   Date, Time and Timestamp
//
// Bytes are printed as Java prints the ByteBuffer that Debezium keeps them in:
// java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]. s may be nil for a value without
// schema.
func AppendText(dst []byte, s *Schema, v Value) []byte {
	switch v.kind {
	case KindStruct:
		return appendStructText(dst, v.Struct())
	case KindArray:
		return appendArrayText(dst, s, v.Elems())
	case KindMap:
		return appendMapText(dst, s, v.Map())
	case KindString:
		return append(dst, v.Str()...)
	}
	if s != nil {
		switch s.Logical() {
		case LogicalDecimal:
			if scale, err := s.Scale(); err == nil && v.kind == KindBytes {
				return AppendDecimal(dst, v.Raw(), scale)
			}
		case LogicalDate, LogicalTime, LogicalTimestamp:
			if !v.IsNull() {
				return millisOf(s, v).AppendFormat(dst, "Mon Jan 02 15:04:05 MST 2006")
			}
		}
	}
	return appendScalarText(dst, v)
}

// millisOf is the point in time that a Date, Time or Timestamp stands for.
func millisOf(s *Schema, v Value) time.Time {
	ms := v.Int()
	if s.Logical() == LogicalDate {
		ms *= 24 * 60 * 60 * 1000
	}
	return time.UnixMilli(ms).UTC()
}

func appendScalarText(dst []byte, v Value) []byte {
	switch v.kind {
	case KindBoolean:
		return strconv.AppendBool(dst, v.Bool())
	case KindInt8, KindInt16, KindInt32, KindInt64:
		return strconv.AppendInt(dst, v.Int(), 10)
	case KindFloat32:
		return AppendFloat32(dst, float32(v.Float()))
	case KindFloat64:
		return AppendFloat64(dst, v.Float())
	case KindBytes:
		n := int64(len(v.Raw()))
		dst = strconv.AppendInt(append(dst, "java.nio.HeapByteBuffer[pos=0 lim="...), n, 10)
		return append(strconv.AppendInt(append(dst, " cap="...), n, 10), ']')
	}
	return append(dst, "null"...)
}

func appendStructText(dst []byte, s *Struct) []byte {
	dst = append(dst, "Struct{"...)
	first := true
	for i, v := range s.fields {
		if v.IsNull() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, s.schema.fields[i].Name...), '=')
		dst = AppendText(dst, s.schema.fields[i].Schema, v)
	}
	return append(dst, '}')
}

func appendArrayText(dst []byte, s *Schema, elems []Value) []byte {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendText(dst, s.elemOrNil(), e)
	}
	return append(dst, ']')
}

func appendMapText(dst []byte, s *Schema, m *Map) []byte {
	dst = append(dst, '{')
	for i, e := range m.Entries {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(AppendText(dst, s.keyOrNil(), e.Key), '=')
		dst = AppendText(dst, s.elemOrNil(), e.Value)
	}
	return append(dst, '}')
}

func (s *Schema) elemOrNil() *Schema {
	if s == nil {
		return nil
	}
	return s.elem
}

func (s *Schema) keyOrNil() *Schema {
	if s == nil {
		return nil
	}
	return s.key
}

// String prints the struct as AppendText does.
func (s *Struct) String() string { return string(appendStructText(nil, s)) }

// AppendLiteral appends v in the notation of org.apache.kafka.connect.data.Values,
// which SimpleHeaderConverter writes and ParseLiteral reads: strings as they
// are, but quoted inside arrays, maps and structs; bytes as base64; dates and
// times in ISO 8601.
func AppendLiteral(dst []byte, s *Schema, v Value) []byte { return appendLiteral(dst, s, v, false) }

func appendLiteral(dst []byte, s *Schema, v Value, embedded bool) []byte {
	quote := func(text string) []byte {
		if embedded {
			return append(append(append(dst, '"'), text...), '"')
		}
		return append(dst, text...)
	}
	switch v.kind {
	case KindString:
		if embedded {
			return quote(literalEscaper.Replace(v.Str()))
		}
		return quote(v.Str())
	case KindBytes:
		if s == nil || s.Logical() != LogicalDecimal {
			return quote(base64.StdEncoding.EncodeToString(v.Raw()))
		}
	case KindArray:
		dst = append(dst, '[')
		for i, e := range v.Elems() {
			dst = appendLiteral(comma(dst, i), s.elemOrNil(), e, true)
		}
		return append(dst, ']')
	case KindMap:
		dst = append(dst, '{')
		for i, e := range v.Map().Entries {
			dst = append(appendLiteral(comma(dst, i), s.keyOrNil(), e.Key, true), ':')
			dst = appendLiteral(dst, s.elemOrNil(), e.Value, true)
		}
		return append(dst, '}')
	case KindStruct:
		return appendStructLiteral(dst, v.Struct())
	case KindInt32, KindInt64:
		if s != nil && s.Logical() != LogicalNone {
			return appendISO(dst, millisOf(s, v))
		}
	}
	return AppendText(dst, s, v)
}

var literalEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

func appendStructLiteral(dst []byte, s *Struct) []byte {
	dst = append(dst, '{')
	for i, f := range s.schema.fields {
		v := s.fields[i]
		if v.IsNull() && f.Schema.hasDefault {
			v = f.Schema.def
		}
		dst = append(appendLiteral(comma(dst, i), nil, String(f.Name), true), ':')
		dst = appendLiteral(dst, f.Schema, v, true)
	}
	return append(dst, '}')
}

const (
	isoDate      = "2006-01-02"
	isoTime      = "15:04:05.000Z"
	isoTimestamp = isoDate + "T" + isoTime
)

// appendISO chooses the format by the value alone, as Java does: a time below
// one day, a date at midnight, a timestamp otherwise.
func appendISO(dst []byte, t time.Time) []byte {
	const day = 24 * 60 * 60 * 1000
	switch ms := t.UnixMilli(); {
	case ms < day:
		return t.AppendFormat(dst, isoTime)
	case ms%day == 0:
		return t.AppendFormat(dst, isoDate)
	}
	return t.AppendFormat(dst, isoTimestamp)
}
