package producer

import "sync"

// pool hands out the memory of batches and bounds it (buffer.memory). Buffers
// come in three sizes and are used again.
type pool struct {
	limit int // bytes in use at which get waits
	sizes [3]int
	keep  int // bytes of free buffers that are kept

	mu      sync.Mutex
	used    int
	kept    int
	free    [3][][]byte
	batches []*batch
	freed   chan struct{} // one slot: memory came back
}

// Sizes of the small buffers, for partitions with little traffic; the full size
// is that of a batch with room for a record beyond its limit.
const (
	smallBuffer  = 8 << 10
	mediumBuffer = 64 << 10
)

func newPool(limit, batchBytes int) *pool {
	full := max(batchBytes+batchBytes/8, smallBuffer)
	return &pool{
		limit: limit,
		sizes: [3]int{smallBuffer, min(mediumBuffer, full), full},
		keep:  max(8*full, limit/2),
		freed: make(chan struct{}, 1),
	}
}

// tryGet returns a buffer of the given class; ok is false when memory is used
// up. A caller that holds nothing always gets one.
func (p *pool) tryGet(class int) (buf []byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used > 0 && p.used+p.sizes[class] > p.limit {
		return nil, false
	}
	p.used += p.sizes[class]
	return p.take(class), true
}

// force returns a buffer in spite of the limit.
func (p *pool) force(class int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used += p.sizes[class]
	return p.take(class)
}

// grow exchanges a buffer for one of a greater class with the same content; the
// memory limit does not hold it up, as the record in it is half done.
func (p *pool) grow(b *batch, class int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	buf := append(p.take(class), b.buf...)
	p.used += p.sizes[class] - b.memory
	p.put(b.buf)
	b.buf, b.memory = buf, p.sizes[class]
}

func (p *pool) take(class int) []byte {
	if n := len(p.free[class]); n > 0 {
		buf := p.free[class][n-1]
		p.free[class] = p.free[class][:n-1]
		p.kept -= cap(buf)
		return buf[:0]
	}
	return make([]byte, 0, p.sizes[class])
}

func (p *pool) put(buf []byte) {
	for class := len(p.sizes) - 1; class >= 0; class-- {
		if cap(buf) < p.sizes[class] {
			continue
		}
		// Memory of a huge record goes back to the garbage collector.
		if cap(buf) <= 2*p.sizes[class] && p.kept+cap(buf) <= p.keep {
			p.free[class] = append(p.free[class], buf)
			p.kept += cap(buf)
		}
		return
	}
}

// batch returns an empty batch around buf.
func (p *pool) batch(part *partition, buf []byte, memory int) *batch {
	p.mu.Lock()
	b := (*batch)(nil)
	if n := len(p.batches); n > 0 {
		b, p.batches = p.batches[n-1], p.batches[:n-1]
	}
	p.mu.Unlock()
	if b == nil {
		b = new(batch)
	}
	b.start(part, buf, memory)
	return b
}

// settle accounts for what a sealed batch really holds.
func (p *pool) settle(b *batch) {
	p.mu.Lock()
	p.used += cap(b.buf) - b.memory
	b.memory = cap(b.buf)
	p.mu.Unlock()
}

// release takes back a batch and its memory.
func (p *pool) release(b *batch) {
	p.mu.Lock()
	p.used -= b.memory
	p.put(b.buf)
	b.buf, b.part, b.memory = nil, nil, 0
	p.batches = append(p.batches, b)
	p.mu.Unlock()
	select {
	case p.freed <- struct{}{}:
	default:
	}
}

// inUse is the number of bytes that batches hold.
func (p *pool) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}

// class is the smallest class for n bytes.
func (p *pool) class(n int) int {
	for c, size := range p.sizes {
		if n <= size {
			return c
		}
	}
	return len(p.sizes) - 1
}
