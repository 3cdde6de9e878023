package gossip

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/millrace/millrace/worker/metrics"
)

// Config of a Gossip.
type Config struct {
	Group string   // group.id: workers of other groups are not heard
	URL   string   // advertised address of this worker's REST API
	Bind  string   // host:port to listen on, UDP and TCP
	Join  []string // host:port of workers to look for; may name this worker
	// Advertise is the host:port at which others reach this worker; "" lets
	// memberlist find out.
	Advertise string
	// Secret encrypts and authenticates everything; "" for neither.
	Secret string
	// Load tells what this worker has to do; asked for once a second.
	Load func() Load
	// Transport takes the place of the network, for tests.
	Transport memberlist.Transport
	Logger    *slog.Logger
}

// Load is what a worker has to do.
type Load struct {
	Busy    float64       // share of its CPUs in use, 0 to 1
	Lag     time.Duration // how far its tasks are behind
	Records int           // records on their way
}

const (
	pace       = time.Second      // how often a worker looks at itself
	refresh    = 10 * time.Second // how often it tells small changes
	seekEvery  = 10 * time.Second // how often missing workers are looked for
	seekAlone  = 2 * time.Second  // the same as long as nobody is heard
	remember   = 15 * time.Minute // how long dead processes are known
	leavePause = 2 * time.Second  // how long a farewell may take
)

// Gossip is a worker's part in the conversation.
type Gossip struct {
	cfg     Config
	log     *slog.Logger
	process string
	queue   *memberlist.TransmitLimitedQueue
	list    *memberlist.Memberlist
	changed chan struct{} // holds one token when the book has news

	// Owned by Run, once it runs.
	metrics *metrics.Registry // nil for none
	shown   map[string]*metrics.Group

	mu    sync.Mutex // guards all below
	book  *Book
	self  State
	left  bool
	watch func(map[string]Peer)
}

// Start listens and looks for others in the background until Close. Workers that
// cannot be found now are looked for again and again.
func Start(cfg Config) (*Gossip, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gossip{
		cfg: cfg, log: cfg.Logger, process: processName(cfg.URL), book: NewBook(),
		changed: make(chan struct{}, 1), watch: func(map[string]Peer) {},
	}
	g.self = State{Process: g.process, URL: cfg.URL}
	g.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: g.heard}
	g.publish()
	conf, err := g.settings()
	if err != nil {
		return nil, err
	}
	if g.list, err = memberlist.Create(conf); err != nil {
		return nil, fmt.Errorf("gossip: listening on %s (gossip.bind; gossip.advertise must be an address of this machine that others reach): %w", cfg.Bind, err)
	}
	g.log.Info("listening to other workers by gossip", "address", g.list.LocalNode().Address(), "process", g.process, "encrypted", cfg.Secret != "")
	return g, nil
}

// processName is different for every start of a worker.
func processName(url string) string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return url + "#" + hex.EncodeToString(b)
}

func (g *Gossip) settings() (*memberlist.Config, error) {
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Label = g.process, g.cfg.Group
	conf.Delegate, conf.Events = delegate{g}, delegate{g}
	conf.Transport = g.cfg.Transport
	conf.LogOutput = logWriter{g.log}
	if len(conf.Label) > memberlist.LabelMaxSize {
		sum := sha256.Sum256([]byte(conf.Label))
		conf.Label = hex.EncodeToString(sum[:])
	}
	if g.cfg.Secret != "" {
		key := sha256.Sum256([]byte(g.cfg.Secret))
		conf.SecretKey = key[:]
	}
	var err error
	if conf.BindAddr, conf.BindPort, err = resolve("gossip.bind", g.cfg.Bind); err != nil {
		return nil, err
	}
	conf.AdvertisePort = conf.BindPort
	if g.cfg.Advertise != "" {
		conf.AdvertiseAddr, conf.AdvertisePort, err = resolve("gossip.advertise", g.cfg.Advertise)
	}
	return conf, err
}

// resolve splits host:port and looks the host up: memberlist wants an IP address.
func resolve(property, address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %q is not host:port: %w", property, address, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %q is not a port: %w", property, port, err)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if net.ParseIP(host) != nil {
		return host, int(number), nil
	}
	found, err := net.LookupHost(host)
	if err != nil {
		return "", 0, fmt.Errorf("%s: looking up %q: %w", property, host, err)
	}
	return found[0], int(number), nil
}

// Address is where others reach this worker.
func (g *Gossip) Address() string { return g.list.LocalNode().Address() }

// Watch has every change of what is known told to a function, which must not
// wait. It is called by Run.
func (g *Gossip) Watch(f func(map[string]Peer)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watch = f
}

// Announce tells the others under which id this worker is in the Kafka group,
// "" when it is not, and how much work is assigned to it.
func (g *Gossip) Announce(member string, connectors, tasks int) {
	g.mu.Lock()
	s := &g.self
	same := s.Member == member && s.Connectors == connectors && s.Tasks == tasks
	s.joinedAs(member)
	s.Connectors, s.Tasks = connectors, tasks
	g.mu.Unlock()
	if !same {
		g.publish()
	}
}

