package snapshot

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

// Whether the connection or the reader is the faster one, and whenever that changes,
// the same few blocks go round.
func TestFetchUsesBlocksAgain(t *testing.T) {
	f := newFetch(1)
	defer f.cancel()
	p := &piece{job: &job{}, blocks: make(chan *block, f.ahead)}
	seen := map[*block]bool{}
	go func() {
		defer close(p.blocks)
		turns := rand.New(rand.NewPCG(1, 1))
		for range 2000 {
			b := f.spare()
			seen[b] = true
			pause(turns)
			p.blocks <- b
		}
	}()
	r := &Reader{scan: scan{fetch: f, piece: p, table: &reading{job: p.job}}}
	turns := rand.New(rand.NewPCG(2, 2))
	for b := range p.blocks {
		if err := r.received(b, true); err != nil {
			t.Fatal(err)
		}
		pause(turns)
	}
	if most := f.ahead + 4; len(seen) > most {
		t.Errorf("%d blocks were made for what %d are enough for", len(seen), most)
	}
}

// pause lets the other side run for a while now and then.
func pause(turns *rand.Rand) {
	if turns.IntN(8) == 0 {
		for range 1 + turns.IntN(10) {
			runtime.Gosched()
		}
	}
}
