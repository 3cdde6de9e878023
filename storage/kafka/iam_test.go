package kafka_test

import (
	"context"
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

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

const (
	iamModule  = "software.amazon.msk.auth.iam.IAMLoginModule required"
	iamHandler = "software.amazon.msk.auth.iam.IAMClientCallbackHandler"
	iamOAuth   = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
	bearer     = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
)

// iamCluster is a cluster that admits those who sign with a known key.
func iamCluster(t *testing.T, b *iamtest.Broker) (*embedded.Cluster, kafka.Properties) {
	t.Helper()
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	server, err := kafka.ServerTLS(kafka.Properties{"ssl.keystore.location": dir + "server.jks", "ssl.keystore.password": "changeit", "ssl.key.password": "keysecret"})
	must(t, err)
	b.TLS, b.Region = server, "eu-west-1"
	if b.Keys == nil {
		b.Keys = map[string]string{"AKIDENV": "env-secret", "AKIDPROFILE": "profile-secret", "ASIAROLE": "role-secret"}
	}
	c := cluster(t, embedded.Config{Options: []kfake.Opt{kfake.ListenFn(b.Listen)}})
	return c, kafka.Properties{
		"security.protocol": "SASL_SSL", "ssl.truststore.location": dir + "trust.jks",
		"ssl.endpoint.identification.algorithm": "", // the certificate is not for 127.0.0.1
	}
}

func native(options string) kafka.Properties {
	return kafka.Properties{"sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": iamModule + options + ";", "sasl.client.callback.handler.class": iamHandler}
}

// roleServer is STS: it gives the keys of a role to who asks as the wanted key, and keeps the request's form.
func roleServer(t *testing.T, form *map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := map[string]string{"Authorization": r.Header.Get("Authorization")}
		for _, name := range []string{"Action", "RoleArn", "RoleSessionName", "ExternalId"} {
			got[name] = r.FormValue(name)
		}
		if got["Action"] != "AssumeRole" { // GetCallerIdentity, which awsDebugCreds asks
			w.WriteHeader(http.StatusForbidden)
			return
		}
		*form = got
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestIAMIdentities(t *testing.T) {
	b := &iamtest.Broker{}
	c, base := iamCluster(t, b)
	must(t, os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte("[shop]\naws_access_key_id=AKIDPROFILE\naws_secret_access_key=profile-secret\n"), 0o600))
	var form map[string]string
	t.Setenv("AWS_ENDPOINT_URL_STS", roleServer(t, &form))
	role := ` awsRoleArn="arn:aws:iam::1:role/r" awsStsRegion=eu-central-1 awsRoleExternalId=x1`
	for _, x := range []struct {
		name            string
		p               kafka.Properties
		mechanism, key  string
		token           string
		session, source string // what STS was asked
		externalID      string
	}{
		{"default", native(""), "AWS_MSK_IAM", "AKIDENV", "", "", "", ""},
		{"profile", native(" awsProfileName=shop"), "AWS_MSK_IAM", "AKIDPROFILE", "", "", "", ""},
		{"role", native(role), "AWS_MSK_IAM", "ASIAROLE", "role-token", "aws-msk-iam-auth", "AKIDENV/", "x1"},
		{"role by keys", native(role + ` awsRoleSessionName=s awsRoleAccessKeyId=AKIDSOURCE awsRoleSecretAccessKey=k awsDebugCreds=true`),
			"AWS_MSK_IAM", "ASIAROLE", "role-token", "s", "AKIDSOURCE/", ""},
		{"served as a token", native("").With(kafka.Properties{"millrace.msk.iam.mechanism": "OAUTHBEARER"}), "OAUTHBEARER", "AKIDENV", "", "", "", ""},
		{"token", kafka.Properties{"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": bearer + " awsProfileName=shop;",
			"sasl.login.callback.handler.class": iamOAuth, "sasl.client.callback.handler.class": iamOAuth}, "OAUTHBEARER", "AKIDPROFILE", "", "", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			before := len(b.Identities())
			must(t, connect(c, base.With(x.p)))
			who := b.Identities()[before:]
			if len(who) == 0 || who[0].Mechanism != x.mechanism || who[0].AccessKey != x.key || who[0].SessionToken != x.token {
				t.Fatalf("the broker saw %+v", who)
			}
			if x.session == "" {
				return
			}
			authorization := form["Authorization"]
			if form["RoleSessionName"] != x.session || form["ExternalId"] != x.externalID ||
				!strings.Contains(authorization, "eu-central-1") || !strings.Contains(authorization, x.source) {
				t.Errorf("STS was asked %v, want session %s, external id %q, the key %s", form, x.session, x.externalID, x.source)
			}
		})
	}
}

