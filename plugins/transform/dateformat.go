package transform

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dateFormat is a pattern of java.text.SimpleDateFormat in the English locale.
// Texts without a time zone are in UTC.
type dateFormat struct {
	pattern string
	parts   []datePart
}

// datePart is a run of one letter, or a literal.
type datePart struct {
	letter  byte // 0 for a literal
	n       int
	literal string
}

func parseDateFormat(pattern string) (dateFormat, error) {
	f := dateFormat{pattern: pattern}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n, err := quotedLiteral(pattern[i:])
			if err != nil {
				return f, err
			}
			f.addLiteral(text)
			i += n
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if strings.IndexByte("GyYMLdHkKhmsSEuaDzZX", c) < 0 {
				return f, fmt.Errorf("Illegal or unsupported pattern character '%c'", c)
			}
			f.parts = append(f.parts, datePart{letter: c, n: n})
			i += n
		default:
			f.addLiteral(pattern[i : i+1])
			i++
		}
	}
	return f, nil
}

func (f *dateFormat) addLiteral(text string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].letter == 0 {
		f.parts[n-1].literal += text
		return
	}
	f.parts = append(f.parts, datePart{literal: text})
}

// quotedLiteral reads text in single quotes; two of them are one.
func quotedLiteral(s string) (text string, n int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			text += s[i : i+1]
		case i+1 < len(s) && s[i+1] == '\'':
			text += "'"
			i++
		default:
			return text, i + 1, nil
		}
	}
	return "", 0, errors.New("Unterminated quote")
}

// format writes a time.
func (f *dateFormat) format(t time.Time) string {
	out := make([]byte, 0, 64)
	for _, p := range f.parts {
		out = p.append(out, t)
	}
	return string(out)
}

func (p datePart) append(out []byte, t time.Time) []byte {
	switch p.letter {
	case 0:
		return append(out, p.literal...)
	case 'G':
		return append(out, "AD"...)
	case 'y', 'Y':
		return p.appendYear(out, t)
	case 'M', 'L':
		if p.n >= 3 {
			return append(out, name(t.Month().String(), p.n)...)
		}
	case 'E':
		return append(out, name(t.Weekday().String(), p.n)...)
	case 'a':
		return append(out, t.Format("PM")...)
	case 'z':
		return append(out, t.Format("MST")...)
	case 'Z':
		return append(out, t.Format("-0700")...)
	case 'X':
		return append(out, t.Format([]string{"Z07", "Z0700", "Z07:00"}[min(p.n, 3)-1])...)
	}
	return pad(out, p.number(t), p.n)
}

// appendYear writes the year; two letters mean two digits. The year of the
// week (Y) is that of the Saturday which ends it.
func (p datePart) appendYear(out []byte, t time.Time) []byte {
	year := t.Year()
	if p.letter == 'Y' {
		year = t.AddDate(0, 0, int(time.Saturday-t.Weekday())).Year()
	}
	if p.n == 2 {
		return pad(out, year%100, 2)
	}
	return pad(out, year, p.n)
}

// name is the full name for four letters and more, else its first three.
func name(full string, n int) string {
	if n >= 4 {
		return full
	}
	return full[:3]
}

func pad(out []byte, n, width int) []byte {
	text := strconv.Itoa(n)
	for range width - len(text) {
		out = append(out, '0')
	}
	return append(out, text...)
}

func (p datePart) number(t time.Time) int {
	switch p.letter {
	case 'M', 'L':
		return int(t.Month())
	case 'd':
		return t.Day()
	case 'D':
		return t.YearDay()
	case 'H':
		return t.Hour()
	case 'k':
		return (t.Hour()+23)%24 + 1
	case 'K':
		return t.Hour() % 12
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	case 'S':
		return t.Nanosecond() / 1e6
	}
	return (int(t.Weekday())+6)%7 + 1 // u: Monday is 1
}

var errDateText = errors.New("text does not match the pattern")

// parsedDate holds the fields of a text; -1 means that it does not have one.
type parsedDate struct {
	year, month, day, yearDay                       int
	hour, hour12, minute, second, milli, pm, offset int
}

// parse reads a time at the start of text. As in Java's lenient mode, numbers
// out of range carry over, and text after the pattern is ignored.
func (f *dateFormat) parse(text string) (time.Time, error) {
	d := parsedDate{year: 1970, month: 1, day: 1, yearDay: -1, hour12: -1}
	rest := text
	for i, p := range f.parts {
		if p.letter == 0 {
			after, ok := strings.CutPrefix(rest, p.literal)
			if !ok {
				return time.Time{}, errDateText
			}
			rest = after
			continue
		}
		width := 0 // bounded only when the next part is a number as well
		if i+1 < len(f.parts) && f.parts[i+1].numeric() {
			width = p.n
		}
		after, ok := p.parse(&d, rest, width)
		if !ok {
			return time.Time{}, errDateText
		}
		rest = after
	}
	return d.time(), nil
}

