package jsonconv

// lru is a map that forgets what was not used for longest. It belongs to one
// goroutine; get allocates nothing.
type lru[K comparable, V any] struct {
	max     int
	entries map[K]*lruEntry[K, V]
	first   *lruEntry[K, V] // most recently used; the list is a ring
}

type lruEntry[K comparable, V any] struct {
	key        K
	value      V
	prev, next *lruEntry[K, V]
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, entries: map[K]*lruEntry[K, V]{}}
}

func (c *lru[K, V]) get(key K) (v V, ok bool) {
	if c.first != nil && c.first.key == key {
		return c.first.value, true
	}
	e, ok := c.entries[key]
	if !ok {
		return v, false
	}
	c.unlink(e)
	c.pushFront(e)
	return e.value, true
}

// newest is the key that was used last.
func (c *lru[K, V]) newest() (key K) {
	if c.first != nil {
		key = c.first.key
	}
	return key
}

func (c *lru[K, V]) put(key K, value V) {
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	if c.max <= 0 {
		return
	}
	if len(c.entries) >= c.max {
		c.remove(c.first.prev)
	}
	e := &lruEntry[K, V]{key: key, value: value}
	c.entries[key] = e
	c.pushFront(e)
}

func (c *lru[K, V]) remove(e *lruEntry[K, V]) {
	delete(c.entries, e.key)
	c.unlink(e)
}

func (c *lru[K, V]) unlink(e *lruEntry[K, V]) {
	if e.next == e {
		c.first = nil
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	if c.first == e {
		c.first = e.next
	}
}

func (c *lru[K, V]) pushFront(e *lruEntry[K, V]) {
	if c.first == nil {
		e.prev, e.next = e, e
	} else {
		e.prev, e.next = c.first.prev, c.first
		e.prev.next, e.next.prev = e, e
	}
	c.first = e
}
