// Package embedded runs a Kafka broker inside the process, for development
// and for tests. It speaks Kafka's protocol on a TCP port of the loopback
// interface, keeps its data in a directory when it is given one, and compacts
// topics as a real broker does. It has no replication: what decides exactly-once
// delivery is also tested on Apache Kafka.
package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Config says how the cluster runs. The zero value is one broker on a free
// port with its data in memory.
type Config struct {
	// DataDir keeps topics, groups and transactions across restarts. Empty
	// means memory only, for tests: all records then stay in RAM.
	DataDir string
	// Port of the first broker; further brokers take the ports after it. 0
	// lets the system choose.
	Port int
	// Brokers is the number of brokers; 0 means one.
	Brokers int
	// Partitions of topics that are created on first use; 0 means one.
	Partitions int
	// CompactEvery is how often compaction and retention run; 0 means 30 s.
	CompactEvery time.Duration
	// SyncWrites makes each write durable before it is acknowledged.
	SyncWrites bool
	// Logger receives the broker's messages; nil drops them.
	Logger *slog.Logger
	// Options are added to those above, such as users or TLS.
	Options []kfake.Opt
}

// Cluster is a running cluster. Fake gives tests the means to delay, refuse or
// script requests.
type Cluster struct {
	Fake *kfake.Cluster
}

// Start starts a cluster that listens on 127.0.0.1.
func Start(cfg Config) (*Cluster, error) {
	c, err := kfake.NewCluster(options(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return &Cluster{Fake: c}, nil
}

func options(cfg Config) []kfake.Opt {
	brokers := max(cfg.Brokers, 1)
	every := cfg.CompactEvery
	if every <= 0 {
		every = 30 * time.Second
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(brokers),
		kfake.Ports(ports(cfg.Port, brokers)...),
		kfake.ListenFn(net.Listen),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(max(cfg.Partitions, 1)),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.MaxVersions(versions()),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": fmt.Sprint(every.Milliseconds())}),
	}
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	if cfg.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	if cfg.Logger != nil {
		opts = append(opts, kfake.WithLogger(kfake.BasicLogger(logWriter{cfg.Logger}, kfake.LogLevelWarn)))
	}
	return append(opts, cfg.Options...)
}

func ports(first, n int) []int {
	p := make([]int, n)
	for i := range p {
		if first > 0 {
			p[i] = first + i
		}
	}
	return p
}

// versions caps what the broker offers. Java's admin client rejects the answer
// to CreateTopics from version 5 on, because its topic configs lack a source;
// and without a cap the broker would offer transactions of a protocol version
// whose Produce requests it does not know, on which Java's exactly-once tasks
// fail for ever.
func versions() *kversion.Versions {
	const createTopics = 19
	v := kversion.V4_3_0()
	v.SetMaxKeyVersion(createTopics, 4)
	return v
}

// Addrs lists the brokers as host:port.
func (c *Cluster) Addrs() []string { return c.Fake.ListenAddrs() }

// Bootstrap is the value of bootstrap.servers for this cluster.
func (c *Cluster) Bootstrap() string { return strings.Join(c.Addrs(), ",") }

// Close stops the brokers and flushes their data to the data directory.
func (c *Cluster) Close() { c.Fake.Close() }

// logWriter turns the broker's text lines into log records.
type logWriter struct{ log *slog.Logger }

var _ io.Writer = logWriter{}

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Warn("embedded broker: " + strings.TrimSpace(string(p)))
	return len(p), nil
}
