package data

import (
	"fmt"
	"strconv"
)

// Names of the logical types (org.apache.kafka.connect.data).
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
)

// ScaleParam is the parameter of a Decimal schema that holds its scale.
const ScaleParam = "scale"

// DecimalOf starts a schema of decimals with the given number of digits after the point.
func DecimalOf(scale int) *Builder {
	return New(TypeBytes).Name(DecimalName).Param(ScaleParam, strconv.Itoa(scale)).Version(1)
}

// NewDate starts a schema of days since 1970-01-01.
func NewDate() *Builder { return New(TypeInt32).Name(DateName).Version(1) }

// NewTime starts a schema of milliseconds since midnight.
func NewTime() *Builder { return New(TypeInt32).Name(TimeName).Version(1) }

// NewTimestamp starts a schema of milliseconds since 1970-01-01 UTC.
func NewTimestamp() *Builder { return New(TypeInt64).Name(TimestampName).Version(1) }

// Scale is the scale of a Decimal schema.
func (s *Schema) Scale() (int, error) {
	text, ok := s.Param(ScaleParam)
	if !ok {
		return 0, fmt.Errorf("Invalid Decimal schema: scale parameter not found.")
	}
	scale, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("Invalid scale parameter found in Decimal schema: %s", text)
	}
	return int(scale), nil
}

// Logical says which of Connect's own logical types a schema has.
type Logical uint8

// The logical types.
const (
	LogicalNone Logical = iota
	LogicalDecimal
	LogicalDate
	LogicalTime
	LogicalTimestamp
)

// Logical is the schema's logical type. A name on a schema of the wrong type
// gives none.
func (s *Schema) Logical() Logical {
	switch {
	case s.name == DecimalName && s.typ == TypeBytes:
		return LogicalDecimal
	case s.name == DateName && s.typ == TypeInt32:
		return LogicalDate
	case s.name == TimeName && s.typ == TypeInt32:
		return LogicalTime
	case s.name == TimestampName && s.typ == TypeInt64:
		return LogicalTimestamp
	}
	return LogicalNone
}