func TestIAMRefusals(t *testing.T) {
	for name, x := range map[string]struct {
		broker  *iamtest.Broker
		options kafka.Properties
		want    string
	}{
		"unknown key":  {&iamtest.Broker{Keys: map[string]string{"AKID": "x"}}, nil, "security token included in the request is invalid"},
		"wrong secret": {&iamtest.Broker{Keys: map[string]string{"AKIDENV": "other"}}, nil, "signature we calculated does not match"},
		"clock behind": {&iamtest.Broker{Now: func() time.Time { return time.Now().Add(20 * time.Minute) }}, nil, "signature expired"},
		"clock ahead":  {&iamtest.Broker{Now: func() time.Time { return time.Now().Add(-10 * time.Minute) }}, nil, "not yet current"},
		"no IAM":       {&iamtest.Broker{Offered: []string{"OAUTHBEARER"}}, nil, "millrace.msk.iam.mechanism=OAUTHBEARER"},
		"other region": {&iamtest.Broker{}, kafka.Properties{"AWS_REGION": "us-east-1"}, "credential scope"},
	} {
		t.Run(name, func(t *testing.T) {
			c, base := iamCluster(t, x.broker)
			if region := x.options["AWS_REGION"]; region != "" {
				t.Setenv("AWS_REGION", region)
			}
			err := connect(c, base.With(native("")))
			if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), c.Bootstrap()) {
				t.Errorf("error %v, want one with %q and the broker", err, x.want)
			}
			if err != nil && strings.Contains(err.Error(), "env-secret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// Missing credentials are looked for again as often as the options say.
func TestIAMWithoutCredentials(t *testing.T) {
	c, base := iamCluster(t, &iamtest.Broker{})
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := connect(c, base.With(native(` awsProfileName=nobody awsMaxRetries="1" awsMaxBackOffTimeMs="10"`)))
	for _, want := range []string{"finding AWS credentials", "awsProfileName nobody", "the default chain"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// A client goes on working when sessions end: it connects anew, with a fresh signature.
func TestIAMSessions(t *testing.T) {
	b := &iamtest.Broker{Lifetime: 300 * time.Millisecond}
	c, base := iamCluster(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: base.With(native("")).With(kafka.Properties{"bootstrap.servers": c.Bootstrap()})})
	must(t, err)
	defer client.Close()
	admin, err := kafka.NewAdmin(client)
	must(t, err)
	for i := range 4 {
		_, err := admin.CreateTopicRetrying(ctx, kafka.Topic{Name: fmt.Sprint("t", i), Partitions: 1, Replication: 1})
		must(t, err)
		time.Sleep(400 * time.Millisecond)
	}
	if n := len(b.Identities()); n < 4 {
		t.Errorf("%d connections were made, want one a session at least", n)
	}
}

// stsServer gives credentials that the test chooses, and counts.
type stsServer struct {
	mu     sync.Mutex
	key    string // "" answers 500
	life   time.Duration
	asked  int
	server *httptest.Server
}

func newSTS(t *testing.T, key string, life time.Duration) *stsServer {
	t.Helper()
	s := &stsServer{key: key, life: life}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if s.key == "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s-secret</SecretAccessKey><SessionToken>%s-token</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, s.key, s.key, s.key, time.Now().Add(s.life).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *stsServer) set(key string) (asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
	return s.asked
}

// Credentials of a role that end in mid-run: while STS fails the client says so and stays who it was, with a second's pause
// between its attempts at a broker; it goes on once STS gives others.
func TestIAMRoleEndsInMidRun(t *testing.T) {
	b := &iamtest.Broker{Lifetime: 300 * time.Millisecond, Keys: map[string]string{"ONE": "ONE-secret", "AKIDENV": "env-secret"}}
	c, base := iamCluster(t, b)
	sts := newSTS(t, "ONE", time.Hour)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.server.URL)
	p := base.With(native(` awsRoleArn="arn:aws:iam::1:role/r" awsMaxRetries="0"`)).With(kafka.Properties{"bootstrap.servers": c.Bootstrap()})
	client, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: p})
	must(t, err)
	defer client.Close()
	works := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		b, err := client.Dial(ctx, c.Bootstrap(), 0)
		if err == nil {
			_ = b.Close()
		}
		return err
	}
	must(t, works())
	b.Change(func(b *iamtest.Broker) { delete(b.Keys, "ONE") }) // its session is over
	sts.set("")
	time.Sleep(400 * time.Millisecond)
	before, began := len(b.Attempts()), time.Now()
	var last error
	for time.Since(began) < 3500*time.Millisecond {
		if last = works(); last == nil {
			t.Fatal("a client comes in whose credentials have ended")
		}
	}
	if n := len(b.Attempts()) - before; n > 5 {
		t.Errorf("%d attempts in %s", n, time.Since(began))
	}
	for _, want := range []string{"sasl.jaas.config: finding AWS credentials", "awsRoleArn arn:aws:iam::1:role/r", c.Bootstrap()} {
		if !strings.Contains(last.Error(), want) {
			t.Errorf("error %v, want %q in it", last, want)
		}
	}
	if strings.Contains(last.Error(), "secret") || strings.Contains(last.Error(), "-token") || !kafka.IsRetriable(last) {
		t.Errorf("the error %v", last)
	}
	b.Change(func(b *iamtest.Broker) { b.Keys["TWO"] = "TWO-secret" })
	sts.set("TWO")
	deadline := time.Now().Add(20 * time.Second)
	for err = works(); err != nil && time.Now().Before(deadline); err = works() {
	}
	must(t, err)
	for _, who := range b.Identities() {
		if who.AccessKey == "AKIDENV" {
			t.Error("the client went on as somebody else")
		}
	}
}

