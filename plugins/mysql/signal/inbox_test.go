package signal

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
)

// What one receiver has not taken waits for the next one.
func TestInboxOutlivesReceivers(t *testing.T) {
	var inbox Inbox
	rings := 0
	open := func(channels ...string) *Receiver {
		return Start(t.Context(), Config{Channels: channels, Inbox: &inbox, Ring: func() { rings++ }, Logger: slog.New(slog.DiscardHandler)})
	}
	put := func(id string) {
		t.Helper()
		if err := inbox.Put(Signal{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	take := func(r *Receiver, want string) {
		t.Helper()
		if s, _ := r.Take(); s.ID != want {
			t.Errorf("took %q, want %q", s.ID, want)
		}
	}
	put("early")
	r := open(Source, InProcess)
	if rings != 1 {
		t.Errorf("rung %d times for a signal that waited", rings)
	}
	put("second")
	take(r, "early")
	r.Close()
	put("third")
	if rings != 2 {
		t.Errorf("rung %d times; a receiver that is closed must not be", rings)
	}
	other := open(Source)
	take(other, "")
	other.Close()
	r = open(InProcess)
	defer r.Close()
	take(r, "second")
	take(r, "third")
	take(r, "")
	for range mostWaiting {
		put("x")
	}
	if err := inbox.Put(Signal{}); !errors.Is(err, connect.ErrTooManySignals) {
		t.Errorf("one too many: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		s    Signal
		want string
	}{
		{Signal{Type: TypeExecute, Data: `{"data-collections":["a.b"]}`}, ""},
		{Signal{Type: TypeExecute}, "the field data-collections is missing or empty"},
		{Signal{Type: TypeStop}, ""},
		{Signal{Type: TypeStop, Data: `{"type":"x"}`}, `the type "x" is neither incremental nor blocking`},
		{Signal{Type: TypePause, Data: `{"type":"x"}`}, `the type "x" is neither incremental nor blocking`},
		{Signal{Type: TypeResume}, ""},
		{Signal{Type: TypeLog}, "the field message is missing"},
		{Signal{Type: TypeLog, Data: `{"message":"m"}`}, ""},
		{Signal{Type: TypeSchema, Data: `{"database":"d"}`}, ""},
		{Signal{Type: TypeLog, Data: `{"`}, "the data cannot be parsed: unexpected end of JSON input"},
		{Signal{Type: "dance"}, `the type "dance" is unknown; there are execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot, schema-changes, log`},
	} {
		got := ""
		if err := c.s.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
}
