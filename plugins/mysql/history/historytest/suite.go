// Package historytest holds what every storage of a schema history must do.
package historytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/mysql/history"
)

// Run runs the suite. open returns a storage over the same place each time it
// is called; another Run gets another place.
func Run(t *testing.T, open func() history.Storage) {
	ctx := t.Context()
	first := open()
	if got := read(t, first); len(got) != 0 {
		t.Fatalf("a storage that was never used has %d records", len(got))
	}
	creation(t, first, open)
	want := appendMany(t, first, 0, 3)
	if got := read(t, first); !slices.Equal(got, want) {
		t.Fatalf("read\n%q\nwant\n%q", got, want)
	}
	again := open()
	want = append(want, appendMany(t, again, 3, 1500)...)
	if got := read(t, open()); !slices.Equal(got, want) {
		t.Fatalf("%d records after opening it again, want %d", len(got), len(want))
	}
	stopsAtErrors(t, again)
	endsWithContext(t, again)
	if err := again.Append(ctx, nil); err != nil {
		t.Errorf("appending nothing: %v", err)
	}
	readsWhileAppending(t, again, want)
}

// creation checks that Create makes the storage once and harms nothing later.
func creation(t *testing.T, s history.Storage, open func() history.Storage) {
	c, ok := s.(history.Creator)
	if !ok {
		return
	}
	if exists, err := c.Exists(t.Context()); exists || err != nil {
		t.Fatalf("before its creation Exists says %t, %v", exists, err)
	}
	for range 2 {
		if err := c.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if exists, err := open().(history.Creator).Exists(t.Context()); !exists || err != nil {
		t.Fatalf("after its creation Exists says %t, %v", exists, err)
	}
}

func record(n int) *history.Record {
	database, ddl := "db", fmt.Sprintf("CREATE TABLE `t%d` (a INT) COMMENT='line\nbreak ☃'", n)
	return &history.Record{
		Source: map[string]any{"server": "s"}, Position: map[string]any{"file": "f.000001", "pos": int64(n)},
		Time: time.UnixMilli(1700000000000), Database: &database, DDL: &ddl, Changes: []history.TableChange{},
	}
}

// appendMany appends n records at once and returns what reading them must give.
func appendMany(t *testing.T, s history.Storage, from, n int) []string {
	t.Helper()
	var records []*history.Record
	var texts []string
	for i := range n {
		records = append(records, record(from+i))
		texts = append(texts, string(record(from+i).AppendLine(nil)))
	}
	if err := s.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return texts
}

// read returns the records as lines, whatever form the storage keeps.
func read(t *testing.T, s history.Storage) []string {
	t.Helper()
	var texts []string
	decoder := history.NewDecoder()
	places := map[string]bool{}
	err := s.Read(t.Context(), func(at string, data []byte) error {
		r, err := decoder.Decode(data)
		if err != nil {
			return err
		}
		if at == "" || places[at] {
			t.Errorf("the place %q is empty or was seen before", at)
		}
		places[at] = true
		texts = append(texts, string(r.AppendLine(nil)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func stopsAtErrors(t *testing.T, s history.Storage) {
	t.Helper()
	stop := errors.New("stop")
	calls := 0
	err := s.Read(t.Context(), func(string, []byte) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("an error of apply gives %v after %d calls", err, calls)
	}
}

func endsWithContext(t *testing.T, s history.Storage) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Read(ctx, func(string, []byte) error { return nil }); err == nil {
		t.Error("reading goes on when the context has ended")
	}
}

// readsWhileAppending checks that a reader sees a beginning of the history.
func readsWhileAppending(t *testing.T, s history.Storage, want []string) {
	t.Helper()
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range 20 {
			if err := s.Append(t.Context(), []*history.Record{record(len(want) + i)}); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		got := read(t, s)
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("a reader beside a writer sees %d records", len(got))
		}
	}
	wait.Wait()
	if got := read(t, s); len(got) != len(want)+20 {
		t.Errorf("%d records at the end, want %d", len(got), len(want)+20)
	}
}