// Leave tells the others that all work has ended and that this worker will not
// come back. It must be called before the worker leaves the Kafka group.
func (g *Gossip) Leave() {
	g.mu.Lock()
	if g.left {
		g.mu.Unlock()
		return
	}
	g.left = true
	g.self.Left, g.self.Connectors, g.self.Tasks = true, 0, 0
	g.mu.Unlock()
	g.publish()
	g.sendToAll()
	if err := g.list.Leave(leavePause); err != nil {
		g.log.Warn("the other workers may not have heard by gossip that this one leaves", "error", err)
	}
}

// sendToAll sends this worker's state to every other, for news that must not be
// late: what is only queued may be overtaken by the end of this process.
func (g *Gossip) sendToAll() {
	g.mu.Lock()
	message := g.self.Encode()
	g.mu.Unlock()
	var wg sync.WaitGroup
	for _, n := range g.list.Members() {
		if n.Name != g.process {
			wg.Go(func() {
				if err := g.list.SendBestEffort(n, message); err != nil {
					g.log.Debug("a gossip message was not sent", "process", n.Name, "error", err)
				}
			})
		}
	}
	wg.Wait()
}

// Close ends all conversation. Others find out by themselves unless Leave came first.
func (g *Gossip) Close() {
	if err := g.list.Shutdown(); err != nil {
		g.log.Warn("gossip did not end in good order", "error", err)
	}
}

// publish gives the worker's own state a new version and spreads it.
func (g *Gossip) publish() {
	g.mu.Lock()
	g.self.Version++
	s := g.self
	g.book.Merge(s)
	g.mu.Unlock()
	g.queue.QueueBroadcast(news{s.Process, s.Encode()})
	g.signal()
}

// hear takes a state from elsewhere.
func (g *Gossip) hear(s State) {
	if s.Process == g.process {
		return // one's own echo
	}
	if g.change(func(b *Book) bool { return b.Merge(s) }) {
		g.queue.QueueBroadcast(news{s.Process, s.Encode()}) // without the lock: the queue asks heard
	}
}

func (g *Gossip) change(f func(*Book) bool) bool {
	g.mu.Lock()
	changed := f(g.book)
	g.mu.Unlock()
	if changed {
		g.signal()
	}
	return changed
}

func (g *Gossip) signal() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// heard counts the processes that answer.
func (g *Gossip) heard() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, w := range g.book.workers {
		if w.Alive {
			n++
		}
	}
	return n
}

// Workers lists all processes that are known, this one included.
func (g *Gossip) Workers() []Worker {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Workers()
}

// Run publishes the worker's load, looks for other workers and reports to the
// watcher, until ctx ends.
func (g *Gossip) Run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { g.seek(ctx) })
	var known map[string]Peer
	told := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if g.weigh() || time.Since(told) >= refresh {
				told = time.Now()
				g.publish()
			}
		case <-g.changed:
		}
		known = g.report(known)
		g.showWorkers()
	}
}

// report tells the watcher what is known, if it has changed.
func (g *Gossip) report(before map[string]Peer) map[string]Peer {
	g.mu.Lock()
	g.book.Forget(time.Now().Add(-remember))
	peers, watch := g.book.Peers(), g.watch
	g.mu.Unlock()
	if before != nil && maps.Equal(peers, before) {
		return before
	}
	watch(peers)
	return peers
}

// weigh looks at the worker's load and reports whether it has changed enough to
// be told at once.
func (g *Gossip) weigh() bool {
	if g.cfg.Load == nil {
		return false
	}
	l := g.cfg.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.self.load()
	g.self.Busy, g.self.Lag, g.self.Records = l.Busy, l.Lag, l.Records
	return g.self.load() != before
}

// seek looks for the workers of gossip.join, as long as some of them are not
// heard: they may start later, or a split network may heal.
func (g *Gossip) seek(ctx context.Context) {
	for ctx.Err() == nil {
		pause := seekEvery
		if g.heard() < 2 {
			pause = seekAlone
		}
		if missing := g.missing(); len(missing) > 0 {
			if _, err := g.list.Join(missing); err != nil {
				g.log.Debug("workers of gossip.join are not reached, will retry", "workers", missing, "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// missing lists those of gossip.join that no heard worker answers for.
func (g *Gossip) missing() []string {
	var here []string
	for _, n := range g.list.Members() {
		here = append(here, n.Address())
	}
	return slices.DeleteFunc(slices.Clone(g.cfg.Join), func(address string) bool {
		host, port, err := resolve("gossip.join", address)
		return err == nil && slices.Contains(here, net.JoinHostPort(host, strconv.Itoa(port)))
	})
}

// Check says what is wrong with addresses before anything is started.
func (c Config) Check() error {
	var errs []error
	for property, list := range map[string][]string{"gossip.bind": {c.Bind}, "gossip.join": c.Join} {
		for _, address := range list {
			if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
				errs = append(errs, fmt.Errorf("%s: %q is not host:port, such as worker-1:7946", property, address))
			}
		}
	}
	if c.Advertise != "" {
		if host, port, err := net.SplitHostPort(c.Advertise); err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("gossip.advertise: %q is not host:port, such as 10.0.0.5:7946", c.Advertise))
		}
	}
	return errors.Join(errs...)
}
