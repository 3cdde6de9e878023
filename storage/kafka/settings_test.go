package kafka

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

type javaProperty struct {
	role                Role
	name, kind, initial string
}

// javaProperties are all client properties of Kafka 4.3.1 with their defaults, as
// the ConfigDefs of the Java clients list them.
func javaProperties(t *testing.T) []javaProperty {
	t.Helper()
	b, err := os.ReadFile("testdata/properties-4.3.1.tsv")
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]Role{"producer": RoleProducer, "consumer": RoleConsumer, "admin": RoleAdmin}
	var out []javaProperty
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Split(line, "\t")
		out = append(out, javaProperty{roles[f[0]], f[1], f[2], f[3]})
	}
	return out
}

// Each property of the Java clients must be mapped, refused or ignored for a
// reason, in the same roles.
func TestEveryJavaPropertyHasARule(t *testing.T) {
	known := map[string]Role{}
	for _, p := range javaProperties(t) {
		known[p.name] |= p.role
		r, ok := rules[p.name]
		switch {
		case !ok:
			t.Errorf("%s has no rule", p.name)
		case r.roles&p.role == 0:
			t.Errorf("%s has no rule for a %s", p.name, p.role)
		case r.set == nil && r.ignored == "":
			t.Errorf("%s is ignored without reason", p.name)
		}
	}
	known[iamMechanism] = every // our own
	for name, r := range rules {
		if extra := r.roles &^ known[name]; extra != 0 {
			t.Errorf("%s has a rule for roles %b that Java does not know", name, extra)
		}
	}
}

// notProperties are constants of Java's configuration classes that are none of a
// client's properties.
var notProperties = map[string]string{
	"https": "a value", "scope": "a value", "sub": "a value",
	"metrics.context.":             "a prefix, which workers give to all clients",
	"rebalance.timeout.ms":         "of Connect workers",
	"default.list.key.serde.inner": "of serializers", "default.list.key.serde.type": "of serializers",
	"default.list.value.serde.inner": "of serializers", "default.list.value.serde.type": "of serializers",
}

// The lists above are Java's whole vocabulary: each name in ProducerConfig,
// ConsumerConfig, AdminClientConfig, CommonClientConfigs, SaslConfigs, SslConfigs and
// SecurityConfig of Kafka 4.3.1 (testdata/constants.sh) has a rule.
func TestEveryConstantHasARule(t *testing.T) {
	b, err := os.ReadFile("testdata/constants-4.3.1.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		class, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if _, ok := rules[name]; !ok && notProperties[name] == "" {
			t.Errorf("%s of %s has no rule", name, class)
		}
		n++
	}
	if n < 200 {
		t.Errorf("only %d constants were looked at", n)
	}
}

