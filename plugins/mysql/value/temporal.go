package value

import (
	"errors"
	"fmt"
	"math"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 24 * 3600 * microsPerSecond
)

// adjusted turns two-digit years into the years they stand for
// (BinlogValueConverters.adjustTemporal).
func (c Civil) adjusted() Civil {
	c.Year = adjustYear(c.Year)
	return c
}

func adjustYear(year int) int {
	switch {
	case year >= 0 && year <= 69:
		return year + 2000
	case year >= 70 && year <= 99:
		return year + 1900
	}
	return year
}

// civil unpacks and checks the date of a cell.
func civil(c *Cell, adjust bool) (Civil, error) {
	if c.Kind != Date && c.Kind != DateTime {
		return Civil{}, errKind(c, "a date")
	}
	t := c.Civil()
	if !t.Valid() {
		return t, fmt.Errorf("%04d-%02d-%02d is not a date", t.Year, t.Month, t.Day)
	}
	if adjust {
		t = t.adjusted()
	}
	return t, nil
}

func dateType(o *Options) colType {
	adjust := o.AdjustYears
	days := func(_ *data.Arena, c *Cell) (data.Value, error) {
		t, err := civil(c, adjust)
		return data.Int32(int32(t.EpochDay())), err
	}
	switch o.Time {
	case TimeISO:
		return simple(named(data.TypeString, "io.debezium.time.IsoDate"), data.String("1970-01-01Z"),
			func(a *data.Arena, c *Cell) (data.Value, error) {
				t, err := civil(c, adjust)
				if err != nil {
					return data.Value{}, err
				}
				var buf [16]byte
				return data.StringBytes(a.Copy(append(appendDate(buf[:0], t), 'Z'))), nil
			})
	case TimeConnect:
		return simple(named(data.TypeInt32, "org.apache.kafka.connect.data.Date"), data.Int32(0), days)
	}
	return simple(named(data.TypeInt32, "io.debezium.time.Date"), data.Int32(0), days)
}

func timeUnit(n data.Type, name string, div, mul int64) (scale func(micros int64) (data.Value, error), b *data.Builder, zero data.Value) {
	b = named(n, name)
	if n == data.TypeInt32 {
		return func(micros int64) (data.Value, error) { return data.Int32(int32(floorDiv(micros, div))), nil }, b, data.Int32(0)
	}
	limit := int64(math.MaxInt64) / mul
	return func(micros int64) (data.Value, error) {
		if micros > limit || micros < -limit {
			return data.Value{}, errors.New("outside of what 64-bit nanoseconds can express (1677 to 2262); " +
				"use time.precision.mode microseconds or isostring")
		}
		return data.Int64(floorDiv(micros, div) * mul), nil
	}, b, data.Int64(0)
}

func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

// timeType converts TIME, which is a duration between -838 and 838 hours. The
// modes connect and isostring express a time of day only.
func timeType(o *Options, col *table.Column) colType {
	if o.Time == TimeISO {
		return simple(named(data.TypeString, "io.debezium.time.IsoTime"), data.String("00:00:00Z"), isoTime)
	}
	typ, name, div, mul := data.TypeInt64, "io.debezium.time.MicroTime", int64(1), int64(1)
	switch {
	case o.Time == TimeConnect:
		typ, name, div = data.TypeInt32, "org.apache.kafka.connect.data.Time", 1000
	case o.Time == TimeNanos:
		name, mul = "io.debezium.time.NanoTime", 1000
	case o.Time == TimeAdaptive && col.Length <= 3:
		typ, name, div = data.TypeInt32, "io.debezium.time.Time", 1000
	}
	scale, b, zero := timeUnit(typ, name, div, mul)
	ofDay := o.Time == TimeConnect
	return simple(b, zero, func(_ *data.Arena, c *Cell) (data.Value, error) {
		if err := checkTime(c, ofDay); err != nil {
			return data.Value{}, err
		}
		return scale(c.Num)
	})
}

func checkTime(c *Cell, ofDay bool) error {
	if c.Kind != Time {
		return errKind(c, "a time")
	}
	if ofDay && (c.Num < 0 || c.Num > microsPerDay) {
		return errors.New("time values must be between 00:00:00 and 24:00:00 (inclusive)")
	}
	return nil
}

