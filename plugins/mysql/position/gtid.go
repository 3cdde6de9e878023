package position

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// UUID names the MySQL server where a transaction was first committed.
type UUID [16]byte

// Append appends the usual form, lower case with dashes.
func (u UUID) Append(dst []byte) []byte {
	for i, from := 0, 0; i < len(uuidGroups); i++ {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, u[from:from+uuidGroups[i]])
		from += uuidGroups[i]
	}
	return dst
}

var uuidGroups = [...]int{4, 2, 2, 2, 6} // bytes between dashes

// String gives the usual form, lower case with dashes.
func (u UUID) String() string { return string(u.Append(make([]byte, 0, 36))) }

// ParseUUID reads a UUID as the server accepts it: 32 hexadecimal digits, with
// dashes or without, in braces or not.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	t := s
	if len(t) == 38 && t[0] == '{' && t[37] == '}' {
		t = t[1:37]
	}
	if len(t) == 36 && t[8] == '-' && t[13] == '-' && t[18] == '-' && t[23] == '-' {
		t = t[:8] + t[9:13] + t[14:18] + t[19:23] + t[24:]
	}
	if len(t) != 32 {
		return u, fmt.Errorf("%q is not a server UUID", s)
	}
	if _, err := hex.Decode(u[:], []byte(t)); err != nil {
		return u, fmt.Errorf("%q is not a server UUID", s)
	}
	return u, nil
}

// GTID names one transaction: UUID:N or UUID:TAG:N for MySQL, DOMAIN-SERVER-N
// for MariaDB.
type GTID struct {
	Flavor Flavor
	UUID   UUID   // MySQL
	Tag    string // MySQL 8.3 and later; "" for none
	Domain uint32 // MariaDB
	Server uint32 // MariaDB
	N      int64
}

// Append appends the text form.
func (g GTID) Append(dst []byte) []byte {
	if g.Flavor == MariaDB {
		dst = strconv.AppendUint(dst, uint64(g.Domain), 10)
		dst = strconv.AppendUint(append(dst, '-'), uint64(g.Server), 10)
		return strconv.AppendInt(append(dst, '-'), g.N, 10)
	}
	dst = append(g.UUID.Append(dst), ':')
	if g.Tag != "" {
		dst = append(append(dst, g.Tag...), ':')
	}
	return strconv.AppendInt(dst, g.N, 10)
}

// String gives the text form.
func (g GTID) String() string { return string(g.Append(make([]byte, 0, 64))) }

// Source names where the transaction comes from, as gtid.source.includes and
// gtid.source.excludes know it: the UUID, or MariaDB's DOMAIN-SERVER.
func (g GTID) Source() string {
	if g.Flavor == MariaDB {
		return streamSource(g.Domain, g.Server)
	}
	return g.UUID.String()
}

func streamSource(domain, server uint32) string {
	return strconv.FormatUint(uint64(domain), 10) + "-" + strconv.FormatUint(uint64(server), 10)
}

// ParseGTID reads one GTID.
func ParseGTID(f Flavor, s string) (GTID, error) {
	set, err := ParseSet(f, s)
	if err != nil {
		return GTID{}, err
	}
	g, ok := set.single()
	if !ok {
		return GTID{}, fmt.Errorf("%q is not the GTID of one transaction", s)
	}
	return g, nil
}

// Interval is a range of transaction numbers, both ends included.
type Interval struct{ First, Last int64 }

func parseInterval(s string) (Interval, error) {
	first, last, isRange := strings.Cut(s, "-")
	a, err := parseNumber(first)
	if err != nil {
		return Interval{}, err
	}
	if !isRange {
		return Interval{a, a}, nil
	}
	b, err := parseNumber(last)
	if err != nil {
		return Interval{}, err
	}
	return Interval{a, b}, nil
}

// parseNumber reads a transaction number. Zero is allowed, as a MariaDB
// position may hold it; MySQL's numbers begin at 1.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is not a transaction number", s)
	}
	return int64(n), nil
}

// addInterval puts in into a list that is sorted and has gaps between all its
// elements, and tells at which index it now is.
func addInterval(list []Interval, in Interval) ([]Interval, int) {
	i, j := touching(list, in)
	if i < j {
		in.First = min(in.First, list[i].First)
		in.Last = max(in.Last, list[j-1].Last)
		list[i] = in
		return append(list[:i+1], list[j:]...), i
	}
	list = append(list, Interval{})
	copy(list[i+1:], list[i:])
	list[i] = in
	return list, i
}

// touching finds the elements [i, j) that overlap in or stand right beside it.
func touching(list []Interval, in Interval) (i, j int) {
	for i = len(list); i > 0 && list[i-1].Last+1 >= in.First; i-- {
	}
	for j = i; j < len(list) && list[j].First <= in.Last+1; j++ {
	}
	return i, j
}

func containsInterval(list []Interval, in Interval) bool {
	for _, have := range list {
		if have.First <= in.First && in.Last <= have.Last {
			return true
		}
	}
	return false
}

// subtractIntervals returns what is in a and not in b, in new memory.
func subtractIntervals(a, b []Interval) []Interval {
	var out []Interval
	for _, in := range a {
		for _, cut := range b {
			if cut.Last < in.First || cut.First > in.Last {
				continue
			}
			if in.First < cut.First {
				out = append(out, Interval{in.First, cut.First - 1})
			}
			in.First = cut.Last + 1
			if in.First > in.Last {
				break
			}
		}
		if in.First <= in.Last {
			out = append(out, in)
		}
	}
	return out
}

func compareUUID(a, b UUID) int { return cmp.Compare(string(a[:]), string(b[:])) }
