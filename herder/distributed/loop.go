package distributed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// Config of a Herder. Its parts must be ready for use, and are closed by whoever
// made them.
type Config struct {
	Core CoreConfig
	// Member makes the worker's membership, which reports to events; Group is one.
	Member    func(c Config, events func(group.Event)) Membership
	Configs   ConfigTopic
	Forwarder Forwarder
	// Gossip tells workers of each other what the group cannot; nil for no gossip.
	Gossip Gossip
	// Heal says which failed tasks are restarted.
	Heal herder.HealPolicy
	// Local answers questions; its Runtime, Statuses, Resolver and Levels are
	// used for everything else as well.
	Local    *herder.Local
	WorkerID string // host:port of the REST API, as statuses name it
	// ExactlyOnce is exactly.once.source.support=enabled.
	ExactlyOnce bool
	// SignatureAlgorithm signs requests to other workers
	// (inter.worker.signature.algorithm); VerificationAlgorithms are accepted
	// (inter.worker.verification.algorithms).
	SignatureAlgorithm     string
	VerificationAlgorithms []string
	Logger                 *slog.Logger
}

// Membership is what keeps the worker in its group; *group.Member is one. See
// there for what its methods promise.
type Membership interface {
	Run(ctx context.Context)
	Join(group.Standing)
	Sync(generation int32, assignments map[string]group.Assignment)
	Leave(reason string)
}

// Gossip is what workers tell each other beside the group; *gossip.Gossip is one.
// See there for what its methods promise.
type Gossip interface {
	Watch(func(map[string]gossip.Peer))
	Announce(member string, connectors, tasks int)
	Leave()
}

// silence is the gossip of workers that have none.
type silence struct{}

func (silence) Watch(func(map[string]gossip.Peer)) {}
func (silence) Announce(string, int, int)          {}
func (silence) Leave()                             {}

// Group makes members of a Kafka group. Protocol, Events and Logger of g are
// set by the herder.
func Group(g group.Config) func(c Config, events func(group.Event)) Membership {
	return func(c Config, events func(group.Event)) Membership {
		g.Protocol, g.Events, g.Logger = c.Core.Protocol, events, c.Logger
		return group.New(g)
	}
}

// Herder runs a worker as a member of a cluster. One goroutine, that of Run,
// owns the core, the lanes and the requests under way; everything else reaches
// it through its mailbox.
type Herder struct {
	*herder.Local
	Reporter *herder.Reporter // to be given to the worker as its listener

	cfg    Config
	log    *slog.Logger
	box    *mailbox
	seen   atomic.Pointer[standing]
	key    atomic.Pointer[Key]
	ids    atomic.Int64
	done   chan struct{} // closed when Run is over
	stats  statistics
	healer *herder.Healer
	// problem is what keeps the worker out of its group.
	problem atomic.Pointer[error]

	// Owned by Run.
	core     *Core
	member   Membership
	lanes    *lanes
	asked    map[int]chan<- Reply
	barriers map[int]int            // jobs left of each Stop
	expiry   map[string]*time.Timer // when connectors' secrets expire
	ctx      context.Context
}

// standing is what others may see of the core's state.
type standing struct {
	generation int
	protocol   group.Protocol
	leaderURL  string
	leading    bool
	joined     bool
}

// New returns a herder. Local.Runtime may be set between New and Run, since a
// worker needs the Reporter first.
func New(cfg Config) *Herder {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Gossip == nil {
		cfg.Gossip = silence{}
	}
	core := NewCore(cfg.Core)
	cfg.Core = core.cfg // with the defaults, which the core's wishes are checked against
	h := &Herder{
		Local: cfg.Local, cfg: cfg, log: cfg.Logger, box: newMailbox(), core: core,
		asked: map[int]chan<- Reply{}, barriers: map[int]int{}, expiry: map[string]*time.Timer{}, done: make(chan struct{}),
	}
	h.seen.Store(&standing{generation: -1, protocol: cfg.Core.Protocol})
	h.Reporter = &herder.Reporter{
		Statuses: cfg.Local.Statuses, WorkerID: cfg.WorkerID, TopicTracking: cfg.Core.TopicTracking,
		Generation:  func() int { return h.seen.Load().generation },
		Reconfigure: func(name string) { h.box.put(ReconfigurationWanted{name}) },
	}
	cfg.Gossip.Watch(func(p map[string]gossip.Peer) { h.box.put(PeersChanged{p}) })
	h.healer = herder.NewHealer(cfg.Heal, func(id state.TaskID, failure int) {
		h.box.put(func() { h.restartFailed(id, failure) })
	})
	h.Reporter.Heal = h.healer
	h.member = cfg.Member(cfg, func(e group.Event) { h.box.put(GroupEvent{e}) })
	return h
}

// Run serves until ctx ends. Then it stops what runs here, tells the group and
// returns. An error means that the config topic could not be read.
func (h *Herder) Run(ctx context.Context) error {
	defer close(h.done)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	h.ctx = work
	h.lanes = newLanes(work, func(f func()) { h.box.put(f) })
	var wg sync.WaitGroup
	membership, leave := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { h.member.Run(membership) })
	failed := make(chan error, 1)
	wg.Go(func() {
		if err := h.cfg.Configs.Start(work, h.configsRead, h.configsChanged); err != nil && work.Err() == nil {
			failed <- fmt.Errorf("reading the config topic: %w", err)
		}
	})
	err := h.serve(ctx, failed)
	h.shutdown(stopWork)
	h.cfg.Gossip.Leave() // before the group knows, so that its leader need not ask
	leave()
	wg.Wait()
	return err
}