func (d *parsedDate) time() time.Time {
	hour := d.hour
	if d.hour12 >= 0 {
		hour = d.hour12%12 + 12*d.pm
	}
	month, day := d.month, d.day
	if d.yearDay >= 0 {
		month, day = 1, d.yearDay
	}
	return time.Date(d.year, time.Month(month), day, hour, d.minute, d.second-d.offset, d.milli*1e6, time.UTC)
}

func (p datePart) numeric() bool {
	return strings.IndexByte("yYdDHkKhmsSu", p.letter) >= 0 && p.letter != 0 || (p.letter == 'M' || p.letter == 'L') && p.n < 3
}

func (p datePart) parse(d *parsedDate, text string, width int) (rest string, ok bool) {
	switch p.letter {
	case 'G':
		return cutAny(text, []string{"AD", "BC"}, new(int))
	case 'E':
		return cutName(text, func(i int) string { return time.Weekday(i).String() }, 7, new(int))
	case 'a':
		return cutAny(text, []string{"AM", "PM"}, &d.pm)
	case 'M', 'L':
		if p.n >= 3 {
			rest, ok = cutName(text, func(i int) string { return time.Month(i + 1).String() }, 12, &d.month)
			d.month++
			return rest, ok
		}
	case 'z', 'Z', 'X':
		return cutZone(text, &d.offset)
	}
	n, rest, ok := cutNumber(text, width)
	if ok {
		d.set(p, n, len(text)-len(rest))
	}
	return rest, ok
}

// set stores a number; digits is how many it was written with.
func (d *parsedDate) set(p datePart, n, digits int) {
	switch p.letter {
	case 'y', 'Y':
		d.year = n
		if p.n <= 2 && digits == 2 { // within 80 years before and 20 after now
			now := time.Now().Year()
			d.year = now - now%100 + n
			if d.year > now+20 {
				d.year -= 100
			} else if d.year <= now-80 {
				d.year += 100
			}
		}
	case 'M', 'L':
		d.month = n
	case 'd':
		d.day = n
	case 'D':
		d.yearDay = n
	case 'H', 'k':
		d.hour = n % 24
		if p.letter == 'H' {
			d.hour = n
		}
	case 'K', 'h':
		d.hour12 = n
	case 'm':
		d.minute = n
	case 's':
		d.second = n
	case 'S':
		d.milli = n
	}
}

func cutNumber(text string, width int) (n int, rest string, ok bool) {
	i := 0
	if width == 0 && strings.HasPrefix(text, "-") {
		i++
	}
	for i < len(text) && '0' <= text[i] && text[i] <= '9' && (width == 0 || i < width) {
		i++
	}
	n, err := strconv.Atoi(text[:i])
	return n, text[i:], err == nil
}

func cutAny(text string, words []string, out *int) (string, bool) {
	for i, w := range words {
		if len(text) >= len(w) && strings.EqualFold(text[:len(w)], w) {
			*out = i
			return text[len(w):], true
		}
	}
	return text, false
}

func cutName(text string, full func(int) string, n int, out *int) (string, bool) {
	var long, short []string
	for i := range n {
		long, short = append(long, full(i)), append(short, full(i)[:3])
	}
	if rest, ok := cutAny(text, long, out); ok {
		return rest, true
	}
	return cutAny(text, short, out)
}

// cutZone reads Z, UTC, GMT, +hhmm, +hh:mm and +hh.
func cutZone(text string, offset *int) (string, bool) {
	if rest, ok := cutAny(text, []string{"GMT", "UTC", "Z"}, new(int)); ok {
		if rest == "" || rest[0] != '+' && rest[0] != '-' {
			return rest, true
		}
		text = rest
	}
	if text == "" || text[0] != '+' && text[0] != '-' {
		return text, false
	}
	digits := strings.Replace(text[1:min(len(text), 6)], ":", "", 1)
	if len(digits) > 4 {
		digits = digits[:4]
	}
	n := 0
	for n < len(digits) && '0' <= digits[n] && digits[n] <= '9' {
		n++
	}
	hours, _ := strconv.Atoi(digits[:min(n, 2)])
	minutes := 0
	if n == 4 {
		minutes, _ = strconv.Atoi(digits[2:4])
	}
	if n < 2 {
		return text, false
	}
	length := 3
	if n == 4 {
		length = 5 + strings.Count(text[1:min(len(text), 6)], ":")
	}
	*offset = hours*3600 + minutes*60
	if text[0] == '-' {
		*offset = -*offset
	}
	return text[length:], true
}
