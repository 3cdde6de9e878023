package worker

import (
	"context"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/offset"
)

// offsetStore is where the offsets of a connector are.
type offsetStore struct {
	Offsets
	topic string // that a transactional task writes to
	own   bool   // the connector has a topic of its own, beside the worker's
	close func()
}

// offsetsOf opens the offsets of a connector: the worker's, or those in a topic of
// its own (offsets.storage.topic), or in the worker's topic of another cluster
// when transactions write there (Worker.offsetStoreForExactlyOnceSourceTask).
func (w *Worker) offsetsOf(ctx context.Context, id string, config map[string]string, exactlyOnce bool) (*offsetStore, error) {
	own := strings.TrimSpace(config["offsets.storage.topic"])
	worker := &offsetStore{Offsets: w.cfg.Offsets, topic: w.cfg.OffsetTopic.Name, close: func() {}}
	elsewhere := exactlyOnce && w.otherCluster(config)
	if w.cfg.OffsetTopic.Name == "" || own == "" && !elsewhere || own == w.cfg.OffsetTopic.Name && !elsewhere {
		return worker, nil
	}
	cfg := offset.KafkaConfig{Topic: w.cfg.OffsetTopic, Property: "offsets.storage.topic", ReadOnly: exactlyOnce,
		Logger: w.cfg.Loggers("org.apache.kafka.connect.storage.KafkaOffsetBackingStore").With("connector", id)}
	if own != "" {
		cfg.Topic.Name = own
	}
	clientID := kafka.Properties{"client.id": w.cfg.Properties["group.id"] + "-" + id + "-offsets"}
	cfg.Clients.Producer = producerProperties(w.cfg.Properties, kafka.Properties(config).WithPrefix("producer.override.")).With(clientID)
	cfg.Clients.Admin = w.adminOf(config).With(clientID)
	cfg.Clients.Consumer = w.offsetConsumer(config, exactlyOnce).With(clientID)
	store, err := offset.OpenKafka(ctx, cfg)
	if err != nil {
		return nil, err
	}
	layered := &offset.Layered{Own: store, Worker: unowned{w.cfg.Offsets}, Logger: cfg.Logger}
	return &offsetStore{Offsets: layered, topic: cfg.Topic.Name, own: true, close: layered.Close}, nil
}

// otherCluster reports whether a connector's producers write to another cluster.
func (w *Worker) otherCluster(config map[string]string) bool {
	servers := producerProperties(w.cfg.Properties, kafka.Properties(config).WithPrefix("producer.override."))["bootstrap.servers"]
	return servers != w.cfg.Properties["bootstrap.servers"]
}

// offsetConsumer reads offsets, those of committed transactions only where tasks
// write in transactions.
func (w *Worker) offsetConsumer(config map[string]string, exactlyOnce bool) kafka.Properties {
	base := kafka.Properties{"bootstrap.servers": w.cfg.Properties["bootstrap.servers"]}
	props := base.With(w.cfg.Properties.WithPrefix("consumer.")).With(kafka.Properties(config).WithPrefix("consumer.override."))
	for _, name := range []string{"group.id", "session.timeout.ms", "heartbeat.interval.ms"} {
		delete(props, name) // no member of a group
	}
	props["enable.auto.commit"], props["auto.offset.reset"] = "false", "earliest"
	if exactlyOnce {
		props["isolation.level"] = "read_committed"
	}
	return props
}

// unowned is the worker's store in the hands of a connector.
type unowned struct{ Offsets }

// Close does nothing: the store is the worker's.
func (unowned) Close() {}

var _ offset.Store = unowned{}

// committed tells what follows from a commit of transactions: offsets that are in
// a topic of the connector's own go to the worker's as well, and the task hears.
func (t *sourceTask) committed(ctx context.Context, points []connect.CommittedOffset) {
	if len(points) == 0 || t.silent.Load() {
		return
	}
	if t.offsets.own {
		if err := t.w.cfg.Offsets.Set(ctx, t.id.Connector, rendered(points)...); err != nil {
			t.log.Warn("offsets are in the connector's own topic, but could not be written to the worker's", "error", err)
		}
	}
	t.tellCommitted(ctx, points)
}

func (t *sourceTask) tellCommitted(ctx context.Context, points []connect.CommittedOffset) {
	if c, ok := t.task.(connect.Committer); ok {
		if err := guard(func() error { return c.Committed(ctx, points) }); err != nil {
			t.log.Warn("the task failed to take note of committed offsets", "error", err)
		}
	}
}

func rendered(points []connect.CommittedOffset) []connect.PartitionOffset {
	out := make([]connect.PartitionOffset, len(points))
	for i, p := range points {
		out[i] = connect.PartitionOffset{Partition: p.Source.Key, Offset: p.Offset.Map()}
	}
	return out
}
