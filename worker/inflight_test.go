package worker

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// numbered is an offset base whose offsets are their numbers.
type numbered struct{}

func (numbered) SourceOffset(n int64) map[string]any { return map[string]any{"n": n} }

// twin computes commit points the obvious way.
type twin struct {
	acked map[*connect.SourcePartition][]bool
}

func (t *twin) point(p *connect.SourcePartition) int64 {
	for i, a := range t.acked[p] {
		if !a {
			return int64(i - 1)
		}
	}
	return int64(len(t.acked[p]) - 1)
}

// TestCommitPoints compares the commit points after random acknowledgements
// with those of the twin.
func TestCommitPoints(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		f, w := newInflight(), &twin{map[*connect.SourcePartition][]bool{}}
		sources := []*connect.SourcePartition{{}, {}, {}}
		points := map[*connect.SourcePartition]int64{}
		type sent struct {
			p   *connect.SourcePartition
			i   int
			tag uint64
		}
		var open []sent
		for range 2000 {
			if r.IntN(5) < 3 || len(open) == 0 {
				p := sources[r.IntN(len(sources))]
				i := len(w.acked[p])
				o := connect.Offset{Base: numbered{}, N: int64(i)}
				if r.IntN(10) == 0 {
					f.drop(p, o)
					w.acked[p] = append(w.acked[p], true)
				} else {
					open = append(open, sent{p, i, f.submit(p, o)})
					w.acked[p] = append(w.acked[p], false)
				}
			} else {
				k := r.IntN(len(open))
				s := open[k]
				open = append(open[:k], open[k+1:]...)
				f.Done([]producer.Tags{{First: s.tag, N: 1}}, nil)
				w.acked[s.p][s.i] = true
			}
			for _, o := range f.take() {
				points[o.Source] = o.Offset.N
			}
			for _, p := range sources {
				got, known := points[p]
				if want := w.point(p); want >= 0 && (!known || got != want) {
					t.Fatalf("seed %d: commit point %d (%v), want %d", seed, got, known, want)
				}
			}
		}
		if f.pending() != len(open) && f.pending() < len(open) {
			t.Fatalf("seed %d: %d pending, %d open", seed, f.pending(), len(open))
		}
	}
}

func TestRangesAndPutBack(t *testing.T) {
	f, p := newInflight(), &connect.SourcePartition{}
	first := f.submit(p, connect.Offset{Base: numbered{}, N: 0})
	for i := range int64(999) {
		f.submit(p, connect.Offset{Base: numbered{}, N: i + 1})
	}
	f.Done([]producer.Tags{{First: first + 500, N: 500}}, nil)
	if got := f.take(); got != nil {
		t.Fatalf("committable before the first is acknowledged: %v", got)
	}
	f.Done([]producer.Tags{{First: first, N: 500}}, nil)
	got := f.take()
	if len(got) != 1 || got[0].Offset.N != 999 || f.take() != nil {
		t.Fatalf("%v", got)
	}
	f.putBack(got)
	if again := f.take(); len(again) != 1 {
		t.Fatal("what could not be stored is not taken again")
	}
}

func TestFirstFailureStays(t *testing.T) {
	f := newInflight()
	f.Done(nil, errors.New("first"))
	f.Done(nil, errors.New("second"))
	select {
	case <-f.failed:
	default:
		t.Fatal("the failure is not told")
	}
	if err := f.failure(); err == nil || err.Error() != "writing records to Kafka: first" {
		t.Fatal(err)
	}
}

// A record without an offset, such as a notification in the midst of a row, takes
// nothing from what the records before it say.
func TestRecordsWithoutOffset(t *testing.T) {
	f, p := newInflight(), &connect.SourcePartition{}
	tag := f.submit(p, connect.Offset{Base: numbered{}, N: 7})
	none := f.submit(p, connect.Offset{})
	if got := f.submitted(); len(got) != 1 || got[0].Offset.N != 7 {
		t.Errorf("submitted %v, want the offset 7", got)
	}
	f.Done([]producer.Tags{{First: tag, N: 1}}, nil)
	f.Done([]producer.Tags{{First: none, N: 1}}, nil)
	if got := f.take(); len(got) != 1 || got[0].Offset.N != 7 {
		t.Errorf("commit points %v, want the offset 7", got)
	}
	f.drop(p, connect.Offset{})
	if got, more := f.take(), f.submitted(); len(got) != 0 || len(more) != 0 || f.pending() != 0 {
		t.Errorf("%v, %v and %d pending where nothing is new", got, more, f.pending())
	}
}

func TestInflightLetsGoOfALargeRing(t *testing.T) {
	f, source := newInflight(), &connect.SourcePartition{}
	for round := range 3 {
		var tags []producer.Tags
		for i := range 5000 {
			tags = append(tags, producer.Tags{First: f.submit(source, connect.Offset{Base: numbered{}, N: int64(round*5000 + i)}), N: 1})
		}
		f.Done(tags[:4999], nil)
		if points := f.take(); len(points) != 1 || points[0].Offset.N != int64(round*5000+4998) || len(f.partitions[0].entries) == 0 {
			t.Fatalf("round %d: %v", round, points)
		}
		f.Done(tags[4999:], nil)
		if points := f.take(); len(points) != 1 || points[0].Offset.N != int64(round*5000+4999) || len(f.partitions[0].entries) != 0 {
			t.Fatalf("round %d: %v, and a ring of %d", round, points, len(f.partitions[0].entries))
		}
	}
}
