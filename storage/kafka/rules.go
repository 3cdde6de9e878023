package kafka

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule says what a client property does here: it is set, or it is ignored or
// refused for a reason. One that is refused has a set that knows the values which
// mean nothing.
type rule struct {
	roles            Role
	set              setter
	ignored, refused string
	differs          string // how the effect of one that is used differs from Java's
}

const every = RoleProducer | RoleConsumer | RoleAdmin

// Reasons why properties have no effect.
const (
	noJavaClass   = "names a Java class that this client does not load"
	noJMX         = "Java metrics; this client's metrics are exported for Prometheus"
	fixedSocket   = "socket buffers are sized by the operating system"
	noIdle        = "idle connections stay open until the broker closes them, and are opened again when needed"
	ownCodec      = "records are serialised by the worker"
	noRebootstra  = "the bootstrap servers are always tried again when no known broker answers"
	checksAlways  = "checksums are always verified"
	noTelemetry   = "client metrics are not pushed to the brokers"
	tlsByGo       = "decided by the TLS library"
	brokerOnly    = "used by brokers only"
	tokenByServer = "tokens are passed on as they are; the brokers check them"
	noKerberos    = "no thread and no program renews Kerberos tickets: they are asked for when a connection needs one, and those of a ticket cache are renewed in time"
	ownShare      = "share groups are not used"
	configClass   = "${...} references are resolved before the client is made"
)

// rules has one row for each property of ProducerConfig, ConsumerConfig and
// AdminClientConfig of Kafka 4.3. The security properties are read together, by
// parseSecurity.
var rules = buildRules()

func buildRules() map[string]rule {
	m := map[string]rule{
		"bootstrap.servers":     {roles: every, set: setBootstrap},
		"bootstrap.controllers": refused(RoleAdmin, "", "controllers cannot be used in place of brokers here: set bootstrap.servers"),
		"client.dns.lookup": {roles: every, set: oneOf(func(s *Settings, v string) { s.CanonicalServers = v != "use_all_dns_ips" },
			"use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")},
		"client.id":                                {roles: every, set: text(func(s *Settings) *string { return &s.ClientID })},
		"client.rack":                              {roles: RoleConsumer, set: text(func(s *Settings) *string { return &s.Rack })},
		"request.timeout.ms":                       {roles: every, set: millis(0, func(s *Settings) *time.Duration { return &s.RequestTimeout })},
		"default.api.timeout.ms":                   {roles: RoleConsumer | RoleAdmin, set: millis(0, func(s *Settings) *time.Duration { return &s.APITimeout })},
		"socket.connection.setup.timeout.ms":       {roles: every, set: millis(0, func(s *Settings) *time.Duration { return &s.ConnectTimeout })},
		"socket.connection.setup.timeout.max.ms":   ignored(every, "each attempt to connect has the same timeout, socket.connection.setup.timeout.ms"),
		"metadata.max.age.ms":                      {roles: every, set: millis(0, func(s *Settings) *time.Duration { return &s.MetadataMaxAge })},
		"metadata.max.idle.ms":                     ignored(RoleProducer, "metadata of idle topics is kept"),
		"metadata.recovery.strategy":               ignored(every, noRebootstra),
		"metadata.recovery.rebootstrap.trigger.ms": ignored(every, noRebootstra),
		"retry.backoff.ms":                         {roles: every, set: millis(0, func(s *Settings) *time.Duration { return &s.RetryBackoff })},
		"retry.backoff.max.ms":                     {roles: every, set: millis(0, func(s *Settings) *time.Duration { return &s.RetryBackoffMax })},
		"reconnect.backoff.ms":                     ignored(every, "retry.backoff.ms also governs attempts to connect"),
		"reconnect.backoff.max.ms":                 ignored(every, "retry.backoff.max.ms also governs attempts to connect"),
		"retries":                                  {roles: RoleProducer | RoleAdmin, set: integer(0, 1<<31-1, func(s *Settings, n int64) { s.Producer.Retries = int(n) })},
	}
	producerRules(m)
	consumerRules(m)
	loginRules(m)
	ignoredRules(m)
	for _, name := range securityProperties {
		m[name] = rule{roles: every, set: func(*Settings, string, string) error { return nil }}
	}
	for _, name := range []string{"sasl.login.class", "ssl.engine.factory.class", "ssl.provider"} {
		r := m[name] // parseSecurity refuses it
		r.refused = noJavaClass + ": leave it out"
		m[name] = r
	}
	differs(m, map[string]string{
		"sasl.client.callback.handler.class":   "with the classes of Kafka and of aws-msk-iam-auth",
		"sasl.login.callback.handler.class":    "with the classes of Kafka, of aws-msk-iam-auth and of Strimzi's OAuth library",
		"sasl.oauthbearer.jwt.retriever.class": "with DefaultJwtRetriever, which goes by the URL of the token end point",
		"ssl.cipher.suites":                    "with TLS 1.2; those of TLS 1.3 are always on, and those with DHE are left out",
	})
	return m
}

