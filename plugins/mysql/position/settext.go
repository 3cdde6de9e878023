package position

import "strconv"

// SetText is the text of a Set at one moment. It is immutable and small: the
// set's text around the number that changed last, which is all that differs
// from one transaction to the next.
type SetText struct {
	prefix, suffix string
	first, n       int64
	split          bool // n stands between prefix and suffix
}

// FixedText makes a SetText of a ready text.
func FixedText(s string) SetText { return SetText{prefix: s} }

// IsEmpty reports whether the text is empty.
func (t SetText) IsEmpty() bool { return t.prefix == "" && !t.split }

// String puts the text together.
func (t SetText) String() string {
	if !t.split {
		return t.prefix
	}
	b := make([]byte, 0, len(t.prefix)+20+len(t.suffix))
	b = strconv.AppendInt(append(b, t.prefix...), t.n, 10)
	return string(append(b, t.suffix...))
}

// String prints the set as the Java binlog client does: ranges always with both
// ends ("uuid:7-7"), tags after the numbers without a tag.
func (s *Set) String() string { return s.Text().String() }

// Text returns the set's text as it is now. While transactions of one server
// follow each other it costs no allocation.
func (s *Set) Text() SetText {
	if !s.fresh {
		s.text, s.fresh = s.render(), true
	}
	return s.text
}

func (s *Set) render() SetText {
	var t SetText
	var b []byte
	cut := func(first, n int64) {
		t.prefix, t.first, t.n, t.split = string(b), first, n, true
		b = b[:0]
	}
	for i, g := range s.streams {
		if i > 0 {
			b = append(b, ',')
		}
		if b = append(append(b, g.Source()...), '-'); s.split[0] == i {
			cut(0, g.N)
			continue
		}
		b = strconv.AppendInt(b, g.N, 10)
	}
	for i := range s.sources {
		src := &s.sources[i]
		if i == 0 || s.sources[i-1].uuid != src.uuid {
			if i > 0 {
				b = append(b, ',')
			}
			b = src.uuid.Append(b)
		}
		if src.tag != "" {
			b = append(append(b, ':'), src.tag...)
		}
		for j, in := range src.intervals {
			b = append(strconv.AppendInt(append(b, ':'), in.First, 10), '-')
			if s.split == [2]int{i, j} {
				cut(in.First, in.Last)
				continue
			}
			b = strconv.AppendInt(b, in.Last, 10)
		}
	}
	if !t.split {
		return FixedText(string(b))
	}
	t.suffix = string(b)
	return t
}