func (h *Herder) serve(ctx context.Context, failed <-chan error) error {
	timer, look := time.NewTimer(0), time.NewTicker(reassertEvery)
	defer timer.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-h.box.signal:
			for _, x := range h.box.take() {
				h.handle(x)
			}
		case <-timer.C:
			h.step(Tick{})
		case <-look.C:
			h.Reporter.Reassert(h.assigned)
		}
		if at := h.core.WakeAt(); !at.IsZero() {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
	}
}

func (h *Herder) handle(x any) {
	switch x := x.(type) {
	case func():
		x()
	case Event:
		h.step(x)
	}
}

func (h *Herder) step(e Event) {
	actions := h.core.Step(time.Now(), e)
	if g, ok := e.(GroupEvent); ok {
		h.noteGroup(g.Event)
		h.announce()
	}
	c := h.core
	// First, since what the actions report is of the new generation.
	h.seen.Store(&standing{int(c.generation), c.protocol, c.leaderURL(), c.leading(), c.generation >= 0})
	for _, a := range actions {
		h.perform(a)
	}
	h.stats.note(c, time.Now())
}

// reassertEvery is how often the status topic is compared with what runs here.
const reassertEvery = 5 * time.Second

// assigned reports whether the group has given a connector (task -1) or a task to
// this worker.
func (h *Herder) assigned(id state.TaskID) bool {
	a := h.core.assignment
	if a == nil {
		return false
	}
	if id.Task < 0 {
		return slices.Contains(a.Assigned.Connectors, id.Connector)
	}
	return slices.Contains(a.Assigned.Tasks, id)
}

// announce tells other workers which member of the group this one is.
func (h *Herder) announce() {
	c := h.core
	if c.assignment == nil {
		h.cfg.Gossip.Announce("", 0, 0)
		return
	}
	h.cfg.Gossip.Announce(c.member, len(c.assignment.Assigned.Connectors), len(c.assignment.Assigned.Tasks))
}

// noteGroup remembers a problem with the group for Health.
func (h *Herder) noteGroup(e group.Event) {
	switch e := e.(type) {
	case group.Problem:
		h.problem.Store(&e.Err)
	case group.Assigned:
		h.problem.Store(nil)
	}
}

func (h *Herder) configsRead(e ConfigsRead) {
	h.key.Store(e.Key)
	h.Publish(e.Snapshot)
	h.box.put(e)
}

func (h *Herder) configsChanged(e ConfigsChanged) {
	for _, ch := range e.Changes {
		if k, ok := ch.(KeyChanged); ok {
			h.key.Store(&k.Key)
		}
	}
	h.Publish(e.Snapshot)
	h.box.put(e)
}

// SessionKey is the key by which workers of the group know each other's requests;
// it is empty while there is none, or while the group's protocol knows none.
func (h *Herder) SessionKey() herder.SessionKey { return h.sessionKey() }

// sessionKey signs requests to other workers; without a key they go unsigned.
func (h *Herder) sessionKey() herder.SessionKey {
	k := h.key.Load()
	if k == nil || h.seen.Load().protocol != group.Sessioned {
		return herder.SessionKey{}
	}
	return herder.SessionKey{Key: k.Bytes, Algorithm: h.cfg.SignatureAlgorithm}
}

// ask puts a request to the core and waits for its answer.
func (h *Herder) ask(ctx context.Context, r Request) (Answer, error) {
	id := int(h.ids.Add(1))
	answered := make(chan Reply, 1)
	h.box.put(func() {
		h.asked[id] = answered
		h.step(Asked{id, r})
	})
	select {
	case a := <-answered:
		return a.Answer, a.Err
	case <-h.done:
		return Answer{}, errShutdown
	case <-ctx.Done():
		h.box.put(func() {
			delete(h.asked, id)
			h.step(Withdrawn{id})
		})
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return Answer{}, herder.Errorf(herder.Timeout, "Request timed out. The worker is waiting for its group or for the config topic.")
		}
		return Answer{}, ctx.Err()
	}
}

var errShutdown = herder.Errorf(herder.Unavailable, "Worker is shutting down")

// shutdown stops what runs here while the worker is still in the group, so
// that nobody takes work over before it has ended.
func (h *Herder) shutdown(stopWork func()) {
	for id, ch := range h.asked {
		delete(h.asked, id)
		ch <- Reply{ID: id, Err: errShutdown}
	}
	h.healer.Stop()
	h.lanes.close()
	h.Runtime.Stop(context.WithoutCancel(h.ctx))
	flush, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), flushTimeout)
	defer cancel()
	if err := h.Statuses.Flush(flush); err != nil {
		h.log.Warn("the last statuses were not written", "error", err)
	}
	stopWork()
}

// flushTimeout is how long a stopping worker tries to write its statuses.
const flushTimeout = 5 * time.Second

// target is what a connector should be now.
func (h *Herder) target(name string) state.Target {
	s, err := h.Local.Configs(h.ctx)
	if err != nil || !s.Contains(name) {
		return state.TargetStopped
	}
	return s.Target(name)
}
