package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/install"
	"github.com/millrace/millrace/plugins/provider"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/rest"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/topiclog"
	"github.com/millrace/millrace/worker"
	"github.com/millrace/millrace/worker/connconf"
	"github.com/millrace/millrace/worker/logging"
	"github.com/millrace/millrace/worker/metrics"
	"github.com/millrace/millrace/worker/settings"
)

// This file and those of the two modes, distributed.go and standalone.go, are
// the only places that build a worker out of its parts, and end them in the
// opposite order.

const (
	requestWait       = 10 * time.Second // how long a write waits for a rebalance (409), or for a leader to claim the config topic (500)
	validationTimeout = 80 * time.Second // less than the 90 seconds that REST waits
)

// node is a worker with the parts that both modes have.
type node struct {
	set      *settings.Worker
	levels   *logging.Levels
	log      *slog.Logger
	registry *registry.Registry
	resolver *provider.Resolver
	secrets  *provider.Redactor
	policy   connect.OverridePolicy
	metrics  *metrics.Registry
	client   *kafka.Client
	server   *rest.Server
	serves   *lateHerder // what the server asks
	ending   []func()    // what to do at the end, in reverse order
}

// mode makes a node a member of a cluster, or a worker of its own.
type mode interface {
	// command is the Java class that starts such a worker, which its logger is called after.
	command() string
	// settings reads the worker's properties.
	settings(props kafka.Properties) (*settings.Worker, error)
	// build makes stores, worker and herder. Nothing runs yet.
	build(ctx context.Context, n *node) (runningHerder, error)
	// begin does what comes first while the herder runs already.
	begin(ctx context.Context) error
}

// runningHerder is a herder that works while Run runs.
type runningHerder interface {
	herder.Herder
	Run(ctx context.Context) error
}

// runNode runs a worker with the given properties until ctx ends. ready is
// called with the URL of its REST API once that answers and the mode has begun.
func runNode(ctx context.Context, m mode, props kafka.Properties, ready func(url string)) error {
	plugins, err := install.Registry()
	if err != nil {
		return err
	}
	return runWith(ctx, plugins, m, props, ready)
}

// runWith is runNode with plugins of the caller's choice.
func runWith(ctx context.Context, plugins *registry.Registry, m mode, props kafka.Properties, ready func(url string)) error {
	secrets := &provider.Redactor{}
	out := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug - 200})
	n := &node{registry: plugins, secrets: secrets, levels: logging.New(logging.Redacting{Handler: out, Hide: secrets.Redact}, slog.LevelInfo)}
	n.log = n.levels.Logger("org.apache.kafka.connect.cli." + m.command())
	slog.SetDefault(n.log) // for what has no logger of its own, such as a connector that only validates
	limitMemory(n.log)
	defer n.close()
	h, err := n.build(ctx, m, props)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	n.server.Start(serving)
	n.log.Info("the worker has started", "url", n.server.URL(), "version", millraceVersion)
	return n.serve(ctx, h, func(ctx context.Context) error {
		if err := m.begin(ctx); err != nil {
			return err
		}
		ready(n.server.URL())
		n.trimSoon()
		return nil
	})
}

// trimAfter is how long after the start its memory is given back: by then the worker is a member of its group.
const trimAfter = 2 * time.Second

func (n *node) trimSoon() {
	soon := time.AfterFunc(trimAfter, func() {
		if err := trimMemory(); err != nil {
			n.log.Debug("memory of the start was not given back", "error", err)
		}
	})
	n.atEnd(func() { soon.Stop() })
}

