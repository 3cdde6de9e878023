package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/install"
	"github.com/millrace/millrace/plugins/provider"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/rest"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/storage/topiclog"
	"github.com/millrace/millrace/worker"
	"github.com/millrace/millrace/worker/connconf"
	"github.com/millrace/millrace/worker/logging"
	"github.com/millrace/millrace/worker/metrics"
	"github.com/millrace/millrace/worker/settings"
)

// This file is the only place that builds a worker of a cluster out of its
// parts, and ends them in the opposite order.

const (
	requestWait       = 10 * time.Second // how long a write waits for a rebalance before it answers 409
	validationTimeout = 80 * time.Second // less than the 90 seconds that REST waits
)

// node is a worker of a cluster with all its parts.
type node struct {
	set      *settings.Distributed
	levels   *logging.Levels
	log      *slog.Logger
	registry *registry.Registry
	resolver *provider.Resolver
	policy   connect.OverridePolicy
	metrics  *metrics.Registry

	client   *kafka.Client
	statuses *status.Kafka
	offsets  *offset.Kafka
	configs  *config.Kafka
	topic    distributed.ConfigTopic
	worker   *worker.Worker
	herder   *distributed.Herder
	server   *rest.Server
	ending   []func() // what to do at the end, in reverse order
}

// runNode runs a worker with the given properties until ctx ends. ready is
// called with the URL of its REST API once that answers.
func runNode(ctx context.Context, props kafka.Properties, ready func(url string)) error {
	n := &node{levels: logging.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug - 200}), slog.LevelInfo)}
	n.log = n.levels.Logger("org.apache.kafka.connect.cli.ConnectDistributed")
	slog.SetDefault(n.log) // for what has no logger of its own, such as a connector that only validates
	defer n.close()
	if err := n.build(ctx, props); err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	n.server.Start(serving)
	n.log.Info("the worker has started", "url", n.server.URL(), "group", n.set.Group, "version", millraceVersion)
	ready(n.server.URL())
	return n.serve(ctx)
}

// serve runs the herder until ctx ends or something fails.
func (n *node) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-n.server.Failed():
			cancel(fmt.Errorf("the REST server has failed: %w", err))
		case <-ctx.Done():
		}
	}()
	err := n.herder.Run(ctx)
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

// build makes all parts. Nothing of the cluster's work runs yet.
func (n *node) build(ctx context.Context, props kafka.Properties) (err error) {
	if n.set, err = settings.ReadDistributed(props); err != nil {
		return fmt.Errorf("worker properties: %w", err)
	}
	if n.registry, err = install.Registry(); err != nil {
		return err
	}
	if err := n.plugins(); err != nil {
		return err
	}
	restConfig, err := rest.ParseConfig(props)
	if err != nil {
		return fmt.Errorf("worker properties: %w", err)
	}
	n.metrics = metrics.New(time.Now)
	restConfig.Metrics = n.metrics.Handler()
	restConfig.Logger = n.levels.Logger("org.apache.kafka.connect.runtime.rest.RestServer")
	late := &lateHerder{}
	if n.server, err = rest.New(restConfig, late); err != nil {
		return err
	}
	n.atEnd(func() {
		ctx, cancel := context.WithTimeout(context.Background(), n.set.GracefulTimeout)
		defer cancel()
		if err := n.server.Shutdown(ctx); err != nil {
			n.log.Warn("the REST server did not end in good order", "error", err)
		}
	})
	if err := n.stores(ctx, props); err != nil {
		return err
	}
	if err := n.run(); err != nil {
		return err
	}
	late.Herder = n.herder
	return nil
}

// lateHerder is filled in once the herder exists, which needs the address of the
// server that needs the herder. Nothing is served before.
type lateHerder struct{ herder.Herder }

// plugins makes the config providers and the override policy, and makes sure that
// there are the converters that connectors use by default.
func (n *node) plugins() error {
	providers := map[string]connect.ConfigProvider{}
	for _, name := range n.set.Providers {
		prefix := "config.providers." + name + "."
		p, err := n.registry.Find(n.set.Raw[prefix+"class"], connect.KindConfigProvider)
		if err != nil {
			return fmt.Errorf("%sclass: %w", prefix, err)
		}
		if providers[name], err = p.NewConfigProvider(n.set.Raw.WithPrefix(prefix + "param.")); err != nil {
			return fmt.Errorf("%sparam.*: %w", prefix, err)
		}
	}
	n.resolver = provider.NewResolver(providers)
	for _, c := range []struct {
		property, class string
		kind            connect.Kind
	}{
		{"key.converter", n.set.KeyConverter, connect.KindConverter}, {"value.converter", n.set.ValueConverter, connect.KindConverter},
		{"header.converter", n.set.HeaderConverter, connect.KindHeaderConverter},
	} {
		if _, err := n.registry.Find(c.class, c.kind); err != nil {
			return fmt.Errorf("worker properties: %s: %w", c.property, err)
		}
	}
	p, err := n.registry.Find(n.set.OverridePolicy, connect.KindOverridePolicy)
	if err != nil {
		return fmt.Errorf("connector.client.config.override.policy: %w", err)
	}
	n.policy, err = p.NewOverridePolicy(n.set.Raw)
	return err
}

