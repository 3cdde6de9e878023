// Package settings reads the properties of a worker: the file that Java's
// connect-distributed takes, unchanged. Every other part gets a Config of its
// own from what is read here. Properties that are not known are kept, because
// they may be meant for converters, clients or extensions, and otherwise ignored.
// The properties of the REST API are read by the package rest.
package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
)

// Distributed are the settings of a worker of a cluster.
type Distributed struct {
	Worker
	Group                                               string
	SessionTimeout, HeartbeatInterval, RebalanceTimeout time.Duration
	SyncTimeout                                         time.Duration
	RetryBackoff, RetryBackoffMax                       time.Duration
	Protocol                                            string // eager, compatible, sessioned
	MaxRebalanceDelay                                   time.Duration
	Configs, Offsets, Statuses                          Topic
	KeyTTL                                              time.Duration
	KeyAlgorithm                                        string
	KeyBits                                             int // 0 for the algorithm's own
	SignatureAlgorithm                                  string
	VerificationAlgorithms                              []string
	ExactlyOnce                                         string // disabled, preparing, enabled
	Gossip                                              Gossip
}

// Gossip are the settings of what workers tell each other beside the group. It
// is off unless one of them is given.
type Gossip struct {
	On              bool
	Bind, Advertise string
	Join            []string
	Secret          configdef.Secret
	SecretFile      string
}

// Topic is an internal topic and how it is created. Extra holds further topic
// properties (config.storage.*, offset.storage.*, status.storage.*).
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
	Extra       map[string]string
}

// Worker are the settings of any worker.
type Worker struct {
	// Raw holds all properties as they were given.
	Raw kafka.Properties

	KeyConverter, ValueConverter, HeaderConverter string
	GracefulTimeout                               time.Duration
	FlushInterval, FlushTimeout                   time.Duration
	TaskMemory                                    int // bytes; 0 for what suits the memory that there is
	OverridePolicy                                string
	Excluded                                      []string // patterns of classes (plugin.exclude)
	TopicTracking, TopicCreation                  bool
	Heal                                          herder.HealPolicy
}

// ReadDistributed reads the properties of a worker of a cluster. The error names
// every property that is wrong.
func ReadDistributed(props kafka.Properties) (*Distributed, error) {
	v, err := configdef.New(distributedKeys()...).Parse(props)
	if err != nil {
		return nil, err
	}
	d := &Distributed{
		Worker: *readWorker(v, props), Group: v.String("group.id"),
		SessionTimeout: v.Duration("session.timeout.ms"), HeartbeatInterval: v.Duration("heartbeat.interval.ms"),
		RebalanceTimeout: v.Duration("rebalance.timeout.ms"), SyncTimeout: v.Duration("worker.sync.timeout.ms"),
		RetryBackoff:    v.Duration("retry.backoff.ms"),
		RetryBackoffMax: v.Duration("retry.backoff.max.ms"), Protocol: strings.ToLower(v.String("connect.protocol")),
		MaxRebalanceDelay: v.Duration("scheduled.rebalance.max.delay.ms"),
		KeyTTL:            v.Duration("inter.worker.key.ttl.ms"), KeyAlgorithm: v.String("inter.worker.key.generation.algorithm"),
		SignatureAlgorithm:     v.String("inter.worker.signature.algorithm"),
		VerificationAlgorithms: v.List("inter.worker.verification.algorithms"),
		ExactlyOnce:            strings.ToLower(v.String("exactly.once.source.support")),
	}
	if !v.IsNull("inter.worker.key.size") {
		d.KeyBits = v.Int("inter.worker.key.size")
	}
	d.Gossip = gossip(v)
	d.Configs = topic(v, "config", 1)
	d.Offsets = topic(v, "offset", int32(v.Int("offset.storage.partitions")))
	d.Statuses = topic(v, "status", int32(v.Int("status.storage.partitions")))
	return d, d.check()
}

