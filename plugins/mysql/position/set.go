package position

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Set is a set of transactions named by GTIDs. A MariaDB set holds the last
// transaction of each domain and stands for all before it, as gtid_slave_pos
// does. A Set belongs to one goroutine.
type Set struct {
	flavor Flavor
	// MySQL: entries of the same UUID stand together, the one without a tag
	// first; otherwise they keep the order in which they were added, as in the
	// set of the Java binlog client whose text Debezium writes into offsets.
	sources []sourceSet
	// MariaDB: sorted by domain, one entry each.
	streams []GTID

	text  SetText
	fresh bool // text shows the set as it is
	split [2]int
}

type sourceSet struct {
	uuid      UUID
	tag       string
	intervals []Interval
}

// NewSet makes an empty set.
func NewSet(f Flavor) *Set { return &Set{flavor: f} }

// ParseSet reads a set as servers and Debezium print it. White space and line
// breaks between the parts are ignored, and so are empty parts.
//
//	MySQL    uuid:1-5:7:tag:1-3,uuid:9
//	MariaDB  0-1-83,7-2-5
func ParseSet(f Flavor, s string) (*Set, error) {
	set := NewSet(f)
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		parse := set.parseSource
		if f == MariaDB {
			parse = set.parseStream
		}
		if err := parse(part); err != nil {
			return nil, fmt.Errorf("%s GTID set %q: %w", f, s, err)
		}
	}
	return set, nil
}

func (s *Set) parseSource(part string) error {
	head, rest, ok := strings.Cut(part, ":")
	uuid, err := ParseUUID(strings.TrimSpace(head))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("no transaction numbers after %s", head)
	}
	tag, empty := "", false
	for field := range strings.SplitSeq(rest, ":") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		if t := strings.ToLower(field); isTag(t) {
			tag, empty = t, true
			continue
		}
		in, err := parseInterval(field)
		if err != nil {
			return err
		}
		if in.First < 1 || in.Last < in.First {
			return fmt.Errorf("%q is not a range of transaction numbers", field)
		}
		s.AddRange(uuid, tag, in)
		empty = false
	}
	if empty {
		return fmt.Errorf("no transaction numbers after tag %s", tag)
	}
	return nil
}

func isTag(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 32
}

func (s *Set) parseStream(part string) error {
	f := strings.Split(part, "-")
	if len(f) != 3 {
		return fmt.Errorf("%q is not DOMAIN-SERVER-SEQUENCE", part)
	}
	domain, err1 := strconv.ParseUint(f[0], 10, 32)
	server, err2 := strconv.ParseUint(f[1], 10, 32)
	n, err3 := parseNumber(f[2])
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("%q is not DOMAIN-SERVER-SEQUENCE", part)
	}
	g := GTID{Flavor: MariaDB, Domain: uint32(domain), Server: uint32(server), N: n}
	if have, ok := s.stream(g.Domain); !ok || have.N <= g.N {
		s.Add(g)
	}
	return nil
}

// Flavor says which server's GTIDs the set holds.
func (s *Set) Flavor() Flavor { return s.flavor }

// IsEmpty reports whether the set holds no transaction.
func (s *Set) IsEmpty() bool { return len(s.sources) == 0 && len(s.streams) == 0 }

// Clone returns a copy that shares no memory which changes.
func (s *Set) Clone() *Set {
	c := *s
	c.sources = slices.Clone(s.sources)
	for i := range c.sources {
		c.sources[i].intervals = slices.Clone(c.sources[i].intervals)
	}
	c.streams = slices.Clone(s.streams)
	return &c
}

// Add puts one transaction into the set. Usually it follows the one that was
// added before, and then Add costs no allocation.
func (s *Set) Add(g GTID) {
	if s.flavor == MariaDB {
		s.addStream(g)
		return
	}
	s.AddRange(g.UUID, g.Tag, Interval{g.N, g.N})
}

// AddRange puts a range of transactions of one MySQL server into the set.
func (s *Set) AddRange(uuid UUID, tag string, in Interval) {
	i := s.source(uuid, tag)
	src := &s.sources[i]
	var at int
	ranges := len(src.intervals) // one that closes a gap takes the range behind it out of the text
	src.intervals, at = addInterval(src.intervals, in)
	if s.fresh && s.split == [2]int{i, at} && at == ranges-1 && ranges == len(src.intervals) && src.intervals[at].First == s.text.first {
		s.text.n = src.intervals[at].Last
		return
	}
	s.fresh, s.split = false, [2]int{i, at}
}

