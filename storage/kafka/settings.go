package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Role is the Java client that a set of properties configures.
type Role uint8

// The roles.
const (
	RoleProducer Role = 1 << iota
	RoleConsumer
	RoleAdmin
)

func (r Role) String() string {
	switch r {
	case RoleProducer:
		return "producer"
	case RoleConsumer:
		return "consumer"
	case RoleAdmin:
		return "admin client"
	}
	return "client"
}

// Settings are the typed client properties, with the defaults of Kafka 4.3.
type Settings struct {
	Role      Role
	Bootstrap []string // host:port
	ClientID  string
	Rack      string

	RequestTimeout   time.Duration // wait for one answer
	APITimeout       time.Duration // an admin or consumer call with its retries
	ConnectTimeout   time.Duration // one attempt to connect
	MetadataMaxAge   time.Duration
	RetryBackoff     time.Duration // first; doubles up to RetryBackoffMax
	RetryBackoffMax  time.Duration
	CanonicalServers bool // client.dns.lookup=resolve_canonical_bootstrap_servers_only

	TLS   *tls.Config // nil without TLS
	SASL  *SASL       // nil without SASL
	Login LoginSettings

	Producer ProducerSettings
	Consumer ConsumerSettings

	// Notes say which given properties have no effect here and why.
	Notes []Note
}

// Note says why a property that was given has no effect.
type Note struct{ Property, Reason string }

// ProducerSettings are the properties of producers.
type ProducerSettings struct {
	Acks             int // -1, 0 or 1
	Idempotent       bool
	TransactionalID  string
	TransactionLimit time.Duration // transaction.timeout.ms
	Compression      string        // none, gzip, snappy, lz4 or zstd
	CompressionLevel *int          // nil: the codec's default
	Linger           time.Duration
	BatchSize        int
	BufferMemory     int64
	MaxRequestSize   int
	MaxInFlight      int
	MaxBlock         time.Duration
	DeliveryTimeout  time.Duration
	Retries          int  // of admin clients too
	IgnoreKeys       bool // partitioner.ignore.keys
	RoundRobin       bool // partitioner.class=RoundRobinPartitioner

	levels map[string]int // by codec, as given
}

// ConsumerSettings are the properties of consumers.
type ConsumerSettings struct {
	Group             string
	InstanceID        string
	Isolation         Isolation
	Reset             Reset
	ResetBy           time.Duration // for ResetByDuration
	MaxPollRecords    int
	MaxPollInterval   time.Duration
	SessionTimeout    time.Duration
	HeartbeatInterval time.Duration
	Assignors         []string // Java class names, in order of preference
	FetchMinBytes     int
	FetchMaxBytes     int
	FetchMaxWait      time.Duration
	PartitionMaxBytes int
	AutoCommit        bool
	AutoCommitEvery   time.Duration
	AutoCreate        bool // allow.auto.create.topics; sinks alone create any
}

// Reset is where a consumer starts without a committed offset (auto.offset.reset).
type Reset uint8

// The choices of auto.offset.reset.
const (
	ResetLatest Reset = iota
	ResetEarliest
	ResetNone
	ResetByDuration
)

// PropertyError says what is wrong with a client property.
type PropertyError struct {
	Property string
	Reason   string // never holds a secret
}

func (e *PropertyError) Error() string { return e.Property + ": " + e.Reason }

func propertyError(name, format string, args ...any) error {
	return &PropertyError{Property: name, Reason: fmt.Sprintf(format, args...)}
}

