package worker

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// obedient is a source that takes signals.
type obedient struct{ *listSource }

func (o obedient) Signal(s connect.Signal) error {
	o.call("Signal " + s.ID + " " + s.Type + " " + s.Data)
	switch s.Type {
	case "panic":
		panic("cannot")
	case "bad":
		return errors.New("makes no sense")
	}
	return nil
}

func TestSignals(t *testing.T) {
	s := obedient{&listSource{topic: "out", values: words(1)}}
	r := sourceRig(t, s)
	id := state.TaskID{Connector: "list"}
	var idle *NotRunningError
	if err := r.worker.Signal(id, connect.Signal{Type: "go"}); !errors.As(err, &idle) {
		t.Errorf("of a task that does not run here: %v", err)
	}
	r.start("list", sourceConfig())
	r.awaitOffset("list", 0)
	if err := r.worker.Signal(id, connect.Signal{ID: "1", Type: "go", Data: "{}"}); err != nil {
		t.Error(err)
	}
	if err := r.worker.Signal(id, connect.Signal{ID: "2", Type: "bad"}); err == nil || err.Error() != "makes no sense" {
		t.Errorf("what the task says: %v", err)
	}
	if err := r.worker.Signal(id, connect.Signal{ID: "3", Type: "panic"}); err == nil || !strings.Contains(err.Error(), "the plugin panicked: cannot") {
		t.Errorf("a panic: %v", err)
	}
	if err := r.worker.SetTarget(testContext(t), "list", state.TargetPaused); err != nil {
		t.Fatal(err)
	}
	if err := r.worker.Signal(id, connect.Signal{ID: "4", Type: "go"}); !errors.As(err, &idle) || idle.State != "is paused" {
		t.Errorf("of a paused task: %v", err)
	}
	r.stop(id)
	if err := r.worker.Signal(id, connect.Signal{ID: "5", Type: "go"}); !errors.As(err, &idle) {
		t.Errorf("of a task that was stopped: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, want := strings.Join(s.calls, ","), "Signal 1 go {},Signal 2 bad ,Signal 3 panic "; !strings.Contains(got, want) || strings.Contains(got, "Signal 4") {
		t.Errorf("calls were %s", got)
	}
}

func TestSignalsOfTasksThatTakeNone(t *testing.T) {
	s := &listSource{topic: "out", values: words(1)}
	r := sourceRig(t, s)
	id := r.start("list", sourceConfig())
	r.awaitOffset("list", 0)
	var none *NoSignalsError
	if err := r.worker.Signal(id, connect.Signal{Type: "go"}); !errors.As(err, &none) {
		t.Errorf("got %v", err)
	}
}

func TestFailedTasksTakeNoSignals(t *testing.T) {
	s := obedient{&listSource{topic: "out", values: words(1), after: errors.New("broken")}}
	r := sourceRig(t, s)
	id := r.start("list", sourceConfig())
	r.eventually("it fails", func() bool { return strings.Contains(r.seen.transcript(), "FAILED") })
	var idle *NotRunningError
	if err := r.worker.Signal(id, connect.Signal{Type: "go"}); !errors.As(err, &idle) {
		t.Errorf("got %v", err)
	}
}
