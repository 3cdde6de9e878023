package server

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"testing/quick"
)

// Packets read whole and packets read as streams, in any order.
func TestStreamReadsWhatPacketsHold(t *testing.T) {
	check := func(seed uint64, long bool) bool {
		r := rand.New(rand.NewPCG(seed, 4))
		want := randomPayloads(r, long)
		c := &Conn{wire: newWire(&pieces{r: r, data: framed(want)}, 64+r.IntN(500), 0)}
		for _, p := range want {
			if r.IntN(2) == 0 {
				if got, err := c.ReadPacket(t.Context()); err != nil || !bytes.Equal(got, p) {
					return false
				}
				continue
			}
			n := r.IntN(40)
			head, size, err := c.Peek(t.Context(), n)
			if err != nil || !bytes.Equal(head, p[:min(n, len(p))]) || size != min(len(p), maxPayload) {
				return false
			}
			s := c.Stream()
			s.Use(t.Context())
			if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, p) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(func(seed uint64) bool { return check(seed, false) }, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	for seed := range uint64(4) {
		if !check(seed, true) {
			t.Fatalf("seed %d: long packets were read wrongly", seed)
		}
	}
}

func TestStreamKeepsBufferSmall(t *testing.T) {
	c := &Conn{wire: newWire(&pieces{r: rand.New(rand.NewPCG(1, 1)), data: framed([][]byte{make([]byte, 2*maxPayload)})}, 1<<16, 0)}
	s := c.Stream()
	s.Use(context.Background())
	if n, err := io.Copy(io.Discard, s); n != 2*maxPayload || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if len(c.wire.buf) > 1<<16 {
		t.Errorf("the buffer has grown to %d bytes", len(c.wire.buf))
	}
}
