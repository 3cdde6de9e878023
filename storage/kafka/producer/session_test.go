package producer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// Sessions that end, by either way to know of it, cost no request and no line in the log.
func TestSessionsEnd(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": ""} {
		t.Setenv(name, value)
	}
	for _, mechanism := range []string{"AWS_MSK_IAM", "OAUTHBEARER"} {
		t.Run(mechanism, func(t *testing.T) {
			b := &iamtest.Broker{Keys: map[string]string{"AKID": "secret"}, Region: "eu-west-1", Lifetime: time.Second}
			c, err := embedded.Start(embedded.Config{Options: []kfake.Opt{kfake.ListenFn(b.Listen)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			client, err := kafka.Open(testContext(t), kafka.Config{Role: kafka.RoleProducer, Properties: kafka.Properties{
				"bootstrap.servers": c.Bootstrap(), "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "AWS_MSK_IAM",
				"millrace.msk.iam.mechanism": mechanism, "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;",
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			var log bytes.Buffer
			acks := newLedger()
			cfg := FromSettings(client.Settings, nil)
			cfg.Client, cfg.Acks, cfg.Logger = client, acks, slog.New(slog.NewTextHandler(&log, nil))
			p := newProducer(t, cfg)
			n := uint64(0)
			for began := time.Now(); time.Since(began) < 3*time.Second; n++ {
				mustPut(t, p, "t", 0, nil, number(n, 10), n)
				p.Flush()
				time.Sleep(time.Millisecond)
			}
			mustWait(t, p)
			ctx := testContext(t)
			if err := p.Close(ctx); err != nil {
				t.Fatal(err)
			}
			acks.allAcked(t, int(n))
			if text := log.String(); strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
				t.Errorf("the end of a session is told of:\n%s", text)
			}
			if logins := len(b.Identities()); logins < 4 || logins > 40 {
				t.Errorf("%d logins in three seconds", logins)
			}
		})
	}
}
