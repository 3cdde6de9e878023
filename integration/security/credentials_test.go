//go:build servers || real

package security

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// wrongPasswords gives a worker, and then a connector, a password that is not the user's: a line names the broker and the
// property, and everything works once the configuration is put right.
func wrongPasswords(t *testing.T, b rights, address string, who client) {
	b.allow(t, who.principal, "p-")
	wrong := joined(who.properties, map[string]string{
		"sasl.jaas.config": strings.ReplaceAll(who.properties["sasl.jaas.config"], "marked-plain", "marked-wrong"),
	})
	clients := []string{"", "producer.", "consumer.", "admin."}
	t.Run("worker", func(t *testing.T) {
		t.Parallel()
		s := supervise(t, rig.Build(t), peer.WorkerConfig{Bootstrap: address, Group: "p-worker", Properties: prefixed(wrong, clients...)})
		s.waitLine(t, address, "sasl.jaas.config")
		for _, line := range s.lines("sasl.jaas.config") {
			if !strings.HasPrefix(line, "millrace: connecting to Kafka: ") {
				t.Errorf("a line for each attempt to start should say it, and not this one: %s", line)
			}
		}
		s.change(prefixed(who.properties, clients...))
		s.create(t, "source", generator("p-worker-t"))
		b.whole(t, "p-worker-t", 3)
		s.noSecrets(t)
	})
	t.Run("connector", func(t *testing.T) {
		t.Parallel()
		s := supervise(t, rig.Build(t), peer.WorkerConfig{Bootstrap: address, Group: "p-connector", Properties: joined(prefixed(who.properties, clients...), healing())})
		s.create(t, "source", joined(generator("p-connector-t"), prefixed(wrong, "producer.override.")))
		s.waitLine(t, address, "the task has failed", "sasl.jaas.config")
		s.create(t, "source", generator("p-connector-t"))
		b.whole(t, "p-connector-t", 3)
		s.noSecrets(t)
	})
}

func (s *supervised) noSecrets(t *testing.T) {
	t.Helper()
	for _, line := range s.lines("marked-") {
		t.Errorf("the log shows a secret: %s", line)
	}
}
