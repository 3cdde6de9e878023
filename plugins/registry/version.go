package registry

import (
	"cmp"
	"slices"
	"strings"
)

// CompareVersions compares versions as Maven does (ComparableVersion): numbers by
// value, 1.0 as 1, and qualifiers like alpha, beta, rc and snapshot before the
// release. testdata/maven.txt holds what Maven says.
func CompareVersions(a, b string) int {
	return compareLists(parseVersion(a), parseVersion(b))
}

// item is a part of a version. A dash, or a change between digits and letters,
// opens a list that holds the rest.
type item struct {
	kind itemKind
	text string // digits without leading zeros, or a qualifier
	list []*item
}

// itemKind orders parts of different kinds: a qualifier is older than a list, and a
// list older than a number.
type itemKind int

const (
	itemQualifier itemKind = iota
	itemList
	itemNumber
)

// versionParser is the state of parseVersion.
type versionParser struct {
	text   string
	open   []*item // lists that are open, the innermost last
	start  int     // of the part that is being read
	digits bool    // the part is a number
}

func parseVersion(v string) *item {
	p := &versionParser{text: strings.ToLower(v), open: []*item{{kind: itemList}}}
	for i := range len(p.text) {
		switch c := p.text[i]; c {
		case '.':
			p.end(i, i+1)
		case '-':
			p.end(i, i+1)
			p.nest()
		default:
			if digit := isDigit(c); digit != p.digits {
				p.turn(i, digit)
			}
		}
	}
	if p.start < len(p.text) {
		if !p.digits {
			p.nestBehind()
		}
		p.end(len(p.text), len(p.text))
	}
	for _, list := range slices.Backward(p.open) {
		list.normalize()
	}
	return p.open[0]
}

// turn ends a part where digits follow letters or letters digits. Letters before
// digits get a list of their own, and what follows another.
func (p *versionParser) turn(i int, digit bool) {
	if i > p.start {
		if digit {
			p.nestBehind()
		}
		if part := p.text[p.start:i]; digit {
			p.add(&item{text: qualifier(part, true)})
			p.start = i
		} else {
			p.end(i, i)
		}
		p.nest()
	}
	p.digits = digit
}

func (p *versionParser) add(x *item) {
	list := p.open[len(p.open)-1]
	list.list = append(list.list, x)
}

// nest opens a list inside the innermost one.
func (p *versionParser) nest() {
	inner := &item{kind: itemList}
	p.add(inner)
	p.open = append(p.open, inner)
}

// nestBehind is nest unless the innermost list is empty.
func (p *versionParser) nestBehind() {
	if len(p.open[len(p.open)-1].list) > 0 {
		p.nest()
	}
}

// end adds the part before i, a zero if there is none, and begins another at next.
func (p *versionParser) end(i, next int) {
	part := p.text[p.start:i]
	if p.digits || part == "" {
		p.add(&item{kind: itemNumber, text: strings.TrimLeft(part, "0")})
	} else {
		p.add(&item{text: qualifier(part, false)})
	}
	p.start = next
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// qualifier is the full name of one; before a number it may be a single letter.
func qualifier(q string, beforeNumber bool) string {
	if beforeNumber {
		switch q {
		case "a":
			return "alpha"
		case "b":
			return "beta"
		case "m":
			return "milestone"
		}
	}
	switch q {
	case "ga", "final", "release":
		return ""
	case "cr":
		return "rc"
	}
	return q
}

// normalize drops what says nothing, up to the last part that is no list.
func (x *item) normalize() {
	for i, part := range slices.Backward(x.list) {
		switch {
		case part.kind == itemList && len(part.list) == 0, part.kind != itemList && part.text == "":
			x.list = slices.Delete(x.list, i, i+1)
		case part.kind != itemList:
			return
		}
	}
}

// compareItems compares two parts; a missing one is nil.
func compareItems(a, b *item) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -b.compareMissing()
	case b == nil:
		return a.compareMissing()
	case a.kind != b.kind:
		return cmp.Compare(a.kind, b.kind)
	case a.kind == itemList:
		return compareLists(a, b)
	case a.kind == itemNumber:
		return compareNumbers(a.text, b.text)
	}
	return compareQualifiers(a.text, b.text)
}

func (x *item) compareMissing() int {
	switch x.kind {
	case itemNumber:
		return compareNumbers(x.text, "")
	case itemQualifier:
		return compareQualifiers(x.text, "")
	}
	for _, i := range x.list {
		if c := i.compareMissing(); c != 0 {
			return c
		}
	}
	return 0
}

func compareLists(a, b *item) int {
	at := func(x *item, i int) *item {
		if i < len(x.list) {
			return x.list[i]
		}
		return nil
	}
	for i := range max(len(a.list), len(b.list)) {
		if c := compareItems(at(a, i), at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// compareQualifiers orders the qualifiers that have a meaning; a release ("")
// stands between snapshot and sp, an unknown one last.
func compareQualifiers(a, b string) int {
	known := []string{"alpha", "beta", "milestone", "rc", "snapshot", "", "sp"}
	x, y := slices.Index(known, a), slices.Index(known, b)
	if x < 0 && y < 0 {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(uint(x), uint(y)) // an unknown one is above all
}
