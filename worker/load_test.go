package worker

import (
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
)

func TestAgeOfWhatIsOnItsWay(t *testing.T) {
	now := time.UnixMilli(1000)
	f := newInflight()
	f.now = func() time.Time { return now }
	after := func(ms int) time.Time { return time.UnixMilli(1000 + int64(ms)) }
	age := func(ms int, want time.Duration) {
		t.Helper()
		if got := f.age(after(ms)); got != want {
			t.Errorf("after %d ms the age is %v, want %v", ms, got, want)
		}
	}
	p, q := &connect.SourcePartition{}, &connect.SourcePartition{}
	age(5, 0)
	first := f.submit(p, connect.Offset{})
	now = after(100)
	second := f.submit(q, connect.Offset{})
	age(150, 150*time.Millisecond)
	f.Done([]producer.Tags{{First: second, N: 1}}, nil)
	age(200, 200*time.Millisecond) // the first is still on its way
	f.Done([]producer.Tags{{First: first, N: 1}}, nil)
	age(300, 0)
	now = after(300)
	f.submit(p, connect.Offset{})
	age(450, 150*time.Millisecond)
	f.drop(p, connect.Offset{})
	age(450, 150*time.Millisecond)
}

func TestLagOfASinkFades(t *testing.T) {
	var b behind
	at := time.UnixMilli(100_000)
	if b.lag(at) != 0 {
		t.Error("a sink without records is behind")
	}
	b.note(at, at.Add(-3*time.Second))
	if got := b.lag(at.Add(time.Second)); got != 3*time.Second {
		t.Errorf("lag %v", got)
	}
	if got := b.lag(at.Add(time.Minute)); got != 0 {
		t.Errorf("lag %v after a minute without records", got)
	}
}
