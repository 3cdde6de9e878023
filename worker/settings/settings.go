// Package settings reads the properties of a worker: the file that Java's
// connect-distributed takes, unchanged. Every other part gets a Config of its
// own from what is read here. Properties that are not known are kept, because
// they may be meant for converters, clients or extensions, and otherwise ignored.
package settings

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
)

// Distributed are the settings of a worker of a cluster.
type Distributed struct {
	Worker
	Group                                               string
	SessionTimeout, HeartbeatInterval, RebalanceTimeout time.Duration
	SyncTimeout, UnsyncBackoff                          time.Duration
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
	Providers                                     []string
	OverridePolicy                                string
	TopicTracking, TopicReset, TopicCreation      bool
	REST                                          REST
}

// REST are the settings of the REST server.
type REST struct {
	Listeners      []*url.URL
	AdminListeners []*url.URL
	// NoAdmin is set when admin.listeners is given and empty.
	NoAdmin                   bool
	AdvertisedURL             string // ends in /
	AdvertisedHost            string // host:port, the worker's id
	AllowOrigin, AllowMethods string
	Headers                   string
	Extensions                []string
	SSL                       kafka.Properties // ssl.*, with listeners.https. winning
}

// ReadDistributed reads the properties of a worker of a cluster. The error names
// every property that is wrong.
func ReadDistributed(props kafka.Properties) (*Distributed, error) {
	v, err := configdef.New(distributedKeys()...).Parse(props)
	if err != nil {
		return nil, err
	}
	w, err := readWorker(v, props)
	if err != nil {
		return nil, err
	}
	d := &Distributed{
		Worker: *w, Group: v.String("group.id"),
		SessionTimeout: v.Duration("session.timeout.ms"), HeartbeatInterval: v.Duration("heartbeat.interval.ms"),
		RebalanceTimeout: v.Duration("rebalance.timeout.ms"), SyncTimeout: v.Duration("worker.sync.timeout.ms"),
		UnsyncBackoff: v.Duration("worker.unsync.backoff.ms"), RetryBackoff: v.Duration("retry.backoff.ms"),
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

func readWorker(v *configdef.Values, props kafka.Properties) (*Worker, error) {
	w := &Worker{
		Raw: props, KeyConverter: v.Class("key.converter"), ValueConverter: v.Class("value.converter"), HeaderConverter: v.Class("header.converter"),
		GracefulTimeout: v.Duration("task.shutdown.graceful.timeout.ms"), FlushInterval: v.Duration("offset.flush.interval.ms"),
		FlushTimeout: v.Duration("offset.flush.timeout.ms"), Providers: v.List("config.providers"),
		OverridePolicy: v.String("connector.client.config.override.policy"), TopicTracking: v.Bool("topic.tracking.enable"),
		TopicReset: v.Bool("topic.tracking.allow.reset"), TopicCreation: v.Bool("topic.creation.enable"),
	}
	var err error
	w.REST, err = readREST(v, props)
	return w, err
}

func readREST(v *configdef.Values, props kafka.Properties) (REST, error) {
	r := REST{
		AllowOrigin: v.String("access.control.allow.origin"), AllowMethods: v.String("access.control.allow.methods"),
		Headers: v.String("response.http.headers.config"), Extensions: v.List("rest.extension.classes"),
		SSL: props.WithPrefix("").With(props.WithPrefix("listeners.https.")),
	}
	var err error
	if r.Listeners, err = listeners("listeners", v.List("listeners")); err != nil {
		return r, err
	}
	if len(r.Listeners) == 0 {
		return r, errors.New("listeners must name at least one http or https URL")
	}
	if v.IsSet("admin.listeners") {
		if r.AdminListeners, err = listeners("admin.listeners", v.List("admin.listeners")); err != nil {
			return r, err
		}
		r.NoAdmin = len(r.AdminListeners) == 0
	}
	return r, r.advertise(v)
}

// listeners parses URLs such as http://:8083 or https://0.0.0.0:8443.
func listeners(property string, list []string) ([]*url.URL, error) {
	var out []*url.URL
	for _, text := range list {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Port() == "" || !strings.EqualFold(u.Scheme, "http") && !strings.EqualFold(u.Scheme, "https") {
			return nil, fmt.Errorf("%s: %q is not of the form http://HOST:PORT or https://HOST:PORT", property, text)
		}
		u.Scheme = strings.ToLower(u.Scheme)
		out = append(out, u)
	}
	return out, nil
}

// advertise finds the URL by which other workers reach this one: that of the
// first listener of the wanted protocol, with what rest.advertised.* says
// (RestServer.advertisedUrl).
func (r *REST) advertise(v *configdef.Values) error {
	u, err := r.advertised(strings.ToLower(v.String("rest.advertised.listener")))
	if err != nil {
		return err
	}
	host, port := u.Hostname(), u.Port()
	if host == "" || host == "0.0.0.0" || host == "::" {
		if host, err = os.Hostname(); err != nil {
			return fmt.Errorf("rest.advertised.host.name is not set, and this machine has no name: %w", err)
		}
	}
	if h := v.String("rest.advertised.host.name"); h != "" {
		host = h
	}
	if !v.IsNull("rest.advertised.port") {
		port = strconv.Itoa(v.Int("rest.advertised.port"))
	}
	r.AdvertisedHost = net.JoinHostPort(host, port)
	r.AdvertisedURL = u.Scheme + "://" + r.AdvertisedHost + "/"
	return nil
}

func (r *REST) advertised(scheme string) (*url.URL, error) {
	if scheme == "" {
		return r.Listeners[0], nil
	}
	for _, u := range r.Listeners {
		if u.Scheme == scheme {
			return u, nil
		}
	}
	return nil, fmt.Errorf("rest.advertised.listener is %s, but no listener has that protocol", scheme)
}
