package position

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Comparator tells which recorded positions of a schema history come at or
// before the position that a connector wants to resume at
// (io.debezium.connector.binlog.history.BinlogHistoryRecordComparator).
//
// GTIDs decide when both positions have them; a position without is taken to be
// older than one with. Otherwise positions of the same server are compared by
// file, pos, event and row. Positions of different servers can only be compared
// by their ts_ms, as Debezium does, which counts as 0 where it is missing. A
// snapshot's position names no server: it is taken for one of the same server
// when the names of the files agree.
type Comparator struct {
	flavor  Flavor
	keep    func(source string) bool
	desired recorded
}

type recorded struct {
	set      *Set // nil without GTIDs
	all      *Set // the same with the sources that do not count
	snapshot bool
	server   int64
	tsMillis int64
	file     string
	order    [3]int64 // pos, event, row
}

// NewComparator prepares comparisons with the desired position. keep tells
// which GTID sources count, as gtid.source.includes and excludes say; nil keeps all.
func NewComparator(f Flavor, keep func(source string) bool, desired map[string]any) (*Comparator, error) {
	c := &Comparator{flavor: f, keep: keep}
	var err error
	if c.desired, err = c.read(desired); err != nil {
		return nil, fmt.Errorf("reading the position to resume at: %w", err)
	}
	return c, nil
}

// AtOrBefore reports whether the recorded position is at or before the desired one.
func (c *Comparator) AtOrBefore(position map[string]any) (bool, error) {
	r, err := c.read(position)
	if err != nil {
		return false, fmt.Errorf("reading a recorded position: %w", err)
	}
	d := &c.desired
	switch {
	case d.set != nil && r.set != nil:
		return r.setAtOrBefore(d), nil
	case d.set != nil:
		return true, nil
	case r.set != nil:
		return false, nil
	case r.server != d.server && !sameFiles(&r, d):
		return r.tsMillis <= d.tsMillis, nil
	}
	return r.coordinatesAtOrBefore(d)
}

// sameFiles says whether positions of which one names no server may be compared
// by file.
func sameFiles(a, b *recorded) bool {
	if a.server != 0 && b.server != 0 {
		return false
	}
	_, err := compareFiles(a.file, b.file)
	return err == nil
}

// Repeated reports whether a stream that begins at the desired position by GTID
// reads the statement at the recorded position again: its transaction is not in
// the desired set, which is the set that it was recorded with. Such a statement
// must not be applied before, since not every one may be applied twice: RENAME
// TABLE a TO b, c TO a would lose table a. A snapshot's statements are not in
// the binlog.
func (c *Comparator) Repeated(position map[string]any) (bool, error) {
	r, err := c.read(position)
	if err != nil {
		return false, fmt.Errorf("reading a recorded position: %w", err)
	}
	return !r.snapshot && r.all != nil && c.desired.all != nil && r.all.Equal(c.desired.all), nil
}

func (r *recorded) setAtOrBefore(d *recorded) bool {
	if !r.set.Equal(d.set) {
		return d.set.ContainsAll(r.set)
	}
	if d.snapshot && !r.snapshot {
		return false
	}
	return r.order[1] <= d.order[1]
}

func (r *recorded) coordinatesAtOrBefore(d *recorded) (bool, error) {
	n, err := compareFiles(r.file, d.file)
	if err != nil || n != 0 {
		return n < 0, err
	}
	for i := range r.order {
		if r.order[i] != d.order[i] {
			return r.order[i] < d.order[i], nil
		}
	}
	return true, nil
}

func (c *Comparator) read(m map[string]any) (recorded, error) {
	var r recorded
	for _, f := range []struct {
		name string
		dst  *int64
	}{
		{fieldServerID, &r.server}, {"ts_ms", &r.tsMillis},
		{fieldPos, &r.order[0]}, {fieldEvent, &r.order[1]}, {fieldRow, &r.order[2]},
	} {
		n, err := number(m[f.name])
		if err != nil {
			return r, fmt.Errorf("field %q: %w", f.name, err)
		}
		*f.dst = n
	}
	_, r.snapshot = m[fieldSnapshot]
	r.file, _ = m[fieldFile].(string)
	gtids, ok := m[fieldGTIDs].(string)
	if !ok {
		return r, nil
	}
	set, err := ParseSet(c.flavor, gtids)
	if err != nil {
		return r, err
	}
	r.set, r.all = set.Retain(c.keep), set
	return r, nil
}

// Reached reports whether a position of a server's binlog, a file and a place in
// it, is at or behind another one of the same server.
func Reached(file string, pos int64, want *Offset) bool {
	n, err := compareFiles(file, want.File)
	return err == nil && (n > 0 || n == 0 && pos >= want.Pos)
}

// compareFiles compares binlog file names by their numbers; the names before the
// dot must agree.
func compareFiles(a, b string) (int, error) {
	baseA, numberA, err := splitFile(a)
	if err != nil {
		return 0, err
	}
	baseB, numberB, err := splitFile(b)
	if err != nil {
		return 0, err
	}
	if baseA != baseB {
		return 0, fmt.Errorf("binlog files %s and %s cannot be compared: their names differ before the dot", a, b)
	}
	switch {
	case numberA < numberB:
		return -1, nil
	case numberA > numberB:
		return 1, nil
	}
	return 0, nil
}

func splitFile(name string) (base string, number int64, err error) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", 0, fmt.Errorf("binlog file name %q has no number", name)
	}
	number, err = strconv.ParseInt(name[i+1:], 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("binlog file name %q has no number", name)
	}
	return name[:i], number, nil
}

// RestartSet is the GTID set from which to stream again: the transactions that
// the offset names, of the sources that keep retains, and for sources that it
// does not know those that the server has purged, which cannot be read any more
// (MySqlConnection.filterGtidSet).
func RestartSet(stored, purged *Set, keep func(source string) bool) *Set {
	out := stored.Retain(keep)
	for _, src := range purged.sources {
		if out.intervals(src.uuid, src.tag) == nil {
			for _, in := range src.intervals {
				out.AddRange(src.uuid, src.tag, in)
			}
		}
	}
	for _, g := range purged.streams {
		if _, known := out.stream(g.Domain); !known {
			out.Add(g)
		}
	}
	return out.Sort()
}

// ComparePlaces compares two places in the binlog of one server. Files of
// different names, which only different servers have, compare as before.
func ComparePlaces(file string, pos int64, otherFile string, otherPos int64) int {
	order, err := compareFiles(file, otherFile)
	if err != nil {
		return -1
	}
	return cmp.Or(order, cmp.Compare(pos, otherPos))
}
