package offset

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
)

// failing is a Memory that refuses to write while err is set, and notes what was
// written to it.
type failing struct {
	*Memory
	err  error
	name string
	all  *[]string // writes of several stores in order
}

func (f *failing) Set(ctx context.Context, connector string, offsets ...connect.PartitionOffset) error {
	if f.err != nil {
		return f.err
	}
	var what []string
	for _, o := range offsets {
		if o.Offset == nil {
			what = append(what, "-")
		} else {
			what = append(what, "+")
		}
	}
	if f.all != nil {
		*f.all = append(*f.all, f.name+strings.Join(what, ""))
	}
	return f.Memory.Set(ctx, connector, offsets...)
}

var errBroken = errors.New("broken")

func TestFailedFlushIsMadeUpFor(t *testing.T) {
	s := &failing{Memory: NewMemory(), err: errBroken}
	w := NewWriter(s, "c")
	put := func(p string, n int) {
		t.Helper()
		if err := w.Put(map[string]any{"p": p}, map[string]any{"n": int64(n)}); err != nil {
			t.Fatal(err)
		}
	}
	put("a", 1)
	put("b", 1)
	if _, err := w.Flush(t.Context()); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "connector c") {
		t.Fatalf("first flush: %v", err)
	}
	put("a", 2)
	s.err = nil
	written, err := w.Flush(t.Context())
	if err != nil || len(written) != 2 {
		t.Fatalf("second flush: %v %v", written, err)
	}
	got, err := s.Get(t.Context(), "c", map[string]any{"p": "a"}, map[string]any{"p": "b"})
	if err != nil || got[0]["n"] != int64(2) || got[1]["n"] != int64(1) {
		t.Errorf("offsets %v %v", got, err)
	}
	if again, err := w.Flush(t.Context()); err != nil || again != nil {
		t.Errorf("an empty flush wrote %v %v", again, err)
	}
	if err := w.Put(map[string]any{"p": []int{1}}, nil); err == nil {
		t.Error("a partition that cannot be written was taken")
	}
}

func TestLayeredWritesInOrder(t *testing.T) {
	var order []string
	own := &failing{Memory: NewMemory(), name: "own", all: &order}
	worker := &failing{Memory: NewMemory(), name: "worker", all: &order}
	l := &Layered{Own: own, Worker: worker, Logger: slog.New(slog.DiscardHandler)}
	both := append(offsetsOf(map[string]any{"p": "a"}, map[string]any{"n": int64(1)}), connect.PartitionOffset{Partition: map[string]any{"p": "b"}})
	set := func() error { return l.Set(t.Context(), "c", both...) }
	if err := set(); err != nil || strings.Join(order, " ") != "worker- own+- worker+" {
		t.Errorf("order %v %v", order, err)
	}
	order = nil
	worker.err = errBroken
	if err := set(); !errors.Is(err, errBroken) || len(order) != 0 {
		t.Errorf("tombstones could not be written: %v %v", order, err)
	}
	if err := l.Set(t.Context(), "c", both[0]); err != nil || strings.Join(order, " ") != "own+" {
		t.Errorf("the worker's topic could not be written: %v %v", order, err)
	}
	worker.err, own.err = nil, errBroken
	order = nil
	if err := l.Set(t.Context(), "c", both[0]); !errors.Is(err, errBroken) || len(order) != 0 {
		t.Errorf("the connector's topic could not be written: %v %v", order, err)
	}
}

func TestLayeredPrefersTheConnectorsTopic(t *testing.T) {
	own, worker := NewMemory(), NewMemory()
	l := &Layered{Own: own, Worker: worker, Logger: slog.New(slog.DiscardHandler)}
	set := func(s Store, p string, n int64) {
		if err := s.Set(t.Context(), "c", offsetsOf(map[string]any{"p": p}, map[string]any{"n": n})...); err != nil {
			t.Fatal(err)
		}
	}
	set(worker, "a", 1)
	set(worker, "b", 1)
	set(own, "a", 2)
	got, err := l.Get(t.Context(), "c", map[string]any{"p": "a"}, map[string]any{"p": "b"})
	if err != nil || got[0]["n"] != int64(2) || got[1]["n"] != int64(1) {
		t.Errorf("offsets %v %v", got, err)
	}
	if all, err := l.All(t.Context(), "c"); err != nil || len(all) != 2 {
		t.Errorf("all %v %v", all, err)
	}
}