func isoTime(a *data.Arena, c *Cell) (data.Value, error) {
	if err := checkTime(c, true); err != nil {
		return data.Value{}, err
	}
	var buf [24]byte
	return data.StringBytes(a.Copy(append(appendClock(buf[:0], clockOf(c.Num%microsPerDay)), 'Z'))), nil
}

// clockOf splits microseconds since midnight.
func clockOf(micros int64) Civil {
	s := int(micros / microsPerSecond)
	return Civil{Hour: s / 3600, Minute: s / 60 % 60, Second: s % 60, Micros: int(micros % microsPerSecond)}
}

// dateTimeType converts DATETIME, which has no time zone.
func dateTimeType(o *Options, col *table.Column) colType {
	adjust := o.AdjustYears
	if o.Time == TimeISO {
		return simple(named(data.TypeString, "io.debezium.time.IsoTimestamp"), data.String("1970-01-01T00:00:00Z"),
			func(a *data.Arena, c *Cell) (data.Value, error) {
				t, err := civil(c, adjust)
				if err != nil {
					return data.Value{}, err
				}
				var buf [40]byte
				return data.StringBytes(a.Copy(append(appendClock(append(appendDate(buf[:0], t), 'T'), t), 'Z'))), nil
			})
	}
	name, div, mul := "io.debezium.time.MicroTimestamp", int64(1), int64(1)
	switch {
	case o.Time == TimeConnect:
		name, div = "org.apache.kafka.connect.data.Timestamp", 1000
	case o.Time == TimeNanos:
		name, mul = "io.debezium.time.NanoTimestamp", 1000
	case o.Time != TimeMicros && col.Length <= 3:
		name, div = "io.debezium.time.Timestamp", 1000
	}
	scale, b, zero := timeUnit(data.TypeInt64, name, div, mul)
	return simple(b, zero, func(_ *data.Arena, c *Cell) (data.Value, error) {
		t, err := civil(c, adjust)
		if err != nil {
			return data.Value{}, err
		}
		return scale(t.EpochMicros())
	})
}

// timestampType converts TIMESTAMP to text in UTC. A row of the binlog gives
// all declared fractional digits, a row of a SELECT only those needed.
func timestampType(col *table.Column) colType {
	width := max(col.Length, 0)
	return simple(named(data.TypeString, "io.debezium.time.ZonedTimestamp"), data.String("1970-01-01T00:00:00Z"),
		func(a *data.Arena, c *Cell) (data.Value, error) {
			digits := -1
			switch {
			case c.Kind == Timestamp && width > 0:
				digits = width
			case c.Kind != Timestamp && c.Kind != TextTimestamp:
				return data.Value{}, errKind(c, "a timestamp")
			}
			var buf [40]byte
			return data.StringBytes(a.Copy(appendZoned(buf[:0], c.Num, digits))), nil
		})
}

// appendZoned prints an instant in ISO 8601 in UTC, with the given number of
// fractional digits or, if that is negative, those needed.
func appendZoned(dst []byte, micros int64, digits int) []byte {
	day := floorDiv(micros, microsPerDay)
	t := clockOf(micros - day*microsPerDay)
	t.Year, t.Month, t.Day = civilOf(day)
	dst = append(appendDate(dst, t), 'T')
	if digits >= 0 {
		frac := t.Micros
		t.Micros = 0
		dst = append(appendClock(dst, t), '.')
		at := len(dst)
		dst = append(appendPadded(dst, frac, 6), "000"...)
		return append(dst[:at+min(digits, 9)], 'Z')
	}
	return append(appendClock(dst, t), 'Z')
}

// civilOf is the date of a day since 1970-01-01 (days_from_civil reversed, as
// in "chrono-Compatible Low-Level Date Algorithms" by H. Hinnant).
func civilOf(day int64) (year, month, dayOfMonth int) {
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month, dayOfMonth = int(yoe+era*400), int(mp+3), int(doy-(153*mp+2)/5+1)
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, dayOfMonth
}

func yearType() colType {
	return simple(named(data.TypeInt32, "io.debezium.time.Year"), data.Int32(0),
		func(_ *data.Arena, c *Cell) (data.Value, error) {
			if c.Kind != Int {
				return data.Value{}, errKind(c, "a year")
			}
			return data.Int32(int32(adjustYear(int(c.Num)))), nil
		})
}
