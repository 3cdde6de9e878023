package producer

import (
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// TestSecurity writes over connections that sarama has authenticated, TLS around
// them, to a broker that wants the users anew again and again.
func TestSecurity(t *testing.T) {
	cert, trust := selfSigned(t)
	users := []kfake.Opt{
		kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "pw-plain"), kfake.Superuser("SCRAM-SHA-512", "bob", "pw-scram"),
		kfake.BrokerConfigs(map[string]string{"connections.max.reauth.ms": "200"}),
	}
	secure := append(users[:len(users):len(users)], kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	for name, c := range map[string]struct {
		options []kfake.Opt
		props   kafka.Properties
	}{
		"SASL_PLAINTEXT with PLAIN": {users, kafka.Properties{
			"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="ann" password="pw-plain";`,
		}},
		"SASL_SSL with SCRAM": {secure, kafka.Properties{
			"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
			"sasl.jaas.config":        `org.apache.kafka.common.security.scram.ScramLoginModule required username="bob" password="pw-scram";`,
			"ssl.truststore.type":     "PEM",
			"ssl.truststore.location": trust,
			"compression.type":        "lz4",
			"client.id":               "secure-client",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writeBeyondSessions(t, c.options, c.props)
		})
	}
}

// TestIAM writes to a broker of MSK's kind, whose sessions end even sooner.
func TestIAM(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	cert, trust := selfSigned(t)
	broker := &iamtest.Broker{
		Keys: map[string]string{"AKID": "secret"}, Region: "eu-west-1", Lifetime: 200 * time.Millisecond,
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
	}
	writeBeyondSessions(t, []kfake.Opt{kfake.ListenFn(broker.Listen)}, kafka.Properties{
		"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM", "ssl.truststore.type": "PEM", "ssl.truststore.location": trust,
		"sasl.jaas.config":                   "software.amazon.msk.auth.iam.IAMLoginModule required;",
		"sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
	})
	if n := len(broker.Identities()); n < 5 { // two connections of the client, then one of the producer each session
		t.Errorf("%d connections were authenticated: the sessions did not end", n)
	}
}

// writeBeyondSessions writes for longer than the authentication of a connection holds.
func writeBeyondSessions(t *testing.T, options []kfake.Opt, props kafka.Properties) {
	t.Helper()
	cluster, err := embedded.Start(embedded.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	props["bootstrap.servers"] = cluster.Bootstrap()
	client, err := kafka.Open(testContext(t), kafka.Config{Role: kafka.RoleProducer, Properties: props})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	acks := newLedger()
	cfg := FromSettings(client.Settings, props)
	cfg.Client, cfg.Acks = client, acks
	p := newProducer(t, cfg)
	n := 0
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); n++ {
		mustPut(t, p, "t", 0, nil, number(uint64(n), 10), uint64(n))
		p.Flush()
		time.Sleep(5 * time.Millisecond) // beyond the session's lifetime
	}
	mustWait(t, p)
	acks.allAcked(t, n)
}

func TestWrongPasswordEndsTheProducer(t *testing.T) {
	cluster, err := embedded.Start(embedded.Config{Options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "right")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	// Kafka answers; the embedded broker would just close the connection.
	cluster.Fake.ControlKey(36, func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	client := newClient(t, cluster.Bootstrap(), func(conf *sarama.Config) {
		conf.Net.SASL.Enable, conf.Net.SASL.User, conf.Net.SASL.Password = true, "ann", "wrong"
	})
	p := newProducer(t, Config{Client: client, Acks: discard{}})
	err = p.put(testContext(t), "t", 0, nil, nil, 0)
	if err == nil {
		err = p.Wait(testContext(t))
	}
	if !errors.Is(err, sarama.ErrSASLAuthenticationFailed) {
		t.Fatalf("got %v", err)
	}
}

// selfSigned makes a certificate for 127.0.0.1 and a file to trust it by.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	cert, trust, err := iamtest.SelfSigned(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cert, trust
}
