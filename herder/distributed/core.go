package distributed

import (
	"cmp"
	"container/heap"
	"log/slog"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// CoreConfig is what the decisions depend on.
type CoreConfig struct {
	Protocol group.Protocol // connect.protocol
	// MaxDelay is scheduled.rebalance.max.delay.ms.
	MaxDelay time.Duration
	// SyncTimeout is worker.sync.timeout.ms, 3 s: how long a leader waits for the
	// config topic to reach what others have read, before leaving the group.
	SyncTimeout time.Duration
	// KeyTTL is inter.worker.key.ttl.ms; 0 never rotates.
	KeyTTL time.Duration
	// KeyAlgorithm and KeySize (in bytes) are those of new session keys,
	// HmacSHA256 and the size of the JDK's KeyGenerator by default.
	KeyAlgorithm string
	KeySize      int
	// RequestWait is how long a request may wait for a rebalance; 0 means 30 s.
	RequestWait time.Duration
	// TopicTracking is topic.tracking.enable.
	TopicTracking bool
}

// phase is where the worker stands between two rounds of the group.
type phase int

const (
	starting   phase = iota // the config topic has not been read
	leaving                 // work stops before the next Join (eager), or after the group was lost
	joining                 // Join was sent
	releasing               // revoked work stops
	catchingUp              // the config topic is behind the assignment
	settled                 // work runs as assigned
	outside                 // left the group, because the config topic cannot be read
)

// Core decides what a worker of a cluster does. It has no clock, no goroutine
// and does no I/O: Step takes an event with the time at which it happened, and
// returns what to do. One goroutine owns it.
type Core struct {
	cfg CoreConfig
	now time.Time
	out []Action

	configs  herder.Snapshot
	assignor *group.Incremental

	// Membership: rebalance.go.
	phase      phase
	member     string // member id
	generation int32
	protocol   group.Protocol
	assignment *group.Assignment      // Assigned is everything held; nil when not in the group
	rejoin     bool                   // another round is wanted at once
	changed    bool                   // another round is wanted, because of changed configurations
	settledAt  time.Time              // when the last round ended
	roundAt    time.Time              // what the next round waits for
	unsure     bool                   // the leader may have gone
	stale      bool                   // statuses may be left of what was deleted
	staleAt    int64                  // offset up to which the config topic was read when something was deleted last
	division   *group.Division        // as leader
	urls       map[string]string      // as leader: address of each member
	barriers   map[int]func()         // what follows a Stop or Release
	reached    int64                  // offset of the last assignment
	peers      map[string]gossip.Peer // hints only: peers.go
	former     map[string]string      // as leader: addresses of members of rounds before

	// Work: configs.go, targets.go.
	held       index            // what is assigned to this worker
	running    index            // what was started of it
	unsettled  map[string]int64 // connectors whose tasks changed, with the offset, until a round has covered it
	generating map[string]*reconfiguration
	restarts   map[string]herder.RestartRequest
	restarting map[int]int // requests that wait for a Restart to end

	// Writing: requests.go.
	writes  []*write
	writing *write
	claimed bool
	claim   bool  // a Claim is under way
	refused error // by which the last one has failed
	waiting []*pending
	refresh map[int]func(error)

	// sessionkey.go, fencing.go
	key      *Key
	keyWrite bool
	fencings map[string]*fencing

	// Failures that come again and again.
	problems, unclaimed, keyless kafka.Repeats

	ids    int
	timers timers
}

// NewCore returns a core that waits for ConfigsRead.
func NewCore(cfg CoreConfig) *Core {
	cfg.SyncTimeout = cmp.Or(cfg.SyncTimeout, 3*time.Second)
	cfg.RequestWait = cmp.Or(cfg.RequestWait, 30*time.Second)
	cfg.KeyAlgorithm = cmp.Or(cfg.KeyAlgorithm, "HmacSHA256")
	cfg.KeySize = cmp.Or(cfg.KeySize, keySize(cfg.KeyAlgorithm))
	return &Core{
		cfg: cfg, assignor: group.NewIncremental(cfg.MaxDelay), generation: -1, protocol: cfg.Protocol,
		barriers: map[int]func(){}, held: index{}, running: index{}, unsettled: map[string]int64{},
		generating: map[string]*reconfiguration{}, restarts: map[string]herder.RestartRequest{},
		restarting: map[int]int{},
		refresh:    map[int]func(error){}, fencings: map[string]*fencing{},
	}
}

// Step takes an event and returns what to do, in order. The returned slice is
// valid until the next call.
func (c *Core) Step(now time.Time, e Event) []Action {
	c.now, c.out = now, c.out[:0]
	c.take(e)
	c.timers.fire(now)
	c.progress()
	return c.out
}

// WakeAt is when Step wants a Tick; the zero time for never.
func (c *Core) WakeAt() time.Time { return c.timers.next() }

func (c *Core) take(e Event) {
	switch e := e.(type) {
	case ConfigsRead:
		c.configsRead(e)
	case ConfigsChanged:
		c.configsChanged(e)
	case GroupEvent:
		c.groupEvent(e.Event)
	case PeersChanged:
		c.peersChanged(e.Peers)
	case Stopped:
		c.pass(e.Barrier)
	case Released:
		c.pass(e.Barrier)
	case ConnectorStarted:
		c.connectorStarted(e)
	case TaskRestarted:
		c.taskRestarted(e)
	case HealWanted:
		c.heal(e.ID)
	case Retargeted:
		c.retargeted(e)
	case ReconfigurationWanted:
		c.reconfigure(e.Name, false)
	case SecretsExpired:
		c.secretsExpired(e.Name)
	case TasksGenerated:
		c.tasksGenerated(e)
	case Published:
		c.published(e)
	case Wrote:
		c.wrote(e)
	case Claimed:
		c.claimEnded(e.Err)
	case Refreshed:
		c.refreshed(e)
	case FencedProducers:
		c.fencedProducers(e)
	case Planned:
		c.planned(e)
	case Asked:
		c.asked(e)
	case Withdrawn:
		c.withdraw(e.ID)
	case Tick:
	}
}

// progress does what the state allows now: it is the only place that begins
// rounds, writes and answers to requests that had to wait.
func (c *Core) progress() {
	c.membershipProgress()
	c.keyProgress()
	if c.stable() {
		c.runRestarts()
	}
	c.answerWaiting()
	c.writeProgress()
}

func (c *Core) do(a Action) { c.out = append(c.out, a) }

func (c *Core) log(level slog.Level, message string, args ...any) {
	c.do(Log{level, message, args})
}

// repeated is log for a failure that comes again and again.
func (c *Core) repeated(r *kafka.Repeats, level slog.Level, message string, err error) {
	if omitted, due := r.Due(err, c.now); due && omitted > 0 {
		c.log(level, message, "error", err, "repeated", omitted)
	} else if due {
		c.log(level, message, "error", err)
	}
}

func (c *Core) nextID() int {
	c.ids++
	return c.ids
}

// leading reports whether this worker is the leader. It stays so during a
// round: somebody must be able to write (RebalanceListener.onRevoked).
func (c *Core) leading() bool {
	return c.assignment != nil && c.assignment.Leader == c.member
}

func (c *Core) leaderURL() string {
	if c.assignment == nil {
		return ""
	}
	return c.assignment.LeaderURL
}

// stable reports whether no round is under way or wanted.
func (c *Core) stable() bool {
	return c.phase == settled && !c.rejoin && !c.changed && len(c.barriers) == 0
}

// stop stops work that runs and then calls then.
func (c *Core) stop(w group.Work, then func()) {
	for _, it := range items(w) {
		c.running.remove(it)
	}
	c.after(func(id int) Action { return Stop{Barrier: id, Work: w} }, then)
}

// after does an action that ends in Stopped or Released, then calls then.
func (c *Core) after(a func(barrier int) Action, then func()) {
	id := c.nextID()
	c.barriers[id] = then
	c.do(a(id))
}

func (c *Core) pass(barrier int) {
	then := c.barriers[barrier]
	delete(c.barriers, barrier)
	if then != nil {
		then()
	}
}

// item is a connector or, from 0 on, one of its tasks.
type item = state.TaskID

const connectorItself = -1

func items(w group.Work) []item {
	out := make([]item, 0, len(w.Connectors)+len(w.Tasks))
	for _, name := range w.Connectors {
		out = append(out, item{Connector: name, Task: connectorItself})
	}
	return append(out, w.Tasks...)
}

// index is a set of connectors and tasks by connector, so that what concerns
// one connector costs the same however many there are.
type index map[string]map[int]bool

func (x index) add(it item) {
	if x[it.Connector] == nil {
		x[it.Connector] = map[int]bool{}
	}
	x[it.Connector][it.Task] = true
}

func (x index) remove(it item) {
	delete(x[it.Connector], it.Task)
	if len(x[it.Connector]) == 0 {
		delete(x, it.Connector)
	}
}

func (x index) has(it item) bool { return x[it.Connector][it.Task] }

func (x index) connector(name string) bool { return x[name][connectorItself] }

// tasks lists the tasks of a connector in order.
func (x index) tasks(name string) []state.TaskID {
	var w group.Work
	for n := range x[name] {
		if n != connectorItself {
			w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: n})
		}
	}
	return w.Sorted().Tasks
}

