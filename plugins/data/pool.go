package data

import (
	"sync"
	"unsafe"
)

// Pool lends arenas their memory, in chunks that go from one arena to another: an
// arena that is empty holds nothing. Chunks that nobody uses are left to the
// garbage collector. A Pool may be used from any goroutine.
type Pool struct {
	values  lender[Value]
	structs lender[Struct]
	bytes   lender[byte]
}

// Memory counts what arenas borrow.
type Memory interface {
	// Take counts n bytes more. It reports whether the arena should have them; those
	// that it should not have are lent nonetheless, as a record is half done.
	Take(n int) bool
	// Give counts n bytes as given back.
	Give(n int)
}

const (
	valueSize  = int(unsafe.Sizeof(Value{}))
	structSize = int(unsafe.Sizeof(Struct{}))
)

// Sizes of the usual chunks, in elements; large ones, for what does not fit there, are
// as large as the largest chunk of an arena's own.
const (
	lentValues  = 1 << 10
	lentStructs = 256
	lentBytes   = 32 << 10
	// SmallestLoan is the number of bytes that an arena with a few small records
	// borrows: one chunk of each kind.
	SmallestLoan = lentValues*valueSize + lentStructs*structSize + lentBytes
)

// NewPool makes a pool.
func NewPool() *Pool {
	return &Pool{
		values:  lender[Value]{sizes: [2]int{lentValues, maxValues}, each: valueSize},
		structs: lender[Struct]{sizes: [2]int{lentStructs, maxStructs}, each: structSize},
		bytes:   lender[byte]{sizes: [2]int{lentBytes, maxBytes}, each: 1},
	}
}

// Arena makes an arena that borrows from the pool, and has it counted.
func (p *Pool) Arena(m Memory) Arena {
	l := &loan{memory: m}
	return Arena{
		values:  slab[Value]{lender: &p.values, loan: l},
		structs: slab[Struct]{lender: &p.structs, loan: l},
		bytes:   slab[byte]{lender: &p.bytes, loan: l},
		loan:    l,
	}
}

// loan is what an arena has borrowed.
type loan struct {
	memory Memory
	bytes  int
	short  bool // some of it should not have been lent
}

func (l *loan) take(n int) {
	l.bytes += n
	if !l.memory.Take(n) {
		l.short = true
	}
}

func (l *loan) settle() {
	if l.bytes > 0 {
		l.memory.Give(l.bytes)
	}
	l.bytes, l.short = 0, false
}

// lender lends chunks of two sizes.
type lender[T any] struct {
	free  [2]sync.Pool // of *chunk[T]
	sizes [2]int       // elements of a chunk
	each  int          // bytes of an element
}

// lend returns a chunk for n elements. One for more than a large chunk holds is made
// for the occasion.
func (l *lender[T]) lend(n int) *chunk[T] {
	for i, size := range l.sizes {
		if n > size {
			continue
		}
		if c, ok := l.free[i].Get().(*chunk[T]); ok {
			return c
		}
		return &chunk[T]{make([]T, size)}
	}
	return &chunk[T]{make([]T, n)}
}

func (l *lender[T]) giveBack(c *chunk[T]) {
	for i, size := range l.sizes {
		if len(c.mem) == size {
			l.free[i].Put(c)
		}
	}
}