// source finds the entry for uuid and tag, or makes it in its place.
func (s *Set) source(uuid UUID, tag string) int {
	at := len(s.sources)
	for i := range s.sources {
		have := &s.sources[i]
		if have.uuid != uuid {
			continue
		}
		if have.tag == tag {
			return i
		}
		if at = i + 1; tag == "" {
			at = i
			break
		}
	}
	s.sources = slices.Insert(s.sources, at, sourceSet{uuid: uuid, tag: tag})
	s.fresh = false
	return at
}

func (s *Set) addStream(g GTID) {
	i, ok := slices.BinarySearchFunc(s.streams, g.Domain, func(a GTID, d uint32) int {
		return int(int64(a.Domain) - int64(d))
	})
	if !ok {
		s.streams = slices.Insert(s.streams, i, g)
		s.fresh = false
	} else if s.streams[i].Server != g.Server {
		s.fresh = false
	}
	s.streams[i] = g
	if s.fresh && s.split[0] == i {
		s.text.n = g.N
		return
	}
	s.fresh, s.split = false, [2]int{i, 0}
}

func (s *Set) stream(domain uint32) (GTID, bool) {
	for _, g := range s.streams {
		if g.Domain == domain {
			return g, true
		}
	}
	return GTID{}, false
}

// Contains reports whether the transaction is in the set. In MariaDB's sets a
// transaction is in when its domain has come at least as far.
func (s *Set) Contains(g GTID) bool {
	if s.flavor == MariaDB {
		have, ok := s.stream(g.Domain)
		return ok && g.N <= have.N
	}
	return containsInterval(s.intervals(g.UUID, g.Tag), Interval{g.N, g.N})
}

func (s *Set) intervals(uuid UUID, tag string) []Interval {
	for i := range s.sources {
		if s.sources[i].uuid == uuid && s.sources[i].tag == tag {
			return s.sources[i].intervals
		}
	}
	return nil
}

// ContainsAll reports whether every transaction of o is in s.
func (s *Set) ContainsAll(o *Set) bool {
	for _, g := range o.streams {
		if !s.Contains(g) {
			return false
		}
	}
	for _, src := range o.sources {
		have := s.intervals(src.uuid, src.tag)
		for _, in := range src.intervals {
			if !containsInterval(have, in) {
				return false
			}
		}
	}
	return true
}

// Equal reports whether both sets hold the same transactions.
func (s *Set) Equal(o *Set) bool { return s.ContainsAll(o) && o.ContainsAll(s) }

// Union returns a new set with the transactions of both.
func (s *Set) Union(o *Set) *Set {
	u := s.Clone()
	for _, src := range o.sources {
		for _, in := range src.intervals {
			u.AddRange(src.uuid, src.tag, in)
		}
	}
	for _, g := range o.streams {
		if have, ok := u.stream(g.Domain); !ok || have.N < g.N {
			u.Add(g)
		}
	}
	return u
}

// Subtract returns a new set with the transactions of s that are not in o. Of a
// MariaDB set the domains remain in which s has come further than o.
func (s *Set) Subtract(o *Set) *Set {
	d := NewSet(s.flavor)
	for _, src := range s.sources {
		rest := subtractIntervals(src.intervals, o.intervals(src.uuid, src.tag))
		if len(rest) > 0 {
			d.sources = append(d.sources, sourceSet{src.uuid, src.tag, rest})
		}
	}
	for _, g := range s.streams {
		if !o.Contains(g) {
			d.streams = append(d.streams, g)
		}
	}
	return d
}

// Retain returns a new set with the transactions of the sources for which keep
// returns true (see GTID.Source). A nil keep retains all.
func (s *Set) Retain(keep func(source string) bool) *Set {
	r := s.Clone()
	if keep == nil {
		return r
	}
	r.sources = slices.DeleteFunc(r.sources, func(src sourceSet) bool { return !keep(src.uuid.String()) })
	r.streams = slices.DeleteFunc(r.streams, func(g GTID) bool { return !keep(g.Source()) })
	r.fresh, r.split = false, [2]int{}
	return r
}

// Sort brings the set into the order in which servers print it: by UUID, then
// tag. Debezium sorts when it starts to stream, and appends what comes new.
func (s *Set) Sort() *Set {
	slices.SortStableFunc(s.sources, func(a, b sourceSet) int {
		if c := compareUUID(a.uuid, b.uuid); c != 0 {
			return c
		}
		return strings.Compare(a.tag, b.tag)
	})
	s.fresh, s.split = false, [2]int{}
	return s
}

// single returns the GTID of a set of one transaction.
func (s *Set) single() (GTID, bool) {
	switch {
	case len(s.streams) == 1:
		return s.streams[0], true
	case len(s.sources) == 1 && len(s.sources[0].intervals) == 1:
		src := s.sources[0]
		in := src.intervals[0]
		return GTID{UUID: src.uuid, Tag: src.tag, N: in.First}, in.First == in.Last
	}
	return GTID{}, false
}
