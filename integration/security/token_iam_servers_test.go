//go:build servers

package security

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// roles is STS: it gives the keys of a role, a new one each time that the last was taken back.
type roles struct {
	broker *iamtest.Broker
	mu     sync.Mutex
	name   string // of the role, and of its keys
	n      int
	down   bool
}

func (r *roles) key() string { return fmt.Sprintf("ASIA%s%d", strings.ToUpper(r.name), r.n) }

// end has the present keys expire: brokers do not know them any more.
func (r *roles) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.key()
	r.n++
	key := r.key()
	r.broker.Change(func(b *iamtest.Broker) {
		delete(b.Keys, old)
		b.Keys[key] = "marked-secret-of-" + key
	})
}

func (r *roles) away(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// credentials answers AssumeRole for the roles of all workers, which have one server.
func credentials(all map[string]*roles) http.HandlerFunc {
	return func(w http.ResponseWriter, rq *http.Request) {
		_, name, _ := strings.Cut(rq.FormValue("RoleArn"), "role/")
		r := all[name]
		if r == nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>%s</AccessKeyId><SecretAccessKey>marked-secret-of-%s</SecretAccessKey><SessionToken>marked-session</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, r.key(), r.key(), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}
}

// Credentials of a role end in mid-run, STS is away, clocks differ by ten minutes: by either mechanism one line says where to
// look, a worker's clients ask and come for that once in a while only, and all goes on by itself.
func TestRolesInMidRun(t *testing.T) {
	mechanisms := map[string]map[string]string{
		"native": {"sasl.mechanism": "AWS_MSK_IAM", "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
			"sasl.jaas.config": `software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="arn:aws:iam::1:role/native" awsMaxRetries="0";`},
		"bearer": {"sasl.mechanism": "OAUTHBEARER", "sasl.login.callback.handler.class": "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler",
			"sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required awsRoleArn="arn:aws:iam::1:role/bearer" awsMaxRetries="0";`},
	}
	all := map[string]*roles{}
	for name := range mechanisms {
		all[name] = &roles{name: name, broker: &iamtest.Broker{Keys: map[string]string{}, Region: "eu-west-1", Lifetime: 4 * time.Second}}
		all[name].end()
	}
	sts := httptest.NewServer(credentials(all))
	t.Cleanup(sts.Close)
	dir := rig.Dir(t)
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": iamSecret, "AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
		"AWS_ENDPOINT_URL_STS": sts.URL, "AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
	} {
		t.Setenv(name, value) // workers inherit it
	}
	for name, properties := range mechanisms {
		properties["security.protocol"] = "SASL_PLAINTEXT"
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roleInMidRun(t, all[name], properties)
		})
	}
}

func roleInMidRun(t *testing.T, r *roles, properties map[string]string) {
	open, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: []kfake.Opt{kfake.ListenFn(r.broker.Listen)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(open.Close)
	s := startStream(t, r.name, open.Bootstrap(), "", properties)
	_, from := s.complains(t, 0)
	time.Sleep(r.broker.Lifetime + time.Second)
	s.flows(t)
	if lines, _ := s.complains(t, from); len(lines) > 0 {
		t.Errorf("sessions that end are told of:\n%s", strings.Join(lines, ""))
	}
	skew := func(by time.Duration) func(*iamtest.Broker) {
		return func(b *iamtest.Broker) { b.Now = func() time.Time { return time.Now().Add(by) } }
	}
	for _, c := range []struct {
		name  string
		spoil func()
		says  []string
		mend  func()
	}{
		{"STS is away when the keys end", func() { r.away(true); r.end() }, []string{"sasl.jaas.config", "finding AWS credentials", "awsRoleArn arn:aws:iam::1:role/" + r.name}, func() { r.away(false) }},
		{"a clock is ahead", func() { r.broker.Change(skew(-10 * time.Minute)) }, []string{"not yet current", "sasl.jaas.config"}, func() { r.broker.Change(skew(0)) }},
	} {
		_, from := s.complains(t, 0)
		before, began := len(r.broker.Attempts()), time.Now()
		c.spoil()
		s.says(t, from, c.says...)
		time.Sleep(2 * time.Second)
		const clients = 15
		if n, most := len(r.broker.Attempts())-before, clients*(2+int(time.Since(began).Seconds())); n > most {
			t.Errorf("%s: %d attempts in %s", c.name, n, time.Since(began))
		}
		c.mend()
		s.flows(t)
		s.noFlood(t, from, 3*clients)
	}
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"marked-", "X-Amz-Signature"} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}