// Setting every property to Java's default must change nothing: the defaults here
// are the same.
func TestDefaultsAreJavas(t *testing.T) {
	for _, role := range []Role{RoleProducer, RoleConsumer, RoleAdmin} {
		base := Properties{"bootstrap.servers": "b:1"}
		all := base.With(nil)
		for _, p := range javaProperties(t) {
			plain := p.kind != "CLASS" && p.initial != "null" && p.initial != "-" && p.initial != "[]"
			security := strings.HasPrefix(p.name, "sasl.") || strings.HasPrefix(p.name, "ssl.")
			if p.role == role && plain && !security && !strings.HasPrefix(p.initial, "[") {
				all[p.name] = p.initial
			}
		}
		want, err := ParseSettings(role, base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSettings(role, all)
		if err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		for _, s := range []*Settings{got, want} {
			s.Notes, s.Producer.levels, s.Producer.CompressionLevel = nil, nil, nil
		}
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Errorf("%s: with Java's defaults\n%s\nwithout\n%s", role, g, w)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		role     Role
		property string
		value    string
		want     string
	}{
		{RoleProducer, "bootstrap.servers", "", "bootstrap.servers: is missing"},
		{RoleProducer, "bootstrap.servers", "host", "host:port"},
		{RoleProducer, "bootstrap.servers", "a:1,b:x", `"b:x"`},
		{RoleProducer, "acks", "2", "all, -1, 0, 1"},
		{RoleProducer, "compression.type", "brotli", "zstd"},
		{RoleProducer, "linger.ms", "-1", "milliseconds"},
		{RoleProducer, "linger.ms", "soon", "soon"},
		{RoleProducer, "enable.idempotence", "maybe", "neither true nor false"},
		{RoleProducer, "max.in.flight.requests.per.connection", "0", "out of range"},
		{RoleProducer, "partitioner.class", "com.me.P", "Java class"},
		{RoleProducer, "transaction.two.phase.commit.enable", "true", "not supported"},
		{RoleProducer, "delivery.timeout.ms", "10", "linger.ms + request.timeout.ms"},
		{RoleConsumer, "isolation.level", "serializable", "read_committed"},
		{RoleConsumer, "auto.offset.reset", "middle", "by_duration"},
		{RoleConsumer, "auto.offset.reset", "by_duration:1h", "PnDTnHnMn.nS"},
		{RoleConsumer, "partition.assignment.strategy", "com.me.A", "RangeAssignor"},
		{RoleConsumer, "group.protocol", "consumer", "use classic"},
		{RoleConsumer, "heartbeat.interval.ms", "45000", "session.timeout.ms"},
		{RoleAdmin, "bootstrap.controllers", "c:1", "bootstrap.servers"},
		{RoleAdmin, "security.protocol", "TLS", "SASL_SSL"},
	} {
		p := Properties{"bootstrap.servers": "b:1"}.With(Properties{c.property: c.value})
		_, err := ParseSettings(c.role, p)
		if err == nil || !strings.Contains(err.Error(), c.property) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: error %v, want one that names it and %q", c.property, c.value, err, c.want)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := ParseSettings(RoleProducer, Properties{"acks": "x", "linger.ms": "y", "security.protocol": "z"})
	for _, want := range []string{"acks", "linger.ms", "security.protocol", "bootstrap.servers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestIdempotence(t *testing.T) {
	for _, c := range []struct {
		p    Properties
		want string // true, false or part of the error
	}{
		{Properties{}, "true"},
		{Properties{"enable.idempotence": "false"}, "false"},
		{Properties{"acks": "1"}, "false"}, // nobody asked for it
		{Properties{"acks": "1", "enable.idempotence": "true"}, "acks"},
		{Properties{"retries": "0", "enable.idempotence": "true"}, "retries"},
		{Properties{"max.in.flight.requests.per.connection": "6"}, "false"},
		{Properties{"transactional.id": "t", "enable.idempotence": "false"}, "enable.idempotence"},
		{Properties{"transactional.id": "t", "acks": "1"}, "acks"},
	} {
		s, err := ParseSettings(RoleProducer, Properties{"bootstrap.servers": "b:1"}.With(c.p))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(s.Producer.Idempotent)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%v: %s, want %s", c.p, got, c.want)
		}
	}
}

func TestNotes(t *testing.T) {
	s, err := ParseSettings(RoleConsumer, Properties{
		"bootstrap.servers": "b:1", "acks": "all", "config.storage.topic": "t", "key.deserializer": "X",
		"metric.reporters": "R", "metrics.context.connect.group.id": "g",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range s.Notes {
		got = append(got, n.Property)
	}
	if want := "acks config.storage.topic key.deserializer metric.reporters"; strings.Join(got, " ") != want {
		t.Errorf("notes on %v, want %s", got, want)
	}
}

func TestSaramaConfig(t *testing.T) {
	s, err := ParseSettings(RoleProducer, Properties{
		"bootstrap.servers": "PLAINTEXT://a:1, b:2", "client.id": "me", "request.timeout.ms": "4000", "acks": "all",
		"compression.type": "zstd", "compression.zstd.level": "7", "compression.gzip.level": "1",
		"transactional.id": "tx", "transaction.timeout.ms": "5000", "retry.backoff.ms": "10", "retry.backoff.max.ms": "50",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Sarama()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"servers":     strings.Join(s.Bootstrap, " ") == "a:1 b:2",
		"version":     c.Version == sarama.MaxVersion,
		"client id":   c.ClientID == "me",
		"timeout":     c.Net.ReadTimeout == 4*time.Second,
		"compression": c.Producer.Compression == sarama.CompressionZSTD && c.Producer.CompressionLevel == 7,
		"transaction": c.Producer.Transaction.ID == "tx" && c.Producer.Transaction.Timeout == 5*time.Second && c.Producer.Idempotent,
		"in flight":   c.Net.MaxOpenRequests == 1,
		"backoff":     s.backoff(1, 0) == 10*time.Millisecond && s.backoff(3, 0) == 40*time.Millisecond && s.backoff(9, 0) == 50*time.Millisecond,
	} {
		if !ok {
			t.Errorf("%s is wrong: %+v", what, s)
		}
	}
}

func TestISODurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT1H30M": 90 * time.Minute, "pt0.5s": time.Second / 2, "P2DT3S": 48*time.Hour + 3*time.Second,
	} {
		if got, err := parseISODuration(in); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "P", "PT", "P1DT", "1D", "P1Y", "PT1D", "P99999999999D"} {
		if got, err := parseISODuration(in); err == nil {
			t.Errorf("%s was read as %v", in, got)
		}
	}
}
