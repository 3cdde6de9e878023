// Package lru is a bounded map for what converters compiled and looked up.
package lru

// Cache is a map that forgets what was not used for longest. It belongs to one
// goroutine; Get allocates nothing.
type Cache[K comparable, V any] struct {
	max     int
	entries map[K]*entry[K, V]
	first   *entry[K, V] // most recently used; the list is a ring
}

type entry[K comparable, V any] struct {
	key        K
	value      V
	prev, next *entry[K, V]
}

// New makes a cache of at most max entries.
func New[K comparable, V any](max int) *Cache[K, V] {
	return &Cache[K, V]{max: max, entries: map[K]*entry[K, V]{}}
}

// Get finds the value of a key.
func (c *Cache[K, V]) Get(key K) (v V, ok bool) {
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

// Newest is the key that was used last.
func (c *Cache[K, V]) Newest() (key K) {
	if c.first != nil {
		key = c.first.key
	}
	return key
}

// Put stores a value, in place of the one used least recently when the cache is full.
func (c *Cache[K, V]) Put(key K, value V) {
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	if c.max <= 0 {
		return
	}
	if len(c.entries) >= c.max {
		c.remove(c.first.prev)
	}
	e := &entry[K, V]{key: key, value: value}
	c.entries[key] = e
	c.pushFront(e)
}

func (c *Cache[K, V]) remove(e *entry[K, V]) {
	delete(c.entries, e.key)
	c.unlink(e)
}

func (c *Cache[K, V]) unlink(e *entry[K, V]) {
	if e.next == e {
		c.first = nil
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	if c.first == e {
		c.first = e.next
	}
}

func (c *Cache[K, V]) pushFront(e *entry[K, V]) {
	if c.first == nil {
		e.prev, e.next = e, e
	} else {
		e.prev, e.next = c.first.prev, c.first
		e.prev.next, e.next.prev = e, e
	}
	c.first = e
}
