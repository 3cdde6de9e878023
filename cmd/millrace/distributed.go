package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/storage/topiclog"
	"github.com/millrace/millrace/worker/settings"
)

// containerFile is where a container has its worker properties, if it has any.
const containerFile = "/etc/millrace/worker.properties"

// runDistributed runs a worker from a Java worker properties file or, without one,
// from variables of the environment.
func runDistributed(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 1 {
		return errUsage
	}
	var props kafka.Properties
	var err error
	if len(args) == 1 {
		props, err = kafka.LoadProperties(args[0])
	} else {
		props, err = containerProperties(containerFile, os.Environ())
	}
	if err != nil {
		return err
	}
	return runNode(ctx, &cluster{}, props, func(url string) { fmt.Fprintf(out, "millrace: REST API at %s\n", url) })
}

// containerProperties are those of a file, if there is one, and of the environment,
// which wins.
func containerProperties(file string, environ []string) (kafka.Properties, error) {
	given := settings.FromEnvironment(environ)
	props, err := kafka.LoadProperties(file)
	switch {
	case err == nil:
		return props.With(given), nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case given["bootstrap.servers"] == "":
		return nil, fmt.Errorf("no worker properties: name a properties file, mount one at %s, or set CONNECT_BOOTSTRAP_SERVERS and the like", file)
	}
	return given, nil
}

// cluster is the mode of a worker that shares the work with others through Kafka.
type cluster struct {
	set      *settings.Distributed
	statuses *status.Kafka
	offsets  *offset.Kafka
	configs  *config.Kafka
	topic    distributed.ConfigTopic
}

func (*cluster) command() string { return "ConnectDistributed" }

func (c *cluster) settings(props kafka.Properties) (*settings.Worker, error) {
	var err error
	if c.set, err = settings.ReadDistributed(props); err != nil {
		return nil, err
	}
	return &c.set.Worker, nil
}

func (*cluster) begin(context.Context) error { return nil }

// stores connects to Kafka and reads the internal topics, side by side.
func (c *cluster) stores(ctx context.Context, n *node) error {
	props := n.set.Raw
	base := topiclog.ClientIDBase(props)
	log := func(class string) *slog.Logger { return n.levels.Logger("org.apache.kafka.connect.storage." + class) }
	exactlyOnce := c.set.ExactlyOnce == "enabled"
	transactional := ""
	if c.set.ExactlyOnce != "disabled" {
		transactional = "connect-cluster-" + c.set.Group
	}
	c.configs = config.NewKafka(config.KafkaConfig{
		Topic: topicOf(c.set.Configs), Worker: props, ClientID: base, ExactlyOnce: exactlyOnce,
		TransactionalID: transactional, Logger: log("KafkaConfigBackingStore"),
	})
	n.atEnd(func() { c.close(); n.disconnect() })
	c.topic = distributed.NewConfigTopic(ctx, c.configs)
	var unreached error
	err := together(
		func() error { unreached = n.connect(ctx); return unreached },
		func() (err error) {
			c.statuses, err = status.OpenKafka(ctx, status.KafkaConfig{Topic: topicOf(c.set.Statuses), Worker: props, ClientID: base, Logger: log("KafkaStatusBackingStore")})
			return err
		},
		func() (err error) {
			c.offsets, err = offset.OpenKafka(ctx, offset.WorkerConfig(topicOf(c.set.Offsets), props, base, exactlyOnce, log("KafkaOffsetBackingStore")))
			return err
		},
	)
	if unreached != nil {
		return unreached // which keeps the topics from being opened too: one line says it
	}
	return err
}

func (c *cluster) close() {
	if c.configs != nil {
		c.configs.Close()
	}
	if c.statuses != nil {
		c.statuses.Close()
	}
	if c.offsets != nil {
		c.offsets.Close()
	}
}

func topicOf(t settings.Topic) kafka.Topic {
	return kafka.Topic{Name: t.Name, Partitions: t.Partitions, Replication: t.Replication, Configs: t.Extra}
}

// build connects to Kafka and makes herder and worker.
func (c *cluster) build(ctx context.Context, n *node) (runningHerder, error) {
	if err := c.stores(ctx, n); err != nil {
		return nil, err
	}
	exactlyOnce := c.set.ExactlyOnce == "enabled"
	local := n.local(c.statuses, herder.Validator{GroupID: c.set.Group, Distributed: true, ExactlyOnce: exactlyOnce})
	cfg, err := c.config(n)
	if err != nil {
		return nil, err
	}
	cfg.Local, cfg.ExactlyOnce = local, exactlyOnce
	talk, err := c.gossip(n)
	if err != nil {
		return nil, err
	}
	if talk != nil {
		cfg.Gossip = talk
	}
	h := distributed.New(cfg)
	h.Register(n.metrics)
	runs := n.runtime(h.Reporter, c.offsets, topicOf(c.set.Offsets))
	local.Runtime = runs
	if talk == nil {
		return h, nil
	}
	talk.load = runs.Load
	return gossiping{h, talk.Gossip}, nil
}

// config of the herder as the properties say.
func (c *cluster) config(n *node) (distributed.Config, error) {
	protocol, err := group.ParseProtocol(c.set.Protocol)
	if err != nil {
		return distributed.Config{}, fmt.Errorf("connect.protocol: %w", err)
	}
	id, err := n.workerID()
	return distributed.Config{
		Core: distributed.CoreConfig{
			Protocol: protocol, MaxDelay: c.set.MaxRebalanceDelay, SyncTimeout: c.set.SyncTimeout, KeyTTL: c.set.KeyTTL,
			KeyAlgorithm: c.set.KeyAlgorithm, KeySize: c.set.KeyBits / 8, RequestWait: requestWait, TopicTracking: c.set.TopicTracking,
		},
		Member: distributed.Group(group.Config{
			Client: n.client, Group: c.set.Group, URL: strings.TrimSuffix(n.server.URL(), "/") + "/",
			SessionTimeout: c.set.SessionTimeout, RebalanceTimeout: c.set.RebalanceTimeout, HeartbeatInterval: c.set.HeartbeatInterval,
			RetryBackoff: c.set.RetryBackoff, RetryBackoffMax: c.set.RetryBackoffMax,
		}),
		Configs: c.topic, Forwarder: n.server.Client(), WorkerID: id, Heal: n.set.Heal,
		SignatureAlgorithm: c.set.SignatureAlgorithm, VerificationAlgorithms: c.set.VerificationAlgorithms,
		Logger: n.levels.Logger("org.apache.kafka.connect.runtime.distributed.DistributedHerder"),
	}, err
}
