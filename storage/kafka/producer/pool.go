package producer

import (
	"sync"

	"github.com/millrace/millrace/worker/budget"
)

// Pool is the memory that producers have in common: a budget, and buffers that go
// from one to another. It may be used from any goroutine.
type Pool struct {
	budget *budget.Budget
	free   [classes]sync.Pool // of *batch with a buffer of the class; the garbage collector takes what nobody uses
}

// NewPool makes a pool whose producers share a budget.
func NewPool(b *budget.Budget) *Pool { return &Pool{budget: b} }

// Sizes of the buffers: the small ones are for partitions with little traffic, and for
// times when memory is short; the full size is that of a batch with room for a record
// beyond its limit.
const (
	smallBuffer  = 8 << 10
	mediumBuffer = 64 << 10
	largeBuffer  = 256 << 10
	classes      = 4
)

// memory is a producer's part of a Pool; its most is buffer.memory. The appending
// goroutine takes from it and waits, the sender too gives back.
type memory struct {
	pool    *Pool
	account *budget.Account
	sizes   [classes]int
}

func newMemory(pool *Pool, limit, batchBytes int) *memory {
	full := max(batchBytes+batchBytes/8, smallBuffer)
	if pool == nil { // of its own, of which one may have half
		pool = NewPool(budget.New(2 * limit))
	}
	m := &memory{pool: pool, sizes: [classes]int{smallBuffer, min(mediumBuffer, full), min(largeBuffer, full), full}}
	least := min(m.sizes[1], max(limit, smallBuffer))
	m.account = pool.budget.Account(least, max(limit, full)) // one batch of batch.size there may always be
	return m
}

// get returns an empty batch with a buffer of the given class, nil when memory is used
// up. A producer that holds nothing always gets one, if a smaller one.
func (m *memory) get(part *partition, class int) *batch {
	if m.account.Try(m.sizes[class]) {
		return m.batch(part, class)
	}
	for m.account.Used() == 0 && class > 0 {
		if class--; m.account.Try(m.sizes[class]) {
			return m.batch(part, class)
		}
	}
	return nil
}

// force returns a batch for n bytes in spite of the limit.
func (m *memory) force(part *partition, n int) *batch {
	class := m.class(n)
	m.account.Take(m.sizes[class])
	return m.batch(part, class)
}

// batch returns an empty batch with a buffer that is paid for.
func (m *memory) batch(part *partition, class int) *batch {
	b := m.take(class)
	b.start(part, b.buf, m.sizes[class])
	m.settle(b)
	return b
}

// grow exchanges a batch's buffer for one of a greater class with the same content,
// unless there is no memory for it.
func (m *memory) grow(b *batch, class int) bool {
	if !m.account.Try(m.sizes[class] - b.memory) {
		return false
	}
	other := m.take(class)
	b.memory = m.sizes[class]
	b.buf, other.buf = append(other.buf[:0], b.buf...), b.buf
	m.put(other)
	m.settle(b)
	return true
}

func (m *memory) take(class int) *batch {
	if b, ok := m.pool.free[class].Get().(*batch); ok && cap(b.buf) >= m.sizes[class] {
		return b
	}
	return &batch{buf: make([]byte, 0, m.sizes[class])}
}

// put keeps a batch's buffer for others. One that a huge record has made larger goes to
// the garbage collector.
func (m *memory) put(b *batch) {
	for class := classes - 1; class >= 0; class-- {
		if size := m.sizes[class]; cap(b.buf) >= size {
			if cap(b.buf) <= 2*size {
				m.pool.free[class].Put(b)
			}
			return
		}
	}
}

// settle accounts for what a batch really holds.
func (m *memory) settle(b *batch) {
	m.account.Take(cap(b.buf) - b.memory)
	b.memory = cap(b.buf)
}

// release takes back a batch and its memory.
func (m *memory) release(b *batch) {
	n := b.memory
	b.part, b.memory, b.lastErr = nil, 0, nil
	m.put(b)
	m.account.Give(n)
}

// class is the smallest class for n bytes.
func (m *memory) class(n int) int {
	for c, size := range m.sizes {
		if n <= size {
			return c
		}
	}
	return len(m.sizes) - 1
}