// A broker that refuses a client is left alone for a second, by either mechanism.
func TestIAMRefusedClientPauses(t *testing.T) {
	token := kafka.Properties{"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": bearer + ";", "sasl.login.callback.handler.class": iamOAuth}
	for name, p := range map[string]kafka.Properties{"native": native(""), "token": token} {
		t.Run(name, func(t *testing.T) {
			b := &iamtest.Broker{}
			c, base := iamCluster(t, b)
			client, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: base.With(p).With(kafka.Properties{"bootstrap.servers": c.Bootstrap()})})
			must(t, err)
			defer client.Close()
			dial := func() error {
				b, err := client.Dial(t.Context(), c.Bootstrap(), 0)
				if err == nil {
					_ = b.Close()
				}
				return err
			}
			b.Change(func(b *iamtest.Broker) { b.Keys = nil })
			before, began := len(b.Attempts()), time.Now()
			for time.Since(began) < 2500*time.Millisecond {
				if dial() == nil {
					t.Fatal("a client comes in whose key is not known")
				}
			}
			if n := len(b.Attempts()) - before; n > 4 {
				t.Errorf("%d attempts in %s", n, time.Since(began))
			}
			b.Change(func(b *iamtest.Broker) { b.Keys = map[string]string{"AKIDENV": "env-secret"} })
			must(t, dial())
		})
	}
}
