package value

import (
	"fmt"
	"math"
)

// Kind says what a Cell holds.
type Kind uint8

// The kinds of a Cell.
const (
	// Missing columns were not part of the row image (binlog_row_image other than
	// FULL). Num is 1 for a JSON column that has changed, but whose document the
	// image does not allow to put together.
	Missing Kind = iota
	// Null is SQL's NULL.
	Null
	// Int holds an integer, ENUM index, SET bitmap or YEAR in Num. The bits above the
	// column's width repeat the sign bit in a binlog row; whoever knows the column
	// to be unsigned masks them.
	Int
	// Float32 and Float64 hold IEEE bits in Num.
	Float32
	Float64
	// Decimal holds an unscaled value in Num, with Scale digits after the point.
	Decimal
	// DecimalBig holds an unscaled value too long for Num in Data, as a Connect Decimal
	// does: big-endian two's complement, in as few bytes as possible.
	DecimalBig
	// DecimalText holds the digits of a decimal too long for Num in Data, as SQL prints them.
	DecimalText
	// Date holds a packed civil date in Num; see PackDateTime. Parts may be zero.
	Date
	// DateTime holds a packed civil date and time in Num, Scale fractional digits declared.
	DateTime
	// Timestamp holds microseconds since 1970-01-01 UTC in Num, with Scale
	// fractional digits declared. The zero date is Num = ZeroTimestamp.
	Timestamp
	// TextTimestamp is a Timestamp that was read as text.
	TextTimestamp
	// Time holds signed microseconds in Num, Scale fractional digits declared.
	Time
	// Bytes holds raw bytes in Data: binary strings, BIT (big-endian), geometry (SRID
	// and WKB), VECTOR, and text in the column's own charset.
	Bytes
	// Text holds UTF-8 in Data: text that the server has converted, ENUM and SET
	// members by name, JSON text.
	Text
	// JSONBinary holds MySQL's binary JSON in Data.
	JSONBinary
)

var kindNames = [...]string{"missing", "null", "int", "float32", "float64", "decimal", "big decimal", "decimal text", "date",
	"datetime", "timestamp", "text timestamp", "time", "bytes", "text", "binary json"}

// String names the kind for error messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", k)
}

// Cell is one column of one row, before conversion. It refers to memory of the
// row that it was decoded from and is valid as long as that.
type Cell struct {
	Data  []byte
	Num   int64
	Kind  Kind
	Scale uint8
}

// ZeroTimestamp is the Num of a TIMESTAMP '0000-00-00 00:00:00', which the
// server stores as second 0; a real TIMESTAMP is later than that.
const ZeroTimestamp = 0

// IsNull says whether the column has no value.
func (c *Cell) IsNull() bool { return c.Kind <= Null }

// Same says whether two cells of one column hold the same value. Cells are used
// again: what a kind does not use may be left of another row.
func (c *Cell) Same(d *Cell) bool {
	if c.Kind != d.Kind {
		return false
	}
	switch c.Kind {
	case Missing, Null:
		return true
	case DecimalBig, DecimalText, Bytes, Text, JSONBinary:
		return string(c.Data) == string(d.Data)
	}
	return c.Num == d.Num
}

// PackDateTime packs a civil date and time so that values compare as times do
// (MySQL's packed longlong). Any part may be zero, and the day may exceed the month.
func PackDateTime(year, month, day, hour, minute, second, micros int) int64 {
	ym := int64(year)*13 + int64(month)
	return ((ym<<5|int64(day))<<17|int64(hour)<<12|int64(minute)<<6|int64(second))<<24 | int64(micros)
}

// Civil is an unpacked date and time.
type Civil struct {
	Year, Month, Day, Hour, Minute, Second, Micros int
}

// Civil unpacks the Num of a Date or DateTime.
func (c *Cell) Civil() Civil {
	n := c.Num
	hms, ymd := n>>24&(1<<17-1), n>>41
	return Civil{
		Year: int(ymd >> 5 / 13), Month: int(ymd >> 5 % 13), Day: int(ymd & 31),
		Hour: int(hms >> 12), Minute: int(hms >> 6 & 63), Second: int(hms & 63),
		Micros: int(n & (1<<24 - 1)),
	}
}

// Valid says whether the date exists in the proleptic Gregorian calendar.
func (c Civil) Valid() bool {
	return c.Month >= 1 && c.Month <= 12 && c.Day >= 1 && c.Day <= daysIn(c.Year, c.Month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// EpochDay is the number of days since 1970-01-01.
func (c Civil) EpochDay() int64 {
	year, month := int64(c.Year), int64(c.Month)
	if month <= 2 {
		year, month = year-1, month+12
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	doy := (153*(month-3)+2)/5 + int64(c.Day) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// EpochMicros is the number of microseconds since 1970-01-01 00:00:00, read as UTC.
func (c Civil) EpochMicros() int64 {
	return ((c.EpochDay()*24+int64(c.Hour))*60+int64(c.Minute))*60_000_000 + int64(c.Second)*1_000_000 + int64(c.Micros)
}

// Float is the number of a Float32 or Float64.
func (c *Cell) Float() float64 {
	if c.Kind == Float32 {
		return float64(math.Float32frombits(uint32(c.Num)))
	}
	return math.Float64frombits(uint64(c.Num))
}

func (c *Cell) setNumber(f float64, bits int) {
	if bits == 32 {
		c.Kind, c.Num = Float32, int64(math.Float32bits(float32(f)))
		return
	}
	c.Kind, c.Num = Float64, int64(math.Float64bits(f))
}
