package gossip

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// State is what a worker process says about itself. Of two states of one process
// the one with the higher version counts.
type State struct {
	Process string        `json:"p"` // unique among all processes ever
	Version uint64        `json:"v"`
	URL     string        `json:"u"` // advertised address of the REST API
	Member  string        `json:"m"` // its id in the Kafka group; "" when not in it
	Past    []string      `json:"o"` // ids it had before, newest last
	Busy    float64       `json:"b"` // share of its CPUs in use, 0 to 1
	Lag     time.Duration `json:"l"` // how far its tasks are behind
	Records int           `json:"r"` // records on their way
	// Connectors and Tasks are what the group has assigned to it.
	Connectors int  `json:"c"`
	Tasks      int  `json:"t"`
	Left       bool `json:"e,omitempty"` // all work has ended, and the worker will not come back
}

// pastMembers is how many former ids of a process are told.
const pastMembers = 4

// joinedAs notes the id that the group gave to the process, "" when it is out.
func (s *State) joinedAs(member string) {
	if s.Member != "" && s.Member != member {
		s.Past = append(slices.Clone(s.Past), s.Member)
		s.Past = s.Past[max(0, len(s.Past)-pastMembers):]
	}
	s.Member = member
}

// Encode gives the wire form.
func (s State) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of plain values
	}
	return b
}

// Decode reads what Encode wrote.
func Decode(b []byte) (State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("state of a worker: %w", err)
	}
	if s.Process == "" || s.Version == 0 {
		return State{}, fmt.Errorf("state of a worker without process or version: %.100q", b)
	}
	s.Busy = min(max(s.Busy, 0), 1)
	return s, nil
}

// Peer is what gossip knows of a member of the Kafka group, coarse enough that it
// does not change all the time.
type Peer struct {
	// Gone says that the process will not come back under this id: it has left,
	// does not answer, or is in the group under another id.
	Gone bool
	// Load orders members: the higher, the busier. It is the use of CPU in
	// tenths, among equals the lag in seconds.
	Load int
}

func (s State) load() int {
	lag := min(s.Lag/time.Second, 999)
	return int(s.Busy*10)*1000 + int(lag)
}

// Worker is what is known of a process.
type Worker struct {
	State
	Alive bool
	Since time.Time // when it was found alive or dead
}

// Book is what one process knows of all, itself included. It is not safe for
// concurrent use and has no clock.
type Book struct {
	workers map[string]*Worker
}

// NewBook returns a book of nobody.
func NewBook() *Book { return &Book{workers: map[string]*Worker{}} }

// Merge takes a state and reports whether it was news.
func (b *Book) Merge(s State) bool {
	w := b.worker(s.Process)
	if s.Version <= w.Version {
		return false
	}
	w.State = s
	return true
}

// Alive notes that a process answers, Dead that it does not or has left. They
// report whether that was news.
func (b *Book) Alive(process string, now time.Time) bool { return b.mark(process, true, now) }

// Dead is the opposite of Alive.
func (b *Book) Dead(process string, now time.Time) bool { return b.mark(process, false, now) }

func (b *Book) mark(process string, alive bool, now time.Time) bool {
	w := b.worker(process)
	if w.Alive == alive && !w.Since.IsZero() {
		return false
	}
	w.Alive, w.Since = alive, now
	return true
}

func (b *Book) worker(process string) *Worker {
	w := b.workers[process]
	if w == nil {
		w = &Worker{State: State{Process: process}}
		b.workers[process] = w
	}
	return w
}

// Forget removes processes that have been dead since before a time.
func (b *Book) Forget(before time.Time) {
	maps.DeleteFunc(b.workers, func(_ string, w *Worker) bool {
		return !w.Alive && w.Since.Before(before)
	})
}

// Workers lists all processes that have said something, by address and process.
func (b *Book) Workers() []Worker {
	var out []Worker
	for _, w := range b.workers {
		if w.Version > 0 {
			out = append(out, *w)
		}
	}
	slices.SortFunc(out, func(x, y Worker) int {
		return cmp.Or(cmp.Compare(x.URL, y.URL), cmp.Compare(x.Process, y.Process))
	})
	return out
}

// States lists the states of all processes.
func (b *Book) States() []State {
	var out []State
	for _, w := range b.Workers() {
		out = append(out, w.State)
	}
	return out
}

// Peers gives what is known by the ids of members of the Kafka group, and by the
// addresses of their REST APIs for members whose ids were not heard in time. A
// process that is out of the group for the moment is not gone: it may come back
// and, as it has lost its work, is waited for as in Java.
func (b *Book) Peers() map[string]Peer {
	out := map[string]Peer{}
	for _, w := range b.Workers() {
		gone := !w.Alive || w.Left
		if at, known := out[w.URL]; !known || at.Gone {
			out[w.URL] = Peer{Gone: gone}
		}
		for _, old := range w.Past {
			out[old] = Peer{Gone: gone || w.Member != ""}
		}
		if w.Member != "" {
			out[w.Member] = Peer{Gone: gone, Load: w.load()}
		}
	}
	return out
}