// serve runs a herder until ctx ends or something fails; begin runs beside it.
func (n *node) serve(ctx context.Context, h runningHerder, begin func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel(nil)
	beside.Go(func() {
		select {
		case err := <-n.server.Failed():
			cancel(fmt.Errorf("the REST server has failed: %w", err))
		case <-ctx.Done():
		}
	})
	beside.Go(func() {
		if err := begin(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	err := h.Run(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

func (n *node) atEnd(f func()) { n.ending = append(n.ending, f) }

func (n *node) close() {
	for i := len(n.ending) - 1; i >= 0; i-- {
		n.ending[i]()
	}
}

// build makes all parts. Nothing of the worker's work runs yet.
func (n *node) build(ctx context.Context, m mode, props kafka.Properties) (h runningHerder, err error) {
	if props, err = n.withoutVariables(ctx, props); err != nil {
		return nil, fmt.Errorf("worker properties: %w", err)
	}
	if n.set, err = m.settings(props); err != nil {
		return nil, fmt.Errorf("worker properties: %w", err)
	}
	if n.registry, err = n.registry.Without(n.set.Excluded...); err != nil {
		return nil, fmt.Errorf("worker properties: plugin.exclude: %w", err)
	}
	if err := n.plugins(); err != nil {
		return nil, err
	}
	n.metrics = metrics.New(time.Now)
	if err := n.listen(props); err != nil {
		return nil, err
	}
	if h, err = m.build(ctx, n); err != nil {
		return nil, err
	}
	n.serves.Herder = h
	return h, nil
}

// listen opens the listeners of the REST API.
func (n *node) listen(props kafka.Properties) error {
	cfg, err := rest.ParseConfig(props)
	if err != nil {
		return fmt.Errorf("worker properties: %w", err)
	}
	cfg.Metrics, cfg.Debug = n.metrics.Handler(), debugHandler()
	cfg.Logger = n.levels.Logger("org.apache.kafka.connect.runtime.rest.RestServer")
	cfg.Audit = n.levels.Logger("org.apache.kafka.connect.runtime.rest.Audit")
	n.serves = &lateHerder{}
	cfg.SessionKey = n.serves.SessionKey
	if n.server, err = rest.New(cfg, n.serves); err != nil {
		return err
	}
	n.atEnd(func() {
		ctx, cancel := context.WithTimeout(context.Background(), n.set.GracefulTimeout)
		defer cancel()
		if err := n.server.Shutdown(ctx); err != nil {
			n.log.Warn("the REST server did not end in good order", "error", err)
		}
	})
	return nil
}

// lateHerder is filled in once the herder exists, which needs the address of the
// server that needs the herder. Nothing is served before.
type lateHerder struct{ herder.Herder }

// SessionKey is that of the group; a worker of its own has none.
func (l *lateHerder) SessionKey() herder.SessionKey {
	if member, ok := l.Herder.(interface{ SessionKey() herder.SessionKey }); ok {
		return member.SessionKey()
	}
	return herder.SessionKey{}
}

// withoutVariables makes the config providers and replaces references to them in
// the worker's own properties, once: a worker reads its properties when it starts
// (AbstractConfig.resolveConfigVariables).
func (n *node) withoutVariables(ctx context.Context, props kafka.Properties) (kafka.Properties, error) {
	resolver, err := provider.FromProperties(props, func(class string) (*connect.Plugin, error) {
		return n.registry.Find(class, connect.KindConfigProvider)
	})
	if err != nil {
		return nil, err
	}
	n.resolver = resolver
	n.resolver.Secrets = n.secrets
	resolved, err := n.resolver.Resolve(ctx, props)
	return resolved.Props, err
}

// plugins makes the override policy, and makes sure that there are the converters
// that connectors use by default, in the versions that are asked for.
func (n *node) plugins() error {
	for _, c := range []struct {
		property, class string
		kind            connect.Kind
	}{
		{"key.converter", n.set.KeyConverter, connect.KindConverter}, {"value.converter", n.set.ValueConverter, connect.KindConverter},
		{"header.converter", n.set.HeaderConverter, connect.KindHeaderConverter},
	} {
		if _, err := n.registry.FindVersion(c.class, registry.Wanted(n.set.Raw, c.property+".plugin.version"), c.kind); err != nil {
			return fmt.Errorf("worker properties: %s and %[1]s.plugin.version: %w", c.property, err)
		}
	}
	p, err := n.registry.Find(n.set.OverridePolicy, connect.KindOverridePolicy)
	if err != nil {
		return fmt.Errorf("connector.client.config.override.policy: %w", err)
	}
	n.policy, err = p.NewOverridePolicy(n.set.Raw)
	return err
}

// connect opens the client that the worker asks Kafka with.
func (n *node) connect(ctx context.Context) (err error) {
	admin := n.set.Raw.With(kafka.Properties{"client.id": topiclog.ClientIDBase(n.set.Raw) + "shared-admin"})
	if n.client, err = kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: admin, Logger: n.log}); err != nil {
		return fmt.Errorf("connecting to Kafka: %w", err)
	}
	return nil
}

func (n *node) disconnect() {
	if n.client == nil {
		return
	}
	if err := n.client.Close(); err != nil {
		n.log.Debug("closing the Kafka client failed", "error", err)
	}
}

// together calls functions at the same time and joins their errors.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	done := make(chan struct{}, len(fs))
	for i, f := range fs {
		go func() {
			errs[i] = f()
			done <- struct{}{}
		}()
	}
	for range fs {
		<-done
	}
	return errors.Join(errs...)
}

// resolve replaces references to config providers.
func (n *node) resolve(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error) {
	resolved, err := n.resolver.Resolve(ctx, config)
	return resolved.Props, resolved.TTL, err
}

// local makes what answers questions; v holds what a validator has to know of the
// mode, and its Runtime is still missing.
func (n *node) local(statuses herder.Statuses, v herder.Validator) *herder.Local {
	resolver := herder.ResolverFunc(n.resolve)
	v.Registry, v.Resolver, v.Policy, v.Worker, v.Timeout = n.registry, resolver, n.policy, n.set.Raw, validationTimeout
	v.Definitions = &connconf.Definitions{Registry: n.registry, TopicCreation: n.set.TopicCreation, Worker: n.set.Raw}
	return herder.NewLocal(&herder.Local{
		Info:     herder.ServerInfo{Version: connectVersion, Commit: commit(), KafkaClusterID: n.client.ClusterID()},
		Statuses: statuses, Registry: n.registry, Levels: herder.LoggerLevels{Of: n.levels}, Resolver: resolver, Validator: &v,
	})
}

// workerID is what statuses call this worker.
func (n *node) workerID() (string, error) {
	advertised, err := url.Parse(n.server.URL())
	if err != nil {
		return "", fmt.Errorf("the advertised address: %w", err)
	}
	return advertised.Host, nil
}

// runtime makes what runs connectors and tasks, and reports them.
func (n *node) runtime(report *herder.Reporter, offsets worker.Offsets, topic kafka.Topic) *worker.Worker {
	report.Redact = n.secrets.Redact
	return worker.New(worker.Config{
		Registry: n.registry, Properties: n.set.Raw, Offsets: offsets, OffsetTopic: topic,
		Listener: report, Reconfigurer: report, Topics: report, OverridePolicy: n.policy,
		KeyConverter: n.set.KeyConverter, ValueConverter: n.set.ValueConverter, HeaderConverter: n.set.HeaderConverter,
		GracefulTimeout: n.set.GracefulTimeout, FlushInterval: n.set.FlushInterval, FlushTimeout: n.set.FlushTimeout,
		TaskMemory:    taskMemory(n.set.TaskMemory, debug.SetMemoryLimit(-1)),
		TopicCreation: n.set.TopicCreation, Loggers: n.levels.Logger, Metrics: n.metrics, Redact: n.secrets.Redact,
	})
}