func producerRules(m map[string]rule) {
	p := func(name string, set func(*Settings, string, string) error) {
		m[name] = rule{roles: RoleProducer, set: set}
	}
	p("acks", oneOf(func(s *Settings, v string) { s.Producer.Acks = acksOf(v) }, "all", "-1", "0", "1"))
	p("enable.idempotence", boolean(func(s *Settings) *bool { return &s.Producer.Idempotent }))
	p("transactional.id", text(func(s *Settings) *string { return &s.Producer.TransactionalID }))
	p("transaction.timeout.ms", millis(0, func(s *Settings) *time.Duration { return &s.Producer.TransactionLimit }))
	m["transaction.two.phase.commit.enable"] = refused(RoleProducer, "false", "two-phase commit is not supported")
	p("compression.type", oneOf(func(s *Settings, v string) { s.Producer.Compression = v }, "none", "gzip", "snappy", "lz4", "zstd"))
	p("compression.gzip.level", level("gzip", -1, 9))
	p("compression.lz4.level", level("lz4", 1, 17))
	p("compression.zstd.level", level("zstd", -131072, 22))
	p("linger.ms", millis(0, func(s *Settings) *time.Duration { return &s.Producer.Linger }))
	p("batch.size", integer(0, 1<<31-1, func(s *Settings, n int64) { s.Producer.BatchSize = int(n) }))
	p("buffer.memory", integer(0, 1<<62, func(s *Settings, n int64) { s.Producer.BufferMemory = n }))
	p("max.request.size", integer(0, 1<<31-1, func(s *Settings, n int64) { s.Producer.MaxRequestSize = int(n) }))
	p("max.in.flight.requests.per.connection", integer(1, 1<<31-1, func(s *Settings, n int64) { s.Producer.MaxInFlight = int(n) }))
	p("max.block.ms", millis(0, func(s *Settings) *time.Duration { return &s.Producer.MaxBlock }))
	p("delivery.timeout.ms", millis(0, func(s *Settings) *time.Duration { return &s.Producer.DeliveryTimeout }))
	p("partitioner.ignore.keys", boolean(func(s *Settings) *bool { return &s.Producer.IgnoreKeys }))
	p("partitioner.class", setPartitioner)
	m["partitioner.adaptive.partitioning.enable"] = ignored(RoleProducer, "records without key go to the partitions in turn, batch by batch")
	m["partitioner.availability.timeout.ms"] = ignored(RoleProducer, "records without key go to the partitions in turn, batch by batch")
	differs(m, map[string]string{
		"acks":                                  "by the producers of stores and histories; those of connectors always wait for all in-sync replicas",
		"linger.ms":                             "it counts against delivery.timeout.ms; batches leave as soon as the input pauses",
		"batch.size":                            "by the producers of connectors, as a lower bound: batches grow under load",
		"buffer.memory":                         "by the producers of connectors; the default is 8 MiB",
		"max.block.ms":                          "by the producers of connectors",
		"max.in.flight.requests.per.connection": "by the producers of connectors, at most 5; those of stores have one request on its way",
		"partitioner.class":                     "by the producers of connectors: RoundRobinPartitioner is known",
		"partitioner.ignore.keys":               "by the producers of connectors",
	})
	m["key.serializer"] = ignored(RoleProducer, ownCodec)
	m["value.serializer"] = ignored(RoleProducer, ownCodec)
}

