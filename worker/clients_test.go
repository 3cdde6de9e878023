package worker

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// What a client of a connector is given: what Connect insists on by default, then the worker's properties with the
// client's prefix, then the connector's overrides, and last what Connect does not leave to either
// (Worker.baseProducerConfigs, baseConsumerConfigs, adminConfigs). Other clients' prefixes and the worker's own
// properties have no part in it.
func TestWhichPropertyWins(t *testing.T) {
	id := state.TaskID{Connector: "c", Task: 3}
	clients := map[string]func(worker kafka.Properties, connector map[string]string) kafka.Properties{
		"producer": func(w kafka.Properties, c map[string]string) kafka.Properties {
			return producerProperties(w, kafka.Properties(c).WithPrefix("producer.override."))
		},
		"admin": func(w kafka.Properties, c map[string]string) kafka.Properties {
			return adminProperties(w, kafka.Properties(c).WithPrefix("admin.override."))
		},
		"consumer": func(w kafka.Properties, c map[string]string) kafka.Properties {
			return sinkConsumerProperties(w, id, kafka.Properties(c).WithPrefix("consumer.override."))
		},
		"offsets": func(w kafka.Properties, c map[string]string) kafka.Properties {
			return (&Worker{cfg: Config{Properties: w}}).offsetConsumer(c, true)
		},
	}
	for _, tc := range []struct {
		client, property               string
		inherent, prefixed, overridden string // with neither, with the prefix, with an override as well
		prefix, override               string
	}{
		{"producer", "bootstrap.servers", "w:1", "p:1", "o:1", "producer.", "producer.override."},
		{"producer", "acks", "all", "1", "0", "producer.", "producer.override."},
		{"producer", "max.block.ms", "9223372036854775807", "1", "2", "producer.", "producer.override."},
		{"producer", "max.in.flight.requests.per.connection", "5", "1", "2", "producer.", "producer.override."},
		{"producer", "delivery.timeout.ms", "2147483647", "60000", "70000", "producer.", "producer.override."},
		{"producer", "sasl.jaas.config", "", "a", "b", "producer.", "producer.override."},
		{"admin", "bootstrap.servers", "w:1", "p:1", "o:1", "admin.", "admin.override."},
		{"admin", "retries", "", "1", "2", "admin.", "admin.override."},
		{"consumer", "bootstrap.servers", "w:1", "p:1", "o:1", "consumer.", "consumer.override."},
		{"consumer", "group.id", "connect-c", "g", "h", "consumer.", "consumer.override."},
		{"consumer", "client.id", "connector-consumer-c-3", "i", "j", "consumer.", "consumer.override."},
		{"consumer", "enable.auto.commit", "false", "true", "true", "consumer.", "consumer.override."},
		{"consumer", "auto.offset.reset", "earliest", "latest", "none", "consumer.", "consumer.override."},
		{"consumer", "isolation.level", "", "read_committed", "read_uncommitted", "consumer.", "consumer.override."},
		{"offsets", "bootstrap.servers", "w:1", "p:1", "o:1", "consumer.", "consumer.override."},
		{"offsets", "isolation.level", "read_committed", "read_committed", "read_committed", "consumer.", "consumer.override."},
		{"offsets", "auto.offset.reset", "earliest", "earliest", "earliest", "consumer.", "consumer.override."},
		{"offsets", "enable.auto.commit", "false", "false", "false", "consumer.", "consumer.override."},
		{"offsets", "max.poll.records", "", "1", "2", "consumer.", "consumer.override."},
	} {
		worker := kafka.Properties{"bootstrap.servers": "w:1", "group.id": "workers"}
		if worker[tc.property] == "" {
			worker[tc.property] = "the worker's own"
		}
		connector := map[string]string{tc.property: "the connector's own"}
		for _, other := range []string{"producer.", "consumer.", "admin."} {
			if other != tc.prefix {
				worker[other+tc.property], connector[other+"override."+tc.property] = "another client's", "another client's"
			}
		}
		check := func(when, want string) {
			t.Helper()
			if got := clients[tc.client](worker, connector)[tc.property]; got != want {
				t.Errorf("%s, %s %s: %q, want %q", tc.client, tc.property, when, got, want)
			}
		}
		check("by default", tc.inherent)
		worker[tc.prefix+tc.property] = tc.prefixed
		if tc.prefixed != "" {
			check("with the worker's prefix", tc.prefixed)
		}
		connector[tc.override+tc.property] = tc.overridden
		check("with an override", tc.overridden)
	}
}

// refuseAll is a policy that allows nothing; it notes what it was asked.
type refuseAll struct{ asked map[connect.ClientType]string }

func (r refuseAll) Check(_, _ string, client connect.ClientType, overrides map[string]string) map[string]error {
	out := map[string]error{}
	for name := range overrides {
		r.asked[client] += name
		out[name] = &connect.ConfigError{Key: name, Err: errNoOffset}
	}
	return out
}

// Whatever the policy, no connector has a client send a file of the worker.
func TestFilesOfTheWorkerAreNotSent(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "")
	const endpoint = "sasl.oauthbearer.token.endpoint.url"
	w := &Worker{cfg: Config{Properties: map[string]string{"producer." + endpoint: "file:/run/token"}}}
	err := w.checkOverrides("c", "C", map[string]string{"schema.history.internal.producer." + endpoint: "file:/etc/shadow"})
	if connect.ClassOf(err) != connect.ClassConfig || !strings.Contains(err.Error(), "schema.history.internal.producer."+endpoint+": names a file") {
		t.Errorf("a file of the connector's choice: %v", err)
	}
	if err := w.checkOverrides("c", "C", map[string]string{"producer.override." + endpoint: "file:/run/token"}); err != nil {
		t.Errorf("the worker's own: %v", err)
	}
}

// Each client's overrides are asked about under its own kind, and refused by their whole name.
func TestOverridesAreAskedAbout(t *testing.T) {
	policy := refuseAll{map[connect.ClientType]string{}}
	w := &Worker{cfg: Config{OverridePolicy: policy}}
	err := w.checkOverrides("c", "C", map[string]string{
		"producer.override.acks": "1", "consumer.override.group.id": "g", "admin.override.retries": "1", "producer.linger.ms": "1", "override.x": "1",
	})
	for _, name := range []string{"producer.override.acks", "consumer.override.group.id", "admin.override.retries"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not refused: %v", name, err)
		}
	}
	want := map[connect.ClientType]string{connect.ClientProducer: "acks", connect.ClientConsumer: "group.id", connect.ClientAdmin: "retries"}
	for client, names := range want {
		if policy.asked[client] != names {
			t.Errorf("asked %v, want %v", policy.asked, want)
		}
	}
}
