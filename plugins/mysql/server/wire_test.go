package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"
)

// pieces is a connection that delivers a byte stream in pieces of random size.
type pieces struct {
	net.Conn
	r    *rand.Rand
	data []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(len(p.data), 1+p.r.IntN(1<<p.r.IntN(20)))])
	p.data = p.data[n:]
	return n, nil
}

func (p *pieces) SetReadDeadline(time.Time) error { return nil }
func (p *pieces) SetDeadline(time.Time) error     { return nil }

// framed is the naive twin: it makes the packets of payloads.
func framed(payloads [][]byte) []byte {
	var out []byte
	seq := byte(0)
	for _, p := range payloads {
		for {
			n := min(len(p), maxPayload)
			out = append(out, byte(n), byte(n>>8), byte(n>>16), seq)
			out = append(out, p[:n]...)
			seq++
			if p = p[n:]; n < maxPayload {
				break
			}
		}
	}
	return out
}

func randomPayloads(r *rand.Rand, long bool) [][]byte {
	out := make([][]byte, r.IntN(40))
	for i := range out {
		size := r.IntN(1 << r.IntN(12))
		if long && i == len(out)/2 {
			size = maxPayload - 2 + r.IntN(5)
			if r.IntN(2) == 0 {
				size += maxPayload
			}
		}
		out[i] = make([]byte, size)
		for j := range min(size, 64) {
			out[i][j] = byte(r.Uint32())
		}
		if size > 0 {
			out[i][size-1] = byte(i)
		}
	}
	return out
}

func readAll(w *wire, want [][]byte) bool {
	for _, p := range want {
		got, err := w.next(context.Background())
		if err != nil || !bytes.Equal(got, p) {
			return false
		}
	}
	_, err := w.next(context.Background())
	return KindOf(err) == KindLost
}

func TestWireCutsPackets(t *testing.T) {
	err := quick.Check(func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		want := randomPayloads(r, false)
		return readAll(newWire(&pieces{r: r, data: framed(want)}, 64+r.IntN(500), time.Second), want)
	}, &quick.Config{MaxCount: 500})
	if err != nil {
		t.Error(err)
	}
}

func TestWireJoinsLongPackets(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 2))
		want := randomPayloads(r, true)
		w := newWire(&pieces{r: r, data: framed(want)}, 64, 0)
		if !readAll(w, want) {
			t.Fatalf("seed %d: packets were cut wrongly", seed)
		}
	}
	// The buffer of a long packet does not stay.
	short := bytes.Repeat([]byte{1}, 1000)
	w := newWire(&pieces{r: rand.New(rand.NewPCG(1, 1)), data: framed([][]byte{make([]byte, maxPayload+5), short, short, short})}, 1<<16, 0)
	for range 4 {
		if _, err := w.next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.next(context.Background()); err == nil {
		t.Fatal("there is a fifth packet")
	}
	if len(w.buf) > keepBuffer {
		t.Errorf("the buffer still has %d bytes", len(w.buf))
	}
}

func TestWireBuffered(t *testing.T) {
	data := framed([][]byte{{1, 2}, {3}, {}, {4, 5, 6}})
	w := newWire(&pieces{r: rand.New(rand.NewPCG(1, 1)), data: nil}, 64, 0)
	w.w = copy(w.buf, data[:len(data)-1])
	for i, want := range []bool{true, true, true, false} {
		if got := w.buffered(); got != want {
			t.Fatalf("packet %d: buffered is %v", i, got)
		}
		if want {
			if _, err := w.next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWireNoticesLostPackets(t *testing.T) {
	data := framed([][]byte{{1}, {2}, {3}})
	w := newWire(&pieces{r: rand.New(rand.NewPCG(1, 1)), data: append(data[:5:5], data[10:]...)}, 64, 0)
	if _, err := w.next(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.next(context.Background()); KindOf(err) != KindProtocol {
		t.Errorf("got %v", err)
	}
}

func TestWireReadingGoesOnAfterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		w := newWire(client, 64, time.Minute)
		go func() {
			_, _ = server.Write([]byte{3, 0, 0, 0, 'a'})
			time.Sleep(10 * time.Second)
			_, _ = server.Write([]byte{'b', 'c'})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := w.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		p, err := w.next(t.Context())
		if err != nil || string(p) != "abc" {
			t.Fatalf("got %q, %v", p, err)
		}
		start := time.Now()
		if _, err := w.next(t.Context()); KindOf(err) != KindSilent || time.Since(start) != time.Minute {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		w.release()
	})
}

func FuzzWire(f *testing.F) {
	f.Add(framed([][]byte{{1, 2}, {3}, {}}), uint64(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0, 1}, uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		w := newWire(&pieces{r: rand.New(rand.NewPCG(seed, 3)), data: data}, 16, 0)
		for {
			if _, err := w.next(context.Background()); err != nil {
				return
			}
		}
	})
}

func TestWireBufferGrowsWithWhatComesIn(t *testing.T) {
	slow := newWire(&pieces{r: rand.New(rand.NewPCG(1, 1)), data: nil}, 256<<10, 0)
	if len(slow.buf) != firstBuffer {
		t.Errorf("a buffer of %d bytes before anything was read", len(slow.buf))
	}
	var many [][]byte
	for range 20_000 {
		many = append(many, make([]byte, 200))
	}
	w := newWire(&whole{data: framed(many)}, 256<<10, 0)
	if !readAll(w, many) {
		t.Fatal("the packets are not what was sent")
	}
	if len(w.buf) != 256<<10 {
		t.Errorf("a buffer of %d bytes after much was read", len(w.buf))
	}
}

// whole is a connection on which everything has arrived.
type whole struct {
	net.Conn
	data []byte
}

func (w *whole) Read(b []byte) (int, error) {
	n := copy(b, w.data)
	w.data = w.data[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (w *whole) SetReadDeadline(time.Time) error { return nil }
