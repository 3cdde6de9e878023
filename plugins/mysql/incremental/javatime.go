package incremental

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var (
	utilDate  = &javaClass{name: "java.util.Date", serial: 0x686a81014b597419, flags: scSerializable | scWriteMethod}
	timestamp = &javaClass{name: "java.sql.Timestamp", serial: 0x2618d5c80153bf65, flags: scSerializable,
		fields: []javaField{{'I', "nanos", ""}}, super: utilDate}
	sqlDate  = &javaClass{name: "java.sql.Date", serial: 0x14fa46683f356697, flags: scSerializable, super: utilDate}
	timeForm = &javaClass{name: "java.time.Ser", serial: 0x955d84ba1b2248b2, flags: scExternalizable | scBlockData}
)

// Codes of classes in java.time.Ser.
const (
	timeDuration  = 1
	timeLocalDate = 3
)

// externalizable writes an object of java.time.
func (e *encoder) externalizable(data []byte) {
	e.object(timeForm)
	e.out = append(e.out, tcBlockData, byte(len(data)))
	e.out = append(append(e.out, data...), tcEnd)
}

// utilDate begins an object of a subclass of java.util.Date.
func (e *encoder) utilDate(c *javaClass, millis int64) {
	e.object(c)
	e.out = append(e.out, tcBlockData, 8)
	e.out = append(binary.BigEndian.AppendUint64(e.out, uint64(millis)), tcEnd)
}

// date writes a LocalDate. A zero date is null, as in Debezium.
func (e *encoder) date(text string) error {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return e.zeroDate(text, err)
	}
	e.externalizable(append(binary.BigEndian.AppendUint32([]byte{timeLocalDate}, uint32(t.Year())), byte(t.Month()), byte(t.Day())))
	return nil
}

// timestamp writes a java.sql.Timestamp, which holds the time as UTC.
func (e *encoder) timestamp(text string) error {
	t, err := time.Parse(time.DateTime, text) // takes a fraction too
	if err != nil {
		return e.zeroDate(text, err)
	}
	e.utilDate(timestamp, t.Unix()*1000)
	e.int(t.Nanosecond())
	return nil
}

// zeroDate writes null for a date that has no month or no day.
func (e *encoder) zeroDate(text string, err error) error {
	if len(text) < len(time.DateOnly) || text[5:7] != "00" && text[8:10] != "00" {
		return err
	}
	e.out = append(e.out, tcNull)
	return nil
}

// year writes the first day of a year as java.sql.Date.
func (e *encoder) year(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	e.utilDate(sqlDate, time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	return nil
}

// duration writes a TIME as java.time.Duration.
func (e *encoder) duration(text string) error {
	digits := strings.TrimPrefix(text, "-")
	parts := strings.Split(digits, ":")
	if len(parts) != 3 {
		return fmt.Errorf("malformed time %q", text)
	}
	h, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return err
	}
	m, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return err
	}
	whole, fraction, _ := strings.Cut(parts[2], ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return err
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return err
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(seconds)*time.Second + time.Duration(nanos)
	if digits != text {
		d = -d
	}
	seconds, nanos = int64(d/time.Second), int64(d%time.Second)
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+int64(time.Second)
	}
	e.externalizable(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{timeDuration}, uint64(seconds)), uint32(nanos)))
	return nil
}

// timeText reads what java.time.Ser holds.
func timeText(data []byte) (string, error) {
	switch {
	case len(data) == 7 && data[0] == timeLocalDate:
		return fmt.Sprintf("%04d-%02d-%02d", binary.BigEndian.Uint32(data[1:]), data[5], data[6]), nil
	case len(data) == 13 && data[0] == timeDuration:
		d := time.Duration(int64(binary.BigEndian.Uint64(data[1:])))*time.Second + time.Duration(binary.BigEndian.Uint32(data[9:]))
		sign := ""
		if d < 0 {
			sign, d = "-", -d
		}
		text := fmt.Sprintf("%s%02d:%02d:%02d", sign, d/time.Hour, d/time.Minute%60, d/time.Second%60)
		return text + fractionText(int64(d%time.Second)), nil
	}
	return "", fmt.Errorf("a serialized key holds a value of java.time that no column has (% x)", data)
}

// timestampText is how SQL writes a java.sql.Timestamp.
func timestampText(millis int64, nanos int32) string {
	return time.Unix(floorDiv(millis, 1000), 0).UTC().Format(time.DateTime) + fractionText(int64(nanos))
}

func fractionText(nanos int64) string {
	if nanos == 0 {
		return ""
	}
	return "." + strings.TrimRight(fmt.Sprintf("%09d", nanos), "0")
}

func floorDiv(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}
