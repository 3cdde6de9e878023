// Package standalone runs a worker that is no member of a cluster: the same
// API as in a cluster, with configurations and statuses that are gone with the
// process (StandaloneHerder). It is a cluster of one: a solo membership elects
// the worker itself in every round, and the decisions are those of
// herder/distributed.
package standalone

import (
	"context"
	"sync/atomic"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/config"
)

// Config of a standalone Herder.
type Config struct {
	// Distributed gives all that does not follow from being alone. Member,
	// Configs and the protocol in Core are set here.
	Distributed distributed.Config
	URL         string // advertised address of the REST API, ending in /
}

// Herder is a herder without a group.
type Herder struct {
	*distributed.Herder
	ready atomic.Bool
}

var _ herder.Herder = (*Herder)(nil)

// New returns a herder. Call Run to make it work.
func New(ctx context.Context, cfg Config) *Herder {
	d := cfg.Distributed
	d.Configs = distributed.NewConfigTopic(ctx, config.NewMemory())
	d.Core.Protocol = group.Compatible // nobody to sign requests for
	d.Core.MaxDelay = 0
	d.ExactlyOnce = false
	d.Member = func(_ distributed.Config, events func(group.Event)) distributed.Membership {
		return &solo{url: cfg.URL, events: events, orders: make(chan func(), 16)}
	}
	return &Herder{Herder: distributed.New(d)}
}

// Ready is called when the connectors that the worker was started with are there;
// before, Health says that the worker is still starting (StandaloneHerder.ready).
func (h *Herder) Ready() { h.ready.Store(true) }

// Health is herder.Reader's.
func (h *Herder) Health(ctx context.Context) (herder.WorkerStatus, error) {
	s, err := h.Herder.Health(ctx)
	if err == nil && !h.ready.Load() && s.Status == herder.StatusHealthy {
		s = herder.WorkerStatus{Status: herder.StatusStarting, Message: "Worker is still starting up."}
	}
	return s, err
}

// PutTaskConfigs is refused: there is no other worker that could ask.
func (h *Herder) PutTaskConfigs(context.Context, string, []map[string]string, *herder.Signature) error {
	return herder.Errorf(herder.BadRequest, "Kafka Connect in standalone mode does not support externally setting task configurations.")
}

// FenceZombies is refused: tasks are not exactly-once here.
func (h *Herder) FenceZombies(context.Context, string, *herder.Signature) error {
	return herder.Errorf(herder.BadRequest, "Kafka Connect in standalone mode does not support exactly-once source connectors.")
}

// solo is the membership of a worker that is alone. The goroutine of Run owns it.
type solo struct {
	url        string
	events     func(group.Event)
	orders     chan func()
	generation int32
}

const member = "standalone"

// Run is distributed.Membership's.
func (s *solo) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case order := <-s.orders:
			order()
		}
	}
}

// Join is distributed.Membership's.
func (s *solo) Join(st group.Standing) {
	s.orders <- func() {
		s.generation++
		s.events(group.Elected{Leader: member, Generation: s.generation, Protocol: group.Compatible, Members: []group.Applicant{{
			ID: member, Metadata: group.Metadata{Protocol: group.Compatible, URL: s.url, Offset: st.Offset, Current: st.Current},
		}}})
	}
}

// Sync is distributed.Membership's.
func (s *solo) Sync(generation int32, assignments map[string]group.Assignment) {
	s.orders <- func() {
		s.events(group.Assigned{Member: member, Generation: generation, Protocol: group.Compatible, Assignment: assignments[member]})
	}
}

// Leave is distributed.Membership's.
func (s *solo) Leave(string) {}