// stores connects to Kafka and reads the internal topics, side by side.
func (n *node) stores(ctx context.Context, props kafka.Properties) error {
	base := topiclog.ClientIDBase(props)
	log := func(class string) *slog.Logger { return n.levels.Logger("org.apache.kafka.connect.storage." + class) }
	exactlyOnce := n.set.ExactlyOnce == "enabled"
	transactional := ""
	if n.set.ExactlyOnce != "disabled" {
		transactional = "connect-cluster-" + n.set.Group
	}
	n.configs = config.NewKafka(config.KafkaConfig{
		Topic: topicOf(n.set.Configs), Worker: props, ClientID: base, ExactlyOnce: exactlyOnce,
		TransactionalID: transactional, Logger: log("KafkaConfigBackingStore"),
	})
	n.atEnd(n.closeStores)
	n.topic = distributed.NewConfigTopic(ctx, n.configs)
	return together(
		func() (err error) {
			admin := props.With(kafka.Properties{"client.id": base + "shared-admin"})
			n.client, err = kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: admin, Logger: n.log})
			return err
		},
		func() (err error) {
			n.statuses, err = status.OpenKafka(ctx, status.KafkaConfig{Topic: topicOf(n.set.Statuses), Worker: props, ClientID: base, Logger: log("KafkaStatusBackingStore")})
			return err
		},
		func() (err error) {
			n.offsets, err = offset.OpenKafka(ctx, offset.WorkerConfig(topicOf(n.set.Offsets), props, base, exactlyOnce, log("KafkaOffsetBackingStore")))
			return err
		},
	)
}

func (n *node) closeStores() {
	if n.configs != nil {
		n.configs.Close()
	}
	if n.statuses != nil {
		n.statuses.Close()
	}
	if n.offsets != nil {
		n.offsets.Close()
	}
	if n.client != nil {
		if err := n.client.Close(); err != nil {
			n.log.Debug("closing the Kafka client failed", "error", err)
		}
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

func topicOf(t settings.Topic) kafka.Topic {
	return kafka.Topic{Name: t.Name, Partitions: t.Partitions, Replication: t.Replication, Configs: t.Extra}
}

// resolve replaces references to config providers.
func (n *node) resolve(ctx context.Context, config map[string]string) (map[string]string, time.Duration, error) {
	resolved, err := n.resolver.Resolve(ctx, config)
	return resolved.Props, resolved.TTL, err
}

// run makes herder and worker.
func (n *node) run() error {
	protocol, err := group.ParseProtocol(n.set.Protocol)
	if err != nil {
		return fmt.Errorf("connect.protocol: %w", err)
	}
	definitions := &connconf.Definitions{Registry: n.registry, TopicCreation: n.set.TopicCreation, Worker: n.set.Raw}
	exactlyOnce := n.set.ExactlyOnce == "enabled"
	local := herder.NewLocal(&herder.Local{
		Info:     herder.ServerInfo{Version: connectVersion, Commit: commit(), KafkaClusterID: n.client.ClusterID()},
		Statuses: n.statuses, Registry: n.registry, Levels: herder.LoggerLevels{Of: n.levels}, Resolver: herder.ResolverFunc(n.resolve),
		Validator: &herder.Validator{
			Registry: n.registry, Definitions: definitions, Resolver: herder.ResolverFunc(n.resolve), Policy: n.policy,
			Timeout: validationTimeout, GroupID: n.set.Group, Distributed: true, ExactlyOnce: exactlyOnce,
		},
	})
	advertised, err := url.Parse(n.server.URL())
	if err != nil {
		return err
	}
	n.herder = distributed.New(distributed.Config{
		Core: distributed.CoreConfig{
			Protocol: protocol, MaxDelay: n.set.MaxRebalanceDelay, SyncTimeout: n.set.SyncTimeout, KeyTTL: n.set.KeyTTL,
			KeyAlgorithm: n.set.KeyAlgorithm, KeySize: n.set.KeyBits / 8, RequestWait: requestWait, TopicTracking: n.set.TopicTracking,
		},
		Member: distributed.Group(group.Config{
			Client: n.client, Group: n.set.Group, URL: strings.TrimSuffix(n.server.URL(), "/") + "/",
			SessionTimeout: n.set.SessionTimeout, RebalanceTimeout: n.set.RebalanceTimeout, HeartbeatInterval: n.set.HeartbeatInterval,
			RetryBackoff: n.set.RetryBackoff, RetryBackoffMax: n.set.RetryBackoffMax,
		}),
		Configs: n.topic, Forwarder: n.server.Client(), Local: local, WorkerID: advertised.Host,
		ExactlyOnce: exactlyOnce, SignatureAlgorithm: n.set.SignatureAlgorithm, VerificationAlgorithms: n.set.VerificationAlgorithms,
		Logger: n.levels.Logger("org.apache.kafka.connect.runtime.distributed.DistributedHerder"),
	})
	n.herder.Register(n.metrics)
	n.worker = worker.New(worker.Config{
		Registry: n.registry, Properties: n.set.Raw, Offsets: n.offsets, OffsetTopic: topicOf(n.set.Offsets),
		Listener: n.herder.Reporter, Reconfigurer: n.herder.Reporter, Topics: n.herder.Reporter,
		KeyConverter: n.set.KeyConverter, ValueConverter: n.set.ValueConverter, HeaderConverter: n.set.HeaderConverter,
		GracefulTimeout: n.set.GracefulTimeout, FlushInterval: n.set.FlushInterval, FlushTimeout: n.set.FlushTimeout,
		TopicCreation: n.set.TopicCreation, Loggers: n.levels.Logger, Metrics: n.metrics,
	})
	local.Runtime = n.worker
	return nil
}