// work lists everything in order.
func (x index) work() group.Work {
	var w group.Work
	for name, set := range x {
		for n := range set {
			if n == connectorItself {
				w.Connectors = append(w.Connectors, name)
			} else {
				w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: n})
			}
		}
	}
	return w.Sorted()
}

func indexOf(w group.Work) index {
	x := index{}
	for _, it := range items(w) {
		x.add(it)
	}
	return x
}

// timers call functions when their time has come.
type timers []*timer

type timer struct {
	at   time.Time
	call func()
	pos  int // -1 once fired or stopped
}

// at calls a function when the time has come.
func (c *Core) at(t time.Time, call func()) *timer {
	tm := &timer{at: t, call: call}
	heap.Push(&c.timers, tm)
	return tm
}

// cancel stops a timer; nil and a fired one are fine.
func (c *Core) cancel(t *timer) {
	if t != nil && t.pos >= 0 {
		heap.Remove(&c.timers, t.pos)
	}
}

func (t *timers) fire(now time.Time) {
	for len(*t) > 0 && !(*t)[0].at.After(now) {
		heap.Pop(t).(*timer).call()
	}
}

func (t timers) next() time.Time {
	if len(t) == 0 {
		return time.Time{}
	}
	return t[0].at
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].pos, t[j].pos = i, j
}

// Push is heap.Interface's.
func (t *timers) Push(x any) {
	tm := x.(*timer)
	tm.pos = len(*t)
	*t = append(*t, tm)
}

// Pop is heap.Interface's.
func (t *timers) Pop() any {
	last := len(*t) - 1
	tm := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	tm.pos = -1
	return tm
}