func consumerRules(m map[string]rule) {
	c := func(name string, set func(*Settings, string, string) error) {
		m[name] = rule{roles: RoleConsumer, set: set}
	}
	c("group.id", text(func(s *Settings) *string { return &s.Consumer.Group }))
	c("group.instance.id", text(func(s *Settings) *string { return &s.Consumer.InstanceID }))
	c("group.protocol", setGroupProtocol)
	c("isolation.level", oneOf(func(s *Settings, v string) {
		s.Consumer.Isolation = ReadUncommitted
		if v == "read_committed" {
			s.Consumer.Isolation = ReadCommitted
		}
	}, "read_uncommitted", "read_committed"))
	c("auto.offset.reset", setReset)
	c("enable.auto.commit", boolean(func(s *Settings) *bool { return &s.Consumer.AutoCommit }))
	c("allow.auto.create.topics", boolean(func(s *Settings) *bool { return &s.Consumer.AutoCreate }))
	c("auto.commit.interval.ms", millis(0, func(s *Settings) *time.Duration { return &s.Consumer.AutoCommitEvery }))
	c("max.poll.records", integer(1, 1<<31-1, func(s *Settings, n int64) { s.Consumer.MaxPollRecords = int(n) }))
	c("max.poll.interval.ms", millis(1, func(s *Settings) *time.Duration { return &s.Consumer.MaxPollInterval }))
	c("session.timeout.ms", millis(1, func(s *Settings) *time.Duration { return &s.Consumer.SessionTimeout }))
	c("heartbeat.interval.ms", millis(1, func(s *Settings) *time.Duration { return &s.Consumer.HeartbeatInterval }))
	c("partition.assignment.strategy", setAssignors)
	c("fetch.min.bytes", integer(0, 1<<31-1, func(s *Settings, n int64) { s.Consumer.FetchMinBytes = int(n) }))
	c("fetch.max.bytes", integer(0, 1<<31-1, func(s *Settings, n int64) { s.Consumer.FetchMaxBytes = int(n) }))
	c("fetch.max.wait.ms", millis(0, func(s *Settings) *time.Duration { return &s.Consumer.FetchMaxWait }))
	c("max.partition.fetch.bytes", integer(0, 1<<31-1, func(s *Settings, n int64) { s.Consumer.PartitionMaxBytes = int(n) }))
	differs(m, map[string]string{
		"group.protocol":                "classic is the only one",
		"max.poll.interval.ms":          "as the time that a rebalance may take",
		"partition.assignment.strategy": "cooperative assignment is served by an eager one",
		"fetch.min.bytes":               "0 is taken for 1",
		"allow.auto.create.topics":      "by sinks that list their topics: no other consumer here creates any",
		"auto.offset.reset":             "under by_duration, a partition that has lost its position is read from its first record",
	})
	m["key.deserializer"] = ignored(RoleConsumer, ownCodec)
	m["value.deserializer"] = ignored(RoleConsumer, ownCodec)
	m["check.crcs"] = ignored(RoleConsumer, checksAlways)
	m["exclude.internal.topics"] = ignored(RoleConsumer, "internal topics never match a topic pattern")
	m["group.remote.assignor"] = ignored(RoleConsumer, "used with group.protocol=consumer only")
	m["share.acknowledgement.mode"] = ignored(RoleConsumer, ownShare)
	m["share.acquire.mode"] = ignored(RoleConsumer, ownShare)
	m["internal.throw.on.fetch.stable.offset.unsupported"] = ignored(RoleConsumer, "internal to the Java client")
}

