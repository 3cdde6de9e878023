package data

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// counted is a Memory with a limit.
type counted struct{ used, limit int }

func (c *counted) Take(n int) bool {
	c.used += n
	return c.used <= c.limit
}

func (c *counted) Give(n int) { c.used -= n }

// Arenas of one pool hand out memory at random, are reset and filled again: what each
// holds stays what it was, beside copies that are made naively.
func TestArenasOfAPoolDoNotMix(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	pool, memory := NewPool(), &counted{limit: 1 << 40}
	type kept struct {
		got, want []byte
		values    []Value
		of        int64
	}
	arenas := make([]Arena, 5)
	holds := make([][]kept, len(arenas))
	for i := range arenas {
		arenas[i] = pool.Arena(memory)
	}
	check := func(i int) {
		for _, k := range holds[i] {
			if !bytes.Equal(k.got, k.want) {
				t.Fatal("bytes have changed")
			}
			for _, v := range k.values {
				if v.Int() != k.of {
					t.Fatal("values have changed")
				}
			}
		}
	}
	for step := range 3000 {
		i := r.IntN(len(arenas))
		a := &arenas[i]
		if r.IntN(40) == 0 {
			check(i)
			a.Reset()
			holds[i] = nil
			if a.Size() != 0 || a.Short() {
				t.Fatal("not empty after a reset")
			}
			continue
		}
		n := r.IntN(200)
		if r.IntN(50) == 0 {
			n = r.IntN(maxBytes * 2) // of a chunk of its own
		}
		k := kept{got: a.Bytes(n), of: int64(step)}
		for j := range k.got {
			k.got[j] = byte(r.Uint32())
		}
		k.want = bytes.Clone(k.got)
		k.values = a.Values(r.IntN(40))
		for j := range k.values {
			if !k.values[j].IsNull() {
				t.Fatal("a new value is not null")
			}
			k.values[j] = Int64(k.of)
		}
		holds[i] = append(holds[i], k)
	}
	size := 0
	for i := range arenas {
		check(i)
		size += arenas[i].Size()
	}
	if memory.used < size {
		t.Errorf("%d bytes are counted, %d are handed out", memory.used, size)
	}
	for i := range arenas {
		arenas[i].Reset()
	}
	if memory.used != 0 {
		t.Errorf("%d bytes are counted for empty arenas", memory.used)
	}
}

func TestArenaIsShortOfMemory(t *testing.T) {
	memory := &counted{limit: SmallestLoan}
	a := NewPool().Arena(memory)
	schema := New(TypeStruct).Field("a", New(TypeInt32).Build()).Build()
	a.Struct(schema)
	a.Bytes(10)
	if a.Short() || memory.used != SmallestLoan {
		t.Fatalf("short %v with %d bytes", a.Short(), memory.used)
	}
	if b := a.Bytes(lentBytes); len(b) != lentBytes || !a.Short() {
		t.Fatal("what is half done gets its memory, and the arena is short")
	}
	a.Reset()
	if a.Short() || memory.used != 0 {
		t.Fatalf("short %v with %d bytes", a.Short(), memory.used)
	}
}

func TestArenaOfAPoolDoesNotAllocate(t *testing.T) {
	a := NewPool().Arena(&counted{limit: 1 << 40})
	fill := func() {
		for range 500 {
			a.Values(30)
			a.Bytes(200)
		}
		a.Reset()
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n > 25 { // a garbage collection, or the race detector, takes some of what is in the pool
		t.Errorf("%v allocations for 500 records", n)
	}
}
