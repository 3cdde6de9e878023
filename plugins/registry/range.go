package registry

import (
	"errors"
	"slices"
	"strings"
)

// Latest is the version that a configuration without a version wants: the newest.
const Latest = "latest"

// Wanted is the version that a property of a configuration asks for, Latest when it
// is not there.
func Wanted(config map[string]string, key string) string {
	if v, ok := config[key]; ok {
		return v
	}
	return Latest
}

// Range is a set of versions. The zero Range holds all.
type Range struct{ intervals []interval }

type interval struct {
	low, high           string
	hasLow, hasHigh     bool // whether there is a bound
	includeLow, include bool // whether the bounds belong to it
}

// ParseRange reads a version as properties called *.plugin.version have it
// (PluginUtils.connectorVersionRequirement): Latest means any version; a plain
// version means exactly that one; ranges are written as Maven's VersionRange has
// them: "[1.0,2.0)", "(,1.0],[1.2,)". The errors are Maven's.
func ParseRange(spec string) (Range, error) {
	if spec == Latest {
		return Range{}, nil
	}
	spec = strings.TrimSpace(spec)
	r, plain, err := parseSets(spec)
	if err == nil && plain {
		r, _, err = parseSets("[" + spec + "]")
	}
	return r, err
}

// parseSets reads sets of versions; plain tells that the text is a version, which
// has no sets, or nothing.
func parseSets(spec string) (r Range, plain bool, err error) {
	rest := spec
	for strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "(") {
		end := strings.IndexAny(rest, "])")
		if end < 0 {
			return r, false, errors.New("Unbounded range: " + spec)
		}
		iv, err := parseInterval(rest[:end+1])
		if err != nil {
			return r, false, err
		}
		if n := len(r.intervals); n > 0 && r.intervals[n-1].hasHigh && (!iv.hasLow || CompareVersions(iv.low, r.intervals[n-1].high) < 0) {
			return r, false, errors.New("Ranges overlap: " + spec)
		}
		r.intervals = append(r.intervals, iv)
		rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest[end+1:]), ","))
	}
	if rest != "" && len(r.intervals) > 0 {
		return r, false, errors.New("Only fully-qualified sets allowed in multiple set scenario: " + spec)
	}
	return r, len(r.intervals) == 0, nil
}

func parseInterval(s string) (interval, error) {
	low, high, two := strings.Cut(strings.TrimSpace(s[1:len(s)-1]), ",")
	iv := interval{low: strings.TrimSpace(low), high: strings.TrimSpace(high), includeLow: s[0] == '[', include: s[len(s)-1] == ']'}
	if !two {
		if !iv.includeLow || !iv.include {
			return iv, errors.New("Single version must be surrounded by []: " + s)
		}
		iv.high, iv.hasLow, iv.hasHigh = iv.low, true, true
		return iv, nil
	}
	iv.hasLow, iv.hasHigh = iv.low != "", iv.high != ""
	if iv.hasLow && iv.hasHigh {
		if c := CompareVersions(iv.high, iv.low); c < 0 || c == 0 && !(iv.includeLow && iv.include) {
			return iv, errors.New("Range defies version ordering: " + s)
		}
	}
	return iv, nil
}

// Contains reports whether version lies in the range.
func (r Range) Contains(version string) bool {
	return len(r.intervals) == 0 || slices.ContainsFunc(r.intervals, func(iv interval) bool { return iv.contains(version) })
}

func (iv interval) contains(v string) bool {
	if iv.hasLow {
		if c := CompareVersions(v, iv.low); c < 0 || c == 0 && !iv.includeLow {
			return false
		}
	}
	if iv.hasHigh {
		if c := CompareVersions(v, iv.high); c > 0 || c == 0 && !iv.include {
			return false
		}
	}
	return true
}

// String is the range as Maven prints it.
func (r Range) String() string {
	sets := make([]string, len(r.intervals))
	for i, iv := range r.intervals {
		sets[i] = map[bool]string{true: "[", false: "("}[iv.includeLow] + iv.low + "," + iv.high + map[bool]string{true: "]", false: ")"}[iv.include]
	}
	return strings.Join(sets, ",")
}