func ignoredRules(m map[string]rule) {
	for name, why := range map[string]string{
		"config.providers":         configClass,
		"connections.max.idle.ms":  noIdle,
		"enable.metrics.push":      noTelemetry,
		"metric.reporters":         noJMX,
		"metrics.num.samples":      noJMX,
		"metrics.recording.level":  noJMX,
		"metrics.sample.window.ms": noJMX,
		"receive.buffer.bytes":     fixedSocket,
		"send.buffer.bytes":        fixedSocket,
		"security.providers":       noJavaClass,
		"ssl.protocol":             "ssl.enabled.protocols decides which versions there are, as with Java's clients, which always set it",
	} {
		m[name] = ignored(every, why)
	}
	m["interceptor.classes"] = rule{roles: RoleProducer | RoleConsumer, set: setInterceptors,
		refused: noJavaClass + ": leave it out. Those of Confluent's Control Center, which only report, are ignored"}
	for why, names := range map[string][]string{
		brokerOnly: {"sasl.oauthbearer.clock.skew.seconds", "sasl.oauthbearer.expected.audience", "sasl.oauthbearer.expected.issuer",
			"sasl.oauthbearer.jwks.endpoint.refresh.ms", "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
			"sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "sasl.oauthbearer.jwks.endpoint.url"},
		tokenByServer: {"sasl.oauthbearer.jwt.validator.class", "sasl.oauthbearer.scope.claim.name", "sasl.oauthbearer.sub.claim.name"},
		tlsByGo:       {"ssl.keymanager.algorithm", "ssl.trustmanager.algorithm", "ssl.secure.random.implementation"},
		noKerberos:    {"sasl.kerberos.kinit.cmd", "sasl.kerberos.ticket.renew.jitter", "sasl.kerberos.min.time.before.relogin"},
	} {
		for _, name := range names {
			m[name] = ignored(every, why)
		}
	}
	assertions := refused(every, "", "client assertions are not supported: use a client id and secret, or a token in a file")
	for _, name := range []string{"algorithm", "claim.aud", "claim.exp.seconds", "claim.iss", "claim.jti.include", "claim.nbf.seconds",
		"claim.sub", "file", "private.key.file", "private.key.passphrase", "template.file"} {
		m["sasl.oauthbearer.assertion."+name] = assertions
	}
}

// differs says of rules how their effects differ from Java's.
func differs(m map[string]rule, how map[string]string) {
	for name, text := range how {
		r := m[name]
		r.differs = text
		m[name] = r
	}
}

func ignored(roles Role, why string) rule { return rule{roles: roles, ignored: why} }

func acksOf(v string) int {
	switch v {
	case "0":
		return 0
	case "1":
		return 1
	}
	return -1
}

type setter = func(s *Settings, name, value string) error

func text(field func(*Settings) *string) setter {
	return func(s *Settings, _, value string) error {
		*field(s) = value
		return nil
	}
}

func integer(low, high int64, set func(*Settings, int64)) setter {
	return func(s *Settings, name, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return propertyError(name, "%q is not a whole number", value)
		}
		if n < low || n > high {
			return propertyError(name, "%d is out of range, it must be between %d and %d", n, low, high)
		}
		set(s, n)
		return nil
	}
}

func millis(low int64, field func(*Settings) *time.Duration) setter {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return func(s *Settings, name, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < low {
			return propertyError(name, "%q is not a number of milliseconds from %d up", value, low)
		}
		*field(s) = time.Duration(min(n, most)) * time.Millisecond
		return nil
	}
}

func boolean(field func(*Settings) *bool) setter {
	return func(s *Settings, name, value string) error {
		switch strings.ToLower(value) {
		case "true":
			*field(s) = true
		case "false":
			*field(s) = false
		default:
			return propertyError(name, "%q is neither true nor false", value)
		}
		return nil
	}
}

func oneOf(set func(*Settings, string), valid ...string) setter {
	return func(s *Settings, name, value string) error {
		if !slices.Contains(valid, value) {
			return propertyError(name, "%q is none of %s", value, strings.Join(valid, ", "))
		}
		set(s, value)
		return nil
	}
}

// refused is the rule of a property that can only be left out, empty or harmless.
func refused(roles Role, harmless, why string) rule {
	set := func(_ *Settings, name, value string) error {
		if value == "" || strings.EqualFold(value, harmless) {
			return nil
		}
		return propertyError(name, "%s", why)
	}
	return rule{roles: roles, set: set, refused: why}
}

