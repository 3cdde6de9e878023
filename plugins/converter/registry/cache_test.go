package registry

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/plugins/data"
)

// A writer is kept for its schema and topic until it expires; one that cannot be built is asked for again.
func TestWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		built, fail := 0, error(nil)
		w := NewWriters(10, "writing to %s: %w", func(topic string, _ *data.Schema) (int, time.Time, error) {
			built++
			if topic == "passing" {
				return built, time.Now().Add(time.Minute), fail
			}
			return built, time.Time{}, fail
		})
		s := data.New(data.TypeInt32).Build()
		expect := func(topic string, s *data.Schema, want int) {
			t.Helper()
			if got, err := w.For(topic, s); err != nil || got != want {
				t.Errorf("%s: writer %d, %v, want %d", topic, got, err, want)
			}
		}
		expect("a", s, 1)
		expect("a", s, 1)
		expect("a", nil, 2)
		expect("passing", s, 3)
		time.Sleep(time.Minute - time.Second)
		expect("passing", s, 3)
		time.Sleep(2 * time.Second)
		expect("passing", s, 4)
		expect("a", s, 1)
		fail = errors.New("refused")
		if _, err := w.For("b", s); !errors.Is(err, fail) || !strings.HasPrefix(err.Error(), "writing to b: ") {
			t.Errorf("error %v", err)
		}
		fail = nil
		expect("b", s, 6)
	})
}
