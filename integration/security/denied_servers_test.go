//go:build servers

package security

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// What TestDeniedOnApacheKafka shows, on the embedded broker, but for the clients of database connectors.
func TestDenied(t *testing.T) {
	cluster, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: []kfake.Opt{
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "root"), kfake.User("PLAIN", "ann", "marked-plain"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := newRights(t, cluster.Bootstrap(), func(c *sarama.Config) {
		c.Net.SASL.Enable, c.Net.SASL.Mechanism, c.Net.SASL.User, c.Net.SASL.Password = true, sarama.SASLTypePlaintext, "root", "root"
	})
	who := client{principal: "User:ann", properties: map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="ann" password="marked-plain";`,
	}}
	t.Run("workers", func(t *testing.T) { deniedWorkers(t, b, cluster.Bootstrap(), who) })
	t.Run("passwords", func(t *testing.T) { wrongPasswords(t, b, cluster.Bootstrap(), who) })
	t.Run("connectors", func(t *testing.T) { deniedConnectors(t, b, cluster.Bootstrap(), who) })
}
