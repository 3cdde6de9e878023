package data

// Arena hands out memory for the values of one batch of records and takes all
// of it back at once. The zero Arena is ready to use and keeps its memory for the
// next batch; that of a Pool borrows it. It belongs to one goroutine at a time.
//
// What an arena handed out is valid until Reset; whoever keeps a value longer
// must copy it.
type Arena struct {
	values  slab[Value]
	structs slab[Struct]
	bytes   slab[byte]
	loan    *loan // nil for memory of its own
}

// First sizes of the slabs; each grows by doubling up to a limit, so that a
// small batch stays small and a big one costs few allocations.
const (
	firstValues, maxValues   = 256, 32 << 10
	firstStructs, maxStructs = 64, 8 << 10
	firstBytes, maxBytes     = 4 << 10, 256 << 10
)

// Values returns n null values.
func (a *Arena) Values(n int) []Value {
	v := a.values.take(n, firstValues, maxValues)
	clear(v)
	return v
}

// Struct returns an empty struct of the given schema.
func (a *Arena) Struct(schema *Schema) *Struct {
	s := &a.structs.take(1, firstStructs, maxStructs)[0]
	s.schema, s.fields = schema, a.Values(len(schema.fields))
	return s
}

// Bytes returns n bytes with arbitrary content.
func (a *Arena) Bytes(n int) []byte { return a.bytes.take(n, firstBytes, maxBytes) }

// GiveBack takes back the last n bytes of what Bytes returned last.
func (a *Arena) GiveBack(n int) { a.bytes.off, a.bytes.used = a.bytes.off-n, a.bytes.used-n }

// Copy returns a copy of b that lives in the arena.
func (a *Arena) Copy(b []byte) []byte {
	c := a.Bytes(len(b))
	copy(c, b)
	return c
}

// CopyString returns a copy of s as a string value that lives in the arena.
func (a *Arena) CopyString(s string) Value {
	b := a.Bytes(len(s))
	copy(b, s)
	return StringBytes(b)
}

// Size is the number of bytes handed out since Reset: of texts and binary data, and
// of the values themselves, which in a wide table are most of it.
func (a *Arena) Size() int {
	return a.bytes.used + a.values.used*valueSize + a.structs.used*structSize
}

// Short reports that the arena has borrowed more since Reset than its memory should
// give it.
func (a *Arena) Short() bool { return a.loan != nil && a.loan.short }

// Reset takes back everything. What was borrowed is given back; of its own memory,
// what is beyond the usual size of a slab, such as that of one huge row, goes to
// the garbage collector.
func (a *Arena) Reset() {
	a.values.reset(maxValues)
	a.structs.reset(maxStructs)
	a.bytes.reset(maxBytes)
	if a.loan != nil {
		a.loan.settle()
	}
}

// slab cuts slices from chunks. After a reset it uses its own chunks again, and
// gives back borrowed ones.
type slab[T any] struct {
	chunks []*chunk[T]
	cur    int // chunk being cut
	off    int // first free element of it
	used   int
	lender *lender[T] // nil for chunks of its own
	loan   *loan
}

type chunk[T any] struct{ mem []T }

func (s *slab[T]) take(n, first, most int) []T {
	s.used += n
	for s.cur < len(s.chunks) {
		if c := s.chunks[s.cur].mem; s.off+n <= len(c) {
			out := c[s.off : s.off+n : s.off+n]
			s.off += n
			return out
		}
		s.cur, s.off = s.cur+1, 0
	}
	c := s.more(n, first, most)
	s.chunks, s.off = append(s.chunks, c), n
	return c.mem[:n:n]
}

// more is a chunk with room for n elements.
func (s *slab[T]) more(n, first, most int) *chunk[T] {
	if s.lender != nil {
		c := s.lender.lend(n)
		s.loan.take(len(c.mem) * s.lender.each)
		return c
	}
	size := first
	if k := len(s.chunks); k > 0 {
		size = min(2*len(s.chunks[k-1].mem), most)
	}
	return &chunk[T]{make([]T, max(size, n))}
}

func (s *slab[T]) reset(most int) {
	kept := s.chunks[:0]
	for _, c := range s.chunks {
		switch {
		case s.lender != nil:
			s.lender.giveBack(c)
		case len(c.mem) <= most:
			kept = append(kept, c)
		}
	}
	clear(s.chunks[len(kept):])
	s.chunks, s.cur, s.off, s.used = kept, 0, 0, 0
}