func (d *Distributed) check() error {
	var problems []error
	for _, t := range []struct{ property, name string }{
		{"config.storage.topic", d.Configs.Name}, {"offset.storage.topic", d.Offsets.Name}, {"status.storage.topic", d.Statuses.Name}, {"group.id", d.Group},
	} {
		if strings.TrimSpace(t.name) == "" {
			problems = append(problems, fmt.Errorf("%s must not be empty", t.property))
		}
	}
	if d.HeartbeatInterval >= d.SessionTimeout {
		problems = append(problems, fmt.Errorf("heartbeat.interval.ms (%s) must be less than session.timeout.ms (%s)", d.HeartbeatInterval, d.SessionTimeout))
	}
	if d.ExactlyOnce != "disabled" && d.Protocol == "eager" {
		problems = append(problems, errors.New("exactly.once.source.support needs connect.protocol=sessioned or compatible"))
	}
	return errors.Join(append(problems, d.checkSignatures(), d.checkGossip())...)
}

// checkSignatures refuses what workers could not sign or verify requests to each
// other by (DistributedConfig).
func (d *Distributed) checkSignatures() error {
	var problems []error
	known := func(property, algorithm string) {
		if _, ok := herder.Sign(algorithm, nil, nil); !ok {
			problems = append(problems, fmt.Errorf("%s: %q is none of HmacSHA256, HmacSHA1, HmacSHA224, HmacSHA384, HmacSHA512", property, algorithm))
		}
	}
	const signs, verifies = "inter.worker.signature.algorithm", "inter.worker.verification.algorithms"
	known(signs, d.SignatureAlgorithm)
	for _, algorithm := range d.VerificationAlgorithms {
		known(verifies, algorithm)
	}
	if !slices.Contains(d.VerificationAlgorithms, d.SignatureAlgorithm) {
		problems = append(problems, fmt.Errorf("%s must hold %s, the %s: otherwise the workers refuse what they ask of each other", verifies, d.SignatureAlgorithm, signs))
	}
	return errors.Join(problems...)
}

const gossipPrefix = "gossip."

func gossip(v *configdef.Values) Gossip {
	return Gossip{
		On: len(v.WithPrefix(gossipPrefix)) > 0, Bind: v.String("gossip.bind"), Advertise: v.String("gossip.advertise"),
		Join: v.List("gossip.join"), Secret: v.Password("gossip.secret"), SecretFile: v.String("gossip.secret.file"),
	}
}

func (d *Distributed) checkGossip() error {
	known := []string{"bind", "advertise", "join", "secret", "secret.file"}
	var problems []error
	for name := range d.Raw.WithPrefix(gossipPrefix) {
		if !slices.Contains(known, name) {
			problems = append(problems, fmt.Errorf("%s%s is unknown; there are gossip.%s", gossipPrefix, name, strings.Join(known, ", gossip.")))
		}
	}
	if d.Gossip.Secret.Reveal() != "" && d.Gossip.SecretFile != "" {
		problems = append(problems, errors.New("gossip.secret and gossip.secret.file exclude each other"))
	}
	return errors.Join(problems...)
}

// topic reads the settings of an internal topic; properties below KIND.storage.
// that are none of the worker's own are the topic's.
func topic(v *configdef.Values, kind string, partitions int32) Topic {
	prefix := kind + ".storage."
	t := Topic{
		Name: v.String(prefix + "topic"), Partitions: partitions, Replication: int16(v.Int(prefix + "replication.factor")),
		Extra: map[string]string{},
	}
	for name, value := range v.WithPrefix(prefix) {
		switch name {
		case "topic", "partitions", "replication.factor":
		default:
			t.Extra[name] = value
		}
	}
	return t
}

func readWorker(v *configdef.Values, props kafka.Properties) *Worker {
	return &Worker{
		Raw: props, KeyConverter: v.Class("key.converter"), ValueConverter: v.Class("value.converter"), HeaderConverter: v.Class("header.converter"),
		GracefulTimeout: v.Duration("task.shutdown.graceful.timeout.ms"), FlushInterval: v.Duration("offset.flush.interval.ms"),
		FlushTimeout:   v.Duration("offset.flush.timeout.ms"),
		OverridePolicy: v.String("connector.client.config.override.policy"), Excluded: v.List("plugin.exclude"), TopicTracking: v.Bool("topic.tracking.enable"),
		TopicCreation: v.Bool("topic.creation.enable"), Heal: heal(v),
		TaskMemory: int(v.Long("tasks.buffer.memory")),
	}
}