// level keeps the level of a codec, which may or may not be the one in use.
func level(codec string, low, high int64) setter {
	return integer(low, high, func(s *Settings, n int64) {
		if s.Producer.levels == nil {
			s.Producer.levels = map[string]int{}
		}
		s.Producer.levels[codec] = int(n)
	})
}

func setBootstrap(s *Settings, name, value string) error {
	s.Bootstrap = splitList(value)
	for i, addr := range s.Bootstrap {
		if strings.Contains(addr, "@") { // it may hold a password
			return propertyError(name, "entry %d is not of the form host:port: a user and a password belong into sasl.jaas.config", i+1)
		}
		host, port, err := net.SplitHostPort(stripProtocol(addr))
		if n, perr := strconv.Atoi(port); err != nil || host == "" || perr != nil || n < 0 || n > 65535 {
			return propertyError(name, "%q is not of the form host:port", addr)
		}
	}
	for i, addr := range s.Bootstrap {
		s.Bootstrap[i] = stripProtocol(addr)
	}
	return nil
}

// stripProtocol removes a listener name in front of an address, which Java's
// address pattern also allows: SSL://host:9093.
func stripProtocol(addr string) string {
	if _, rest, ok := strings.Cut(addr, "://"); ok {
		return rest
	}
	return addr
}

func splitList(value string) []string {
	var out []string
	for _, item := range strings.Split(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func setPartitioner(s *Settings, name, value string) error {
	switch value {
	case "", "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
		"org.apache.kafka.clients.producer.UniformStickyPartitioner":
		s.Producer.IgnoreKeys = s.Producer.IgnoreKeys || strings.HasSuffix(value, "UniformStickyPartitioner")
	case "org.apache.kafka.clients.producer.RoundRobinPartitioner":
		s.Producer.RoundRobin = true
	default:
		return propertyError(name, "%q %s: leave it out, or use org.apache.kafka.clients.producer.RoundRobinPartitioner", value, noJavaClass)
	}
	return nil
}

// setInterceptors refuses interceptors: one may change records or drop them, and to go
// on without it is not for this client to decide. Confluent's, which most of its
// examples have, only send metrics to its Control Center.
func setInterceptors(s *Settings, name, value string) error {
	for _, class := range splitList(value) {
		if !strings.HasPrefix(class, "io.confluent.monitoring.clients.interceptor.Monitoring") {
			return propertyError(name, "%s %s: leave it out", class, noJavaClass)
		}
		s.Notes = append(s.Notes, Note{name, class + " reports to Confluent's Control Center; the metrics are at /metrics"})
	}
	return nil
}

func setGroupProtocol(_ *Settings, name, value string) error {
	switch strings.ToLower(value) {
	case "classic":
		return nil
	case "consumer":
		return propertyError(name, "the protocol %q is not supported: use classic", value)
	}
	return propertyError(name, "%q is none of classic, consumer", value)
}

func setReset(s *Settings, name, value string) error {
	switch v := strings.ToLower(value); {
	case v == "latest":
		s.Consumer.Reset = ResetLatest
	case v == "earliest":
		s.Consumer.Reset = ResetEarliest
	case v == "none":
		s.Consumer.Reset = ResetNone
	case strings.HasPrefix(v, "by_duration:"):
		d, err := parseISODuration(value[len("by_duration:"):])
		if err != nil {
			return propertyError(name, "%v", err)
		}
		s.Consumer.Reset, s.Consumer.ResetBy = ResetByDuration, d
	default:
		return propertyError(name, "%q is none of latest, earliest, none, by_duration:PnDTnHnMn.nS", value)
	}
	return nil
}

func setAssignors(s *Settings, name, value string) error {
	valid := []string{rangeAssignor, cooperativeAssignor,
		"org.apache.kafka.clients.consumer.RoundRobinAssignor", "org.apache.kafka.clients.consumer.StickyAssignor"}
	list := splitList(value)
	if len(list) == 0 {
		return propertyError(name, "is empty")
	}
	for _, a := range list {
		if !slices.Contains(valid, a) {
			return propertyError(name, "%q %s: use one of %s", a, noJavaClass, strings.Join(valid, ", "))
		}
	}
	s.Consumer.Assignors = list
	return nil
}
