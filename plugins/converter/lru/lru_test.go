package lru

import "testing"

func TestCacheForgetsTheOldest(t *testing.T) {
	c := New[int, int](2)
	for i := range 3 {
		c.Put(i, i*10)
		c.Get(0) // keeps 0 in use
	}
	for key, want := range map[int]bool{0: true, 1: false, 2: true} {
		if v, ok := c.Get(key); ok != want || ok && v != key*10 {
			t.Errorf("get(%d) = %d, %v", key, v, ok)
		}
	}
	c.Put(2, 99)
	if v, _ := c.Get(2); v != 99 || len(c.entries) != 2 {
		t.Errorf("put did not replace: %d of %d", v, len(c.entries))
	}
	none := New[int, int](0)
	none.Put(1, 1)
	if _, ok := none.Get(1); ok {
		t.Error("a cache of size 0 kept something")
	}
}
