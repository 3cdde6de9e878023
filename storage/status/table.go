package status

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// table is what has been read of the topic, and how far this worker's own writes
// have come. Its lock guards everything in it.
type table struct {
	log *slog.Logger

	mu         sync.Mutex
	connectors map[string]*cell
	tasks      map[string]map[int]*cell
	topics     map[string]map[string]Topic // by connector, by topic
}

// cell is the status of a connector or task. It is made by the first write or the
// first record, so that it may be without a status.
type cell struct {
	status   state.Status
	known    bool
	sequence int  // counts this worker's writes
	deleted  bool // a tombstone was read: the cell stands in no map any more
}

func newTable(log *slog.Logger) *table {
	return &table{log: log, connectors: map[string]*cell{}, tasks: map[string]map[int]*cell{}, topics: map[string]map[string]Topic{}}
}

// allows reports whether a safe write of s may replace what is known.
func (c *cell) allows(s state.Status) bool {
	return !c.known || c.status.WorkerID == s.WorkerID || c.status.Generation <= s.Generation
}

// ticket stands for one write of this worker.
type ticket struct {
	cell     *cell
	status   state.Status
	sequence int
}

// begin registers a write; ok is false when it must not be made.
func (t *table) begin(c func() *cell, s state.Status, safe bool) (k ticket, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k = ticket{cell: c(), status: s}
	if safe && !k.cell.allows(s) {
		return k, false
	}
	k.cell.sequence++
	k.sequence = k.cell.sequence
	return k, true
}

// repeat reports whether a write that failed should be made again: not behind a newer one,
// and not over what another worker has written in a later generation. (Java drops what
// failed before the generation changed, and repeats the rest over anything.)
func (t *table) repeat(k ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !k.cell.deleted && k.cell.sequence == k.sequence && k.cell.allows(k.status)
}

// connector and task find or make a cell; the caller holds the lock.
func (t *table) connector(name string) *cell {
	c := t.connectors[name]
	if c == nil {
		c = &cell{}
		t.connectors[name] = c
	}
	return c
}

func (t *table) task(id state.TaskID) *cell {
	row := t.tasks[id.Connector]
	if row == nil {
		row = map[int]*cell{}
		t.tasks[id.Connector] = row
	}
	c := row[id.Task]
	if c == nil {
		c = &cell{}
		row[id.Task] = c
	}
	return c
}

// apply takes over records of the topic.
func (t *table) apply(records []kafka.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		key := string(r.Key)
		var ok bool
		var err error
		if name, is := strings.CutPrefix(key, connectorPrefix); is {
			ok, err = t.readConnector(name, r.Value)
		} else if rest, is := strings.CutPrefix(key, taskPrefix); is {
			ok, err = t.readTask(rest, r.Value)
		} else if rest, is := strings.CutPrefix(key, topicPrefix); is {
			ok, err = t.readTopic(rest, r.Value)
		}
		if !ok {
			t.log.Warn("ignoring a record of the status topic", "offset", r.Offset, "partition", r.Partition, "key", key, "error", err)
		}
	}
}

func (t *table) readConnector(name string, value []byte) (ok bool, err error) {
	if name == "" {
		return false, nil
	}
	if value == nil {
		t.removeConnector(name)
		return true, nil
	}
	s, err := parseStatus(value)
	if err != nil {
		return false, err
	}
	if c := t.connector(name); !c.outlives(s) || c.status.WorkerID == s.WorkerID {
		c.put(s)
	}
	return true, nil
}

func (c *cell) put(s state.Status) { c.status, c.known = s, true }

// outlives reports whether s is the end of something that has begun anew since.
func (c *cell) outlives(s state.Status) bool {
	return s.State == state.Unassigned && c.known && c.status.State == state.Running && c.status.Generation >= s.Generation
}

func (t *table) removeConnector(name string) {
	if c := t.connectors[name]; c != nil {
		c.deleted = true
	}
	for _, c := range t.tasks[name] {
		c.deleted = true
	}
	delete(t.connectors, name)
	delete(t.tasks, name)
}

func (t *table) readTask(key string, value []byte) (ok bool, err error) {
	id, ok := parseTaskKey(key)
	if !ok {
		return false, nil
	}
	if value == nil {
		t.removeTask(id)
		return true, nil
	}
	s, err := parseStatus(value)
	if err != nil {
		return false, err
	}
	if c := t.task(id); !c.outlives(s) {
		c.put(s)
	}
	return true, nil
}

func (t *table) removeTask(id state.TaskID) {
	row := t.tasks[id.Connector]
	if c := row[id.Task]; c != nil {
		c.deleted = true
		delete(row, id.Task)
	}
	if len(row) == 0 {
		delete(t.tasks, id.Connector)
	}
}

func (t *table) readTopic(key string, value []byte) (ok bool, err error) {
	topic, connector, ok := parseTopicKey(key)
	if !ok {
		return false, nil
	}
	if value == nil {
		delete(t.topics[connector], topic)
		if len(t.topics[connector]) == 0 {
			delete(t.topics, connector)
		}
		return true, nil
	}
	u, err := parseTopic(value)
	if err != nil {
		return false, err
	}
	if t.topics[connector] == nil {
		t.topics[connector] = map[string]Topic{}
	}
	t.topics[connector][topic] = u
	return true, nil
}

// Connector is the newest status of a connector that was read.
func (t *table) Connector(name string) (state.Status, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.connectors[name]
	if c == nil || !c.known {
		return state.Status{}, false
	}
	return c.status, true
}

// Task is the newest status of a task that was read.
func (t *table) Task(id state.TaskID) (state.Status, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.tasks[id.Connector][id.Task]
	if c == nil || !c.known {
		return state.Status{}, false
	}
	return c.status, true
}

// Tasks gives the statuses of a connector's tasks by number.
func (t *table) Tasks(name string) map[int]state.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[int]state.Status{}
	for n, c := range t.tasks[name] {
		if c.known {
			out[n] = c.status
		}
	}
	return out
}

// Connectors lists, in order, the connectors of which a status is known, or one of
// a task.
func (t *table) Connectors() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := map[string]bool{}
	for name, c := range t.connectors {
		if c.known {
			names[name] = true
		}
	}
	for name, row := range t.tasks {
		for _, c := range row {
			if c.known {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Topics lists, in order, the topics that a connector has used.
func (t *table) Topics(connector string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.topics[connector]))
}
