package signal

import (
	"sync"

	"github.com/millrace/millrace/plugins/connect"
)

// mostWaiting bounds what an Inbox keeps: signals are for people, not for floods.
const mostWaiting = 1000

// Inbox holds the signals that the worker was given for a connector (the channel
// in-process) until a Receiver takes them. It outlives receivers: what comes
// during a snapshot waits for the stream, and what a failed stream has not taken
// for the next one. Any goroutine may use it.
type Inbox struct {
	mu    sync.Mutex
	queue []Signal
	ring  func() // of the receiver that is open
}

// Put adds a signal.
func (i *Inbox) Put(s Signal) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == mostWaiting {
		return connect.ErrTooManySignals
	}
	i.queue = append(i.queue, s)
	if i.ring != nil {
		i.ring()
	}
	return nil
}

// open has ring called for each signal, also for those that wait.
func (i *Inbox) open(ring func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ring = ring
	if len(i.queue) > 0 {
		ring()
	}
}

func (i *Inbox) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ring = nil
}

func (i *Inbox) take() (Signal, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == 0 {
		return Signal{}, false
	}
	s := i.queue[0]
	i.queue = i.queue[1:]
	return s, true
}
