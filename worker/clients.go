package worker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
)

// clients shares one Kafka client among tasks with the same properties: fifty
// connectors to one cluster need not hold fifty sets of connections and
// metadata.
type clients struct {
	log *slog.Logger

	mu   sync.Mutex // guards the map, and is held while a client is opened
	open map[string]*shared
}

type shared struct {
	client *kafka.Client
	users  int
}

func newClients(log *slog.Logger) *clients { return &clients{log: log, open: map[string]*shared{}} }

// get returns the client for the properties, and what gives it back.
func (c *clients) get(ctx context.Context, role kafka.Role, props kafka.Properties) (*kafka.Client, func(), error) {
	key := role.String() + fingerprint(props)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.open[key]
	if s == nil {
		client, err := kafka.Open(ctx, kafka.Config{Role: role, Properties: props, Logger: c.log})
		if err != nil {
			return nil, nil, err
		}
		s = &shared{client: client}
		c.open[key] = s
	}
	s.users++
	return s.client, sync.OnceFunc(func() { c.release(key) }), nil
}

func (c *clients) release(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.open[key]
	if s == nil {
		return
	}
	if s.users--; s.users == 0 {
		delete(c.open, key)
		c.end(s)
	}
}

func (c *clients) end(s *shared) {
	if err := s.client.Close(); err != nil {
		c.log.Debug("closing a Kafka client failed", "error", err)
	}
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.open {
		delete(c.open, key)
		c.end(s)
	}
}

func fingerprint(props kafka.Properties) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		b.WriteString("\x00" + name + "\x01" + props[name])
	}
	return b.String()
}

// producerProperties are those of the producers of a connector's tasks
// (Worker.baseProducerConfigs): what Connect insists on, then the worker's
// producer.* properties, then the connector's producer.override.*.
func producerProperties(worker kafka.Properties, overrides map[string]string) kafka.Properties {
	base := kafka.Properties{
		"bootstrap.servers":                     worker["bootstrap.servers"],
		"max.block.ms":                          "9223372036854775807",
		"acks":                                  "all",
		"max.in.flight.requests.per.connection": "5",
		"delivery.timeout.ms":                   "2147483647",
	}
	return base.With(worker.WithPrefix("producer.")).With(overrides)
}

// admin opens an admin client; release gives it back.
func (w *Worker) admin(ctx context.Context, props kafka.Properties) (_ *kafka.Admin, release func(), err error) {
	client, release, err := w.clients.get(ctx, kafka.RoleAdmin, props)
	if err != nil {
		return nil, nil, err
	}
	admin, err := kafka.NewAdmin(client)
	if err != nil {
		release()
		return nil, nil, err
	}
	return admin, release, nil
}

// adminOf are the properties of a connector's admin clients.
func (w *Worker) adminOf(config map[string]string) kafka.Properties {
	return adminProperties(w.cfg.Properties, kafka.Properties(config).WithPrefix("admin.override."))
}

// adminProperties are those of the admin clients of a connector.
func adminProperties(worker kafka.Properties, overrides map[string]string) kafka.Properties {
	base := kafka.Properties{"bootstrap.servers": worker["bootstrap.servers"]}
	return base.With(worker.WithPrefix("admin.")).With(overrides)
}

// checkOverrides asks the policy (connector.client.config.override.policy) about
// the client properties that a connector sets. It was asked when the
// configuration was validated; the policy may have changed since. No policy allows a
// client to send files of the worker.
func (w *Worker) checkOverrides(connector, class string, config map[string]string) error {
	if wrong := kafka.StrangersFiles(w.cfg.Properties, config); len(wrong) > 0 {
		return &connect.ConfigError{Key: wrong[0].Property, Err: errors.New(wrong[0].Reason)}
	}
	if w.cfg.OverridePolicy == nil {
		return nil
	}
	var errs []error
	for client, prefix := range map[connect.ClientType]string{
		connect.ClientProducer: "producer.override.", connect.ClientConsumer: "consumer.override.", connect.ClientAdmin: "admin.override.",
	} {
		for name, err := range w.cfg.OverridePolicy.Check(connector, class, client, kafka.Properties(config).WithPrefix(prefix)) {
			errs = append(errs, &connect.ConfigError{Key: prefix + name, Err: err})
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
