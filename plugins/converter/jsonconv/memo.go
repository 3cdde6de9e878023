package jsonconv

import "strconv"

// memo is the number or text that a field was last written as. Most fields of a
// change event say what they said in the record before, and to compare and copy
// costs a third of writing anew.
type memo struct {
	num   int64
	whole []byte // the field with its name; empty for none
	// misses counts the values in a row that were others. A field that changes all
	// the time, as a key does, is not remembered until the count begins anew.
	misses uint8
}

const (
	memoMisses = 8   // after which a field is not remembered
	memoBytes  = 128 // of the longest field that is remembered
)

// miss remembers another value, if that is worth it.
func (m *memo) miss(num int64, whole []byte) {
	if m.misses++; m.misses > memoMisses {
		return
	}
	if m.num, m.whole = num, m.whole[:0]; len(whole) <= memoBytes {
		m.whole = append(m.whole, whole...)
	}
}

func (f *field) appendInt(dst []byte, n int64) []byte {
	m := &f.memo
	if m.num == n && len(m.whole) > 0 {
		m.misses = 0
		return append(dst, m.whole...)
	}
	start := len(dst)
	dst = strconv.AppendInt(append(dst, f.lead...), n, 10)
	m.miss(n, dst[start:])
	return dst
}

// appendString remembers texts without escapes, between whose quotes the value
// itself stands.
func (f *field) appendString(dst []byte, s string) []byte {
	m, at, size := &f.memo, len(f.lead)+1, len(f.lead)+len(s)+2
	if len(m.whole) == size && string(m.whole[at:size-1]) == s {
		m.misses = 0
		return append(dst, m.whole...)
	}
	start := len(dst)
	dst = appendString(append(dst, f.lead...), s)
	if len(dst)-start == size {
		m.miss(0, dst[start:])
	}
	return dst
}
