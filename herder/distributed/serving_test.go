package distributed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/logging"
)

// While the group is without a round, questions are answered as ever, and what has to wait for a round waits for a bounded
// time.
func TestServingDuringARebalance(t *testing.T) {
	c := newTestCluster(t)
	const wait = 200 * time.Millisecond
	a := c.start("a", func(cfg *Config) { cfg.Core.RequestWait = wait })
	c.put(a, "x", props(2))
	c.runs("x", "x-0", "x-1")
	var silent atomic.Bool
	silent.Store(true)
	c.broker.Fake.ControlKey(joinGroup, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.broker.Fake.KeepControl()
		return nil, errors.New("the coordinator is busy"), silent.Load()
	})
	c.put(a, "y", props(1)) // a leader can write, and wants a round for the new connector
	eventually(t, "a round is under way", func() bool { return a.Stats().Rebalancing })
	askEverything(t, a)
	began := time.Now()
	if err := a.RestartConnector(t.Context(), "x"); herder.KindOf(err) != herder.Conflict {
		t.Errorf("a restart during a round: %v", err)
	}
	if took := time.Since(began); took < wait {
		t.Errorf("it was refused after %s; want at least %s", took, wait)
	}
	done := make(chan error, 1)
	go func() {
		done <- c.via(a, func(n *node) error {
			var err error
			for range 100 { // each waits for a while
				if err = n.RestartConnector(t.Context(), "x"); herder.KindOf(err) != herder.Conflict {
					return err
				}
			}
			return err
		})
	}()
	silent.Store(false)
	if err := <-done; err != nil {
		t.Errorf("the restart was not made after the round: %v", err)
	}
	c.runs("x", "x-0", "x-1", "y", "y-0")
}

// askEverything asks what can be asked; each answer must come at once.
func askEverything(t *testing.T, n *node) {
	t.Helper()
	for what, ask := range map[string]func(ctx context.Context) (any, error){
		"connectors": func(ctx context.Context) (any, error) { return n.Connectors(ctx) },
		"connector":  func(ctx context.Context) (any, error) { return n.Connector(ctx, "x") },
		"status":     func(ctx context.Context) (any, error) { return n.ConnectorStatus(ctx, "x") },
		"tasks":      func(ctx context.Context) (any, error) { return n.Tasks(ctx, "x") },
		"task":       func(ctx context.Context) (any, error) { return n.TaskStatus(ctx, state.TaskID{Connector: "x"}) },
		"topics":     func(ctx context.Context) (any, error) { return n.ActiveTopics(ctx, "x") },
		"offsets":    func(ctx context.Context) (any, error) { return n.ConnectorOffsets(ctx, "x") },
		"plugins":    func(ctx context.Context) (any, error) { return n.Plugins(ctx, true) },
		"definition": func(ctx context.Context) (any, error) { return n.PluginConfig(ctx, testClass, "latest") },
		"validation": func(ctx context.Context) (any, error) { return n.Validate(ctx, props(1)) },
		"level":      func(ctx context.Context) (any, error) { return n.LoggerLevel(ctx, "root") },
		"health":     func(ctx context.Context) (any, error) { return n.Health(ctx) },
		"info":       func(ctx context.Context) (any, error) { return n.ServerInfo(ctx) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if answer, err := ask(ctx); err != nil {
			t.Errorf("%s: %v, %v", what, answer, err)
		}
		cancel()
	}
}

// rotating is a config provider whose password is valid for a short time.
type rotating struct {
	mu       sync.Mutex
	password string
	ttl      time.Duration
}

func (r *rotating) Resolve(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	resolved, _, err := secrets{"pw": r.password}.Resolve(ctx, config)
	if resolved["password"] == config["password"] {
		return resolved, 0, err // it names no secret
	}
	return resolved, r.ttl, err
}

func (r *rotating) rotate(password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.password = password
}

// A connector whose secret ends its time to live starts again, with its tasks, unless config.action.reload is none
// (KIP-297).
func TestSecretsThatExpire(t *testing.T) {
	c := newTestCluster(t)
	provider := &rotating{password: "first", ttl: 50 * time.Millisecond}
	a := c.start("a", func(cfg *Config) { cfg.Local.Resolver, cfg.Local.Validator.Resolver = provider, provider })
	for name, reload := range map[string]string{"follows": "restart", "byDefault": "", "stays": "none"} {
		config := props(1)
		config["password"] = "${s:pw}"
		if reload != "" {
			config["config.action.reload"] = reload
		}
		c.put(a, name, config)
	}
	passwords := func(name string) string {
		a.runtime.mu.Lock()
		defer a.runtime.mu.Unlock()
		start := a.runtime.tasks[state.TaskID{Connector: name}]
		return fmt.Sprint(a.runtime.connectors[name]["password"], " ", start.ConnectorConfig["password"], " ", start.TaskConfig["password"])
	}
	eventually(t, "all run", func() bool {
		return passwords("stays") == "first first first" && passwords("follows") == "first first first"
	})
	provider.rotate("second")
	for _, name := range []string{"follows", "byDefault"} {
		eventually(t, name+" has the new secret", func() bool { return passwords(name) == "second second second" })
	}
	if got := passwords("stays"); got != "first first first" {
		t.Errorf("with config.action.reload=none it has %s", got)
	}
	if config := c.topic.log.configs["follows"]; config["password"] != "${s:pw}" {
		t.Errorf("the config topic holds %v", config)
	}
}

// A level that is set for the cluster reaches every worker (KIP-976), one that is set for a worker that worker alone.
func TestLevelsReachTheirWorkers(t *testing.T) {
	c := newTestCluster(t)
	var nodes []*node
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, c.start(name, func(cfg *Config) {
			cfg.Local.Levels = herder.LoggerLevels{Of: logging.New(slog.DiscardHandler, slog.LevelInfo)}
		}))
	}
	for _, n := range nodes {
		eventually(t, n.name+" is in the group", func() bool { return n.seen.Load().joined })
	}
	level := func(n *node, logger string) string {
		l, err := n.LoggerLevel(t.Context(), logger)
		if err != nil {
			return err.Error()
		}
		return l.Level
	}
	if err := c.via(nodes[1], func(n *node) error { return n.SetClusterLoggerLevel(t.Context(), "org.example", "DEBUG") }); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		eventually(t, n.name+" has the level", func() bool { return level(n, "org.example") == "DEBUG" })
	}
	changed, err := nodes[0].SetLoggerLevel(t.Context(), "org.example", "WARN")
	if err != nil || len(changed) == 0 || level(nodes[0], "org.example") != "WARN" {
		t.Errorf("changed %v, %v; the level is %s", changed, err, level(nodes[0], "org.example"))
	}
	for _, n := range nodes[1:] {
		if l := level(n, "org.example"); l != "DEBUG" {
			t.Errorf("the level of a worker changed %s to %s", n.name, l)
		}
	}
}
