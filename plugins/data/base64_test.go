package data

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

func TestBase64AgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		b := make([]byte, n%100)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		before := make([]byte, r.IntN(5), 5+r.IntN(100))
		want := string(before) + base64.StdEncoding.EncodeToString(b)
		if got := AppendBase64(before, b); string(got) != want {
			t.Fatalf("%x is %q, want %q", b, got, want)
		}
	}
}

func BenchmarkBase64(b *testing.B) {
	for name, size := range map[string]int{"decimal": 12, "blob": 1000} {
		b.Run(name, func(b *testing.B) {
			in, out := make([]byte, size), make([]byte, 0, 2*size)
			b.SetBytes(int64(size))
			for b.Loop() {
				AppendBase64(out, in)
			}
		})
	}
}