// ParseSettings reads the Java properties of one client. The error joins one
// PropertyError for each property that is wrong. Properties of other clients
// and unknown ones end up in Notes, as Java only warns of them.
func ParseSettings(role Role, p Properties) (*Settings, error) {
	s := defaults(role)
	given := map[string]bool{}
	var errs []error
	for _, name := range p.Names() {
		value := strings.TrimSpace(p[name])
		r, known := rules[name]
		switch {
		case !known || r.roles&role == 0:
			if !quiet(name) {
				s.Notes = append(s.Notes, Note{name, "not a property of a " + role.String()})
			}
			continue
		case r.set == nil:
			s.Notes = append(s.Notes, Note{name, r.ignored})
			continue
		}
		given[name] = true
		if err := r.set(s, name, value); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.check(given)...)
	if err := parseSecurity(s, p); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// quiet are properties that Connect workers hand to every client.
func quiet(name string) bool { return strings.HasPrefix(name, "metrics.context.") }

func defaults(role Role) *Settings {
	return &Settings{
		Role:            role,
		RequestTimeout:  30 * time.Second,
		APITimeout:      time.Minute,
		ConnectTimeout:  10 * time.Second,
		MetadataMaxAge:  5 * time.Minute,
		RetryBackoff:    100 * time.Millisecond,
		RetryBackoffMax: time.Second,
		Login:           defaultLogin(),
		Producer: ProducerSettings{
			Acks: -1, Idempotent: true, TransactionLimit: time.Minute, Compression: "none",
			Linger: 5 * time.Millisecond, BatchSize: 16384, BufferMemory: 32 << 20,
			MaxRequestSize: 1 << 20, MaxInFlight: 5, MaxBlock: time.Minute,
			DeliveryTimeout: 2 * time.Minute, Retries: 1<<31 - 1,
		},
		Consumer: ConsumerSettings{
			MaxPollRecords: 500, MaxPollInterval: 5 * time.Minute, SessionTimeout: 45 * time.Second,
			HeartbeatInterval: 3 * time.Second, FetchMinBytes: 1, FetchMaxBytes: 50 << 20,
			FetchMaxWait: 500 * time.Millisecond, PartitionMaxBytes: 1 << 20,
			AutoCommit: true, AutoCommitEvery: 5 * time.Second, AutoCreate: true,
			Assignors: []string{rangeAssignor, cooperativeAssignor},
		},
	}
}

const (
	rangeAssignor       = "org.apache.kafka.clients.consumer.RangeAssignor"
	cooperativeAssignor = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
)

// check looks at properties together, as ProducerConfig and ConsumerConfig do
// after parsing.
func (s *Settings) check(given map[string]bool) []error {
	var errs []error
	if len(s.Bootstrap) == 0 {
		errs = append(errs, propertyError("bootstrap.servers", "is missing: name at least one broker as host:port"))
	}
	if s.Role == RoleProducer {
		errs = append(errs, s.Producer.check(s.RequestTimeout, given)...)
	}
	if c := &s.Consumer; s.Role == RoleConsumer && c.HeartbeatInterval >= c.SessionTimeout {
		errs = append(errs, propertyError("heartbeat.interval.ms", "must be lower than session.timeout.ms"))
	}
	return errs
}

func (p *ProducerSettings) check(request time.Duration, given map[string]bool) []error {
	var errs []error
	if l, ok := p.levels[p.Compression]; ok {
		p.CompressionLevel = &l
	}
	if p.DeliveryTimeout < p.Linger+request {
		if given["delivery.timeout.ms"] {
			errs = append(errs, propertyError("delivery.timeout.ms", "should be equal to or larger than linger.ms + request.timeout.ms"))
		}
		p.DeliveryTimeout = p.Linger + request
	}
	if conflict := p.idempotenceConflict(); conflict != nil && p.Idempotent {
		switch {
		case given["enable.idempotence"], p.TransactionalID != "":
			errs = append(errs, conflict)
		default:
			p.Idempotent = false // as Java, which then gives up a default that nobody asked for
		}
	}
	if p.TransactionalID != "" && !p.Idempotent {
		errs = append(errs, propertyError("enable.idempotence", "cannot be false when transactional.id is set"))
	}
	return errs
}

func (p *ProducerSettings) idempotenceConflict() error {
	switch {
	case p.Acks != -1:
		return propertyError("acks", "must be all for an idempotent producer: set enable.idempotence=false or acks=all")
	case p.Retries == 0:
		return propertyError("retries", "must not be 0 for an idempotent producer")
	case p.MaxInFlight > 5:
		return propertyError("max.in.flight.requests.per.connection", "must be at most 5 for an idempotent producer")
	}
	return nil
}
