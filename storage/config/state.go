package config

import (
	"maps"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix"

	"github.com/millrace/millrace/storage/state"
)

// NoOffset is the offset of a State that has seen no record.
const NoOffset int64 = -1

// State is the content of the config topic at one position (ClusterConfigState).
// It never changes. States share what they have in common: a new one costs time
// and memory for the connector that changed, whatever the number of connectors.
// Maps that its methods return are read only.
type State struct {
	offset     int64
	key        *SessionKey
	configured int          // number of connectors with a configuration
	connectors *iradix.Tree // name to *connector
}

// SessionKey signs requests between workers.
type SessionKey struct {
	Bytes     []byte
	Algorithm string // of the key, such as HmacSHA256
	Created   time.Time
}

// connector is all that the topic says under one connector's name. It is
// replaced, never changed. What is left of a deleted connector stays: its task
// count record still tells which producers to fence.
type connector struct {
	config       map[string]string // nil when not configured
	applied      map[string]string // config at the last complete task commit
	target       state.Target      // "" when none
	tasks        map[int]map[string]string
	count        int // -1 before the first commit
	generation   int // -1 before the first complete commit
	inconsistent bool
	record       int // task count record, -1 when none
	unfenced     bool
}

func newConnector() *connector { return &connector{count: -1, generation: -1, record: -1} }

// empty is the State before the first record.
func empty() *State { return &State{offset: NoOffset, connectors: iradix.New()} }

func (s *State) get(name string) *connector {
	if v, ok := s.connectors.Get([]byte(name)); ok {
		return v.(*connector)
	}
	return nil
}

// Offset is that of the last record of data plus one, or NoOffset. Control
// records do not count: workers compare this number with each other.
func (s *State) Offset() int64 { return s.offset }

// SessionKey is the newest key; nil when there is none.
func (s *State) SessionKey() *SessionKey { return s.key }

// Len is the number of configured connectors.
func (s *State) Len() int { return s.configured }

// Contains reports whether a connector is configured.
func (s *State) Contains(name string) bool {
	c := s.get(name)
	return c != nil && c.config != nil
}

// Connectors lists the configured connectors in order.
func (s *State) Connectors() []string {
	names := make([]string, 0, s.configured)
	s.connectors.Root().Walk(func(k []byte, v any) bool {
		if v.(*connector).config != nil {
			names = append(names, string(k))
		}
		return false
	})
	return names
}

// Config is a connector's configuration as the user gave it; nil when it is not
// configured.
func (s *State) Config(name string) map[string]string {
	if c := s.get(name); c != nil {
		return c.config
	}
	return nil
}

// AppliedConfig is the connector's configuration when its present tasks were
// configured; nil when not known.
func (s *State) AppliedConfig(name string) map[string]string {
	if c := s.get(name); c != nil {
		return c.applied
	}
	return nil
}

// Target is the state that a connector is meant to be in; "" when it has none.
func (s *State) Target(name string) state.Target {
	if c := s.get(name); c != nil {
		return c.target
	}
	return ""
}

// TaskCount is the number of tasks, 0 while their configurations are incomplete.
func (s *State) TaskCount(name string) int {
	if c := s.get(name); c != nil && !c.inconsistent && c.count > 0 {
		return c.count
	}
	return 0
}

// TaskConfig is nil for a task that has no configuration.
func (s *State) TaskConfig(id state.TaskID) map[string]string {
	if c := s.get(id.Connector); c != nil {
		return c.tasks[id.Task]
	}
	return nil
}

// Inconsistent reports whether the last commit of task configurations came
// without all of them, which compaction or a leader's death can bring about: the
// tasks must be configured anew.
func (s *State) Inconsistent(name string) bool {
	c := s.get(name)
	return c != nil && c.inconsistent
}

// TaskGeneration counts the complete sets of task configurations that this worker
// has read, from 0; -1 stands for none.
func (s *State) TaskGeneration(name string) int {
	if c := s.get(name); c != nil {
		return c.generation
	}
	return -1
}

// TaskCountRecord is the number of tasks that may have transactional producers.
func (s *State) TaskCountRecord(name string) (n int, ok bool) {
	if c := s.get(name); c != nil && c.record >= 0 {
		return c.record, true
	}
	return 0, false
}

// PendingFencing reports whether task configurations were written after the last
// task count record.
func (s *State) PendingFencing(name string) bool {
	c := s.get(name)
	return c != nil && c.unfenced
}

// builder makes the next State from one or more records. It belongs to whoever
// applies records.
type builder struct {
	offset     int64
	key        *SessionKey
	configured int
	txn        *iradix.Txn
}

func (s *State) builder() *builder {
	return &builder{offset: s.offset, key: s.key, configured: s.configured, txn: s.connectors.Txn()}
}

func (b *builder) state() *State {
	return &State{offset: b.offset, key: b.key, configured: b.configured, connectors: b.txn.Commit()}
}

// read returns what is known of a connector; nil when nothing is.
func (b *builder) read(name string) *connector {
	if v, ok := b.txn.Get([]byte(name)); ok {
		return v.(*connector)
	}
	return nil
}

// change replaces a connector by a copy that f has changed. The maps of the copy
// are still those of the original: f must replace, not change them.
func (b *builder) change(name string, f func(*connector)) {
	next := newConnector()
	before := b.read(name)
	if before != nil {
		*next = *before
	}
	had := next.config != nil
	f(next)
	switch has := next.config != nil; {
	case has && !had:
		b.configured++
	case had && !has:
		b.configured--
	}
	if next.empty() {
		b.txn.Delete([]byte(name))
		return
	}
	b.txn.Insert([]byte(name), next)
}

// empty reports whether nothing is known of the connector any more.
func (c *connector) empty() bool {
	return c.config == nil && c.applied == nil && c.tasks == nil && c.target == "" &&
		c.count < 0 && c.generation < 0 && c.record < 0 && !c.inconsistent && !c.unfenced
}

func withTasks(old, more map[int]map[string]string) map[int]map[string]string {
	out := make(map[int]map[string]string, len(old)+len(more))
	maps.Copy(out, old)
	maps.Copy(out, more)
	return out
}
