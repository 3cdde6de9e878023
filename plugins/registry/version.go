package registry

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// CompareVersions compares versions as Maven does for those that plugins have:
// numbers by value, missing parts as zero, and qualifiers like alpha, beta, rc
// and snapshot before the release.
func CompareVersions(a, b string) int {
	x, y := versionParts(a), versionParts(b)
	for i := range max(len(x), len(y)) {
		if c := comparePart(part(x, i), part(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

func part(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}

// versionParts cuts at dots, dashes, underscores and where digits meet letters.
func versionParts(v string) []string {
	var parts []string
	start := 0
	for i := range len(v) {
		switch {
		case strings.IndexByte(".-_+", v[i]) >= 0:
			parts, start = append(parts, v[start:i]), i+1
		case i > start && isDigit(v[i-1]) != isDigit(v[i]):
			parts, start = append(parts, v[start:i]), i
		}
	}
	return append(parts, v[start:])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// comparePart compares numbers by value and qualifiers by rank; a number is
// newer than any qualifier. A missing part counts as the number 0 or as a
// release, whichever the other part is.
func comparePart(a, b string) int {
	x, xNumber := number(a)
	y, yNumber := number(b)
	switch {
	case xNumber && yNumber, xNumber && b == "", yNumber && a == "":
		return cmp.Compare(x, y)
	case xNumber:
		return 1
	case yNumber:
		return -1
	}
	ra, rb := qualifierRank(a), qualifierRank(b)
	if ra != rb || ra < unknownQualifier {
		return cmp.Compare(ra, rb)
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

func number(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

const unknownQualifier = 7

// qualifierRank orders the qualifiers that have a meaning; a release ("", ga,
// final) stands between snapshot and sp, an unknown one last.
func qualifierRank(q string) int {
	switch strings.ToLower(q) {
	case "alpha", "a":
		return 0
	case "beta", "b":
		return 1
	case "milestone", "m":
		return 2
	case "rc", "cr":
		return 3
	case "snapshot":
		return 4
	case "", "ga", "final", "release":
		return 5
	case "sp":
		return 6
	}
	return unknownQualifier
}

// Range is a set of versions. The zero Range holds all.
type Range struct {
	text      string
	intervals []interval
}

type interval struct {
	low, high         string // "" means no bound
	lowOpen, highOpen bool
}

// ParseRange reads a version requirement (PluginUtils.connectorVersionRequirement):
// "" and "latest" mean any version; a plain version means exactly that one;
// ranges are written as in Maven: "[1.0,2.0)", "(,1.0],[1.2,)".
func ParseRange(spec string) (Range, error) {
	spec = strings.TrimSpace(spec)
	if spec == "" || strings.EqualFold(spec, "latest") {
		return Range{}, nil
	}
	if !strings.ContainsAny(spec, "[(])") {
		if strings.Contains(spec, ",") {
			return Range{}, fmt.Errorf("invalid version range %q: bounds need brackets, such as [1.0,2.0)", spec)
		}
		return Range{"[" + spec + "]", []interval{{low: spec, high: spec}}}, nil
	}
	r := Range{text: spec}
	for rest := spec; rest != ""; {
		end := strings.IndexAny(rest, "])")
		if end < 0 || !strings.ContainsRune("[(", rune(rest[0])) {
			return Range{}, fmt.Errorf("invalid version range %q: expected ranges such as [1.0,2.0)", spec)
		}
		iv, err := parseInterval(rest[:end+1])
		if err != nil {
			return Range{}, err
		}
		r.intervals = append(r.intervals, iv)
		rest = strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(rest[end+1:], " "), ","), " ")
	}
	return r, nil
}

func parseInterval(s string) (interval, error) {
	iv := interval{lowOpen: s[0] == '(', highOpen: s[len(s)-1] == ')'}
	low, high, two := strings.Cut(s[1:len(s)-1], ",")
	iv.low, iv.high = strings.TrimSpace(low), strings.TrimSpace(high)
	if !two {
		iv.high = iv.low
		if iv.lowOpen || iv.highOpen || iv.low == "" {
			return iv, fmt.Errorf("invalid version range %q: a single version must be surrounded by []", s)
		}
	}
	if iv.low != "" && iv.high != "" && CompareVersions(iv.low, iv.high) > 0 {
		return iv, fmt.Errorf("invalid version range %q: the lower bound is above the upper one", s)
	}
	return iv, nil
}

// Contains reports whether version lies in the range.
func (r Range) Contains(version string) bool {
	for _, iv := range r.intervals {
		if iv.contains(version) {
			return true
		}
	}
	return len(r.intervals) == 0
}

func (iv interval) contains(v string) bool {
	if iv.low != "" {
		if c := CompareVersions(v, iv.low); c < 0 || c == 0 && iv.lowOpen {
			return false
		}
	}
	if iv.high != "" {
		if c := CompareVersions(v, iv.high); c > 0 || c == 0 && iv.highOpen {
			return false
		}
	}
	return true
}

// String is the range as written.
func (r Range) String() string { return r.text }
