package herder

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// ward plays with a Healer in fake time.
type ward struct {
	*Healer
	mu       sync.Mutex // guards restarts and failure
	id       state.TaskID
	restarts []time.Duration // when restarts were asked for, since the start
	start    time.Time
	failure  int
}

func newWard(p HealPolicy) *ward {
	w := &ward{id: state.TaskID{Connector: "c"}, start: time.Now()}
	w.Healer = NewHealer(p, func(_ state.TaskID, failure int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.restarts = append(w.restarts, time.Since(w.start))
		w.failure = failure
	})
	return w
}

var patient = HealPolicy{
	Classes: map[connect.Class]bool{connect.ClassRetriable: true, connect.ClassFatal: true},
	First:   10 * time.Second, Longest: time.Minute, Attempts: 4, Reset: 10 * time.Minute,
}

// asked tells how many restarts were asked for, and after which failure the last.
func (w *ward) asked() (restarts, failure int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.restarts), w.failure
}

// wait passes time and reports whether a restart was asked for and still counts.
func (w *ward) wait(d time.Duration) bool {
	n, _ := w.asked()
	time.Sleep(d)
	synctest.Wait()
	now, failure := w.asked()
	return now > n && w.Due(w.id, failure)
}

func TestRestartsWaitLongerAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(patient)
		for attempt, least := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute} {
			text := w.Failed(w.id, connect.ClassRetriable)
			if want := fmt.Sprintf("class retriable; attempt %d of 4 at ", attempt+1); !strings.Contains(text, want) {
				t.Errorf("the status says %q, want %q", text, want)
			}
			at := strings.TrimSuffix(text[strings.Index(text, " at ")+4:], ".\n")
			if w.wait(least - time.Second) {
				t.Errorf("attempt %d comes before %v", attempt+1, least)
			}
			if !w.wait(least/5 + 2*time.Second) {
				t.Errorf("attempt %d does not come after %v", attempt+1, least)
			}
			if next, err := time.Parse(time.RFC3339, at); err != nil || w.start.Add(w.restarts[attempt]).Sub(next).Abs() > time.Second {
				t.Errorf("the status says %q, the restart was at %v", at, w.restarts[attempt])
			}
			w.Begun(w.id)
			w.Running(w.id)
		}
		if text := w.Failed(w.id, connect.ClassRetriable); !strings.Contains(text, "4 restarts in a row have not helped") {
			t.Errorf("the status says %q", text)
		}
		if w.wait(time.Hour) {
			t.Error("there is a restart beyond the budget")
		}
	})
}

func TestBudgetComesBackAfterARunInHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(patient)
		for range 3 {
			w.Failed(w.id, "")
			w.wait(2 * time.Minute)
			w.Running(w.id)
		}
		time.Sleep(patient.Reset)
		if text := w.Failed(w.id, ""); !strings.Contains(text, "class fatal; attempt 1 of 4") {
			t.Errorf("the status says %q", text)
		}
		w.Forget(w.id)
		if w.wait(time.Hour) {
			t.Error("a task is restarted that was forgotten")
		}
		if text := w.Failed(w.id, ""); !strings.Contains(text, "attempt 1 of 4") {
			t.Errorf("after a restart by hand the status says %q", text)
		}
		w.Stop()
	})
}

func TestWhatIsNotRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(patient)
		for _, class := range []connect.Class{connect.ClassConfig, connect.ClassData} {
			if text := w.Failed(w.id, class); !strings.Contains(text, "does not name errors of class "+string(class)) || w.wait(time.Hour) {
				t.Errorf("%s: the status says %q", class, text)
			}
		}
		off := newWard(HealPolicy{})
		if text := off.Failed(off.id, connect.ClassRetriable); text != "" || off.wait(time.Hour) {
			t.Errorf("without a policy the status says %q", text)
		}
	})
}

func TestPostponedRestartsAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(patient)
		w.Failed(w.id, connect.ClassRetriable)
		if !w.wait(15 * time.Second) {
			t.Fatal("no restart")
		}
		w.Postpone(w.id, w.failure)
		if !w.wait(postponement) {
			t.Error("it is not asked for again")
		}
		w.Postpone(w.id, w.failure)
		w.Forget(w.id)
		if w.wait(time.Hour) || w.Due(w.id, w.failure) {
			t.Error("it is asked for again after it was forgotten")
		}
	})
}

func TestUnboundedBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := patient
		p.Attempts = -1
		w := newWard(p)
		for n := range 50 {
			if text := w.Failed(w.id, connect.ClassFatal); !strings.Contains(text, fmt.Sprintf("attempt %d at ", n+1)) {
				t.Fatalf("the status says %q", text)
			}
			if !w.wait(2 * time.Minute) {
				t.Fatalf("no restart %d", n+1)
			}
		}
	})
}
