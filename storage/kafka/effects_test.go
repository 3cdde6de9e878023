package kafka_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// effect shows what a property does: with value, and what it needs beside, want is to be seen, which is not there
// without it.
type effect struct {
	value string
	forms []string // other spellings that Java takes for the same
	with  kafka.Properties
	see   func(seen) any
	want  any
	bad   map[string]string // values that are refused, and part of the reason
}

// seen is what comes of properties.
type seen struct {
	s *kafka.Settings
	c *sarama.Config
	p producer.Config // of the producers of connectors
	k kafka.Properties
}

// Of each property that is used an effect is shown, for each of its clients, with Java's spellings; values that are no
// good are refused with the property's name. Those that are ignored or refused say why.
func TestEachPropertyHasItsEffect(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "")
	table := effects(t)
	for name, rule := range kafka.RuleViews() {
		e, shown := table[name]
		switch {
		case rule.Refused != "":
			t.Run(name, func(t *testing.T) { isRefused(t, name, rule) })
		case rule.Ignored != "":
			t.Run(name, func(t *testing.T) { isIgnored(t, name, rule) })
		case !shown:
			t.Errorf("%s is used, but no effect is shown", name)
		default:
			t.Run(name, func(t *testing.T) { hasEffect(t, name, rule, e) })
		}
	}
	for name := range table {
		if !kafka.RuleViews()[name].Used {
			t.Errorf("%s is not used", name)
		}
	}
}

var roles = []kafka.Role{kafka.RoleProducer, kafka.RoleConsumer, kafka.RoleAdmin}

func look(role kafka.Role, p kafka.Properties) (seen, error) {
	p = kafka.Properties{"bootstrap.servers": "b-1.demo.x1y2z3.c4.kafka.eu-west-1.amazonaws.com:9098"}.With(p)
	s, err := kafka.ParseSettings(role, p)
	if err != nil {
		return seen{}, err
	}
	c := s.Sarama()
	return seen{s, c, producer.FromSettings(s, p), p}, c.Validate()
}

func hasEffect(t *testing.T, name string, rule kafka.RuleView, e effect) {
	for _, role := range roles {
		if rule.Roles&role == 0 {
			continue
		}
		for _, value := range append([]string{e.value, "  " + e.value + " "}, e.forms...) {
			got, err := look(role, e.with.With(kafka.Properties{name: value}))
			if err != nil {
				t.Errorf("%s %q: %v", role, value, err)
				continue
			}
			if have := e.see(got); fmt.Sprint(have) != fmt.Sprint(e.want) {
				t.Errorf("%s %q: the effect is %v, want %v", role, value, have, e.want)
			}
		}
		if without, err := look(role, e.with); err == nil && fmt.Sprint(e.see(without)) == fmt.Sprint(e.want) {
			t.Errorf("%s: the effect is the same without the property: %v", role, e.want)
		}
		for value, reason := range e.bad {
			_, err := look(role, e.with.With(kafka.Properties{name: value}))
			var property *kafka.PropertyError
			if !errors.As(err, &property) || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %q: error %v, want one of %s with %q", role, value, err, name, reason)
			}
		}
	}
}

func isIgnored(t *testing.T, name string, rule kafka.RuleView) {
	for _, role := range roles {
		if rule.Roles&role == 0 {
			continue
		}
		got, err := look(role, kafka.Properties{name: "anything"})
		if err != nil || !slices.Contains(got.s.Notes, kafka.Note{Property: name, Reason: rule.Ignored}) {
			t.Errorf("%s: %v, notes %v", role, err, got.s.Notes)
		}
	}
}

func isRefused(t *testing.T, name string, rule kafka.RuleView) {
	reason, _, _ := strings.Cut(rule.Refused, ":")
	for _, role := range roles {
		if rule.Roles&role == 0 {
			continue
		}
		_, err := look(role, login("PLAIN", plain).With(kafka.Properties{"security.protocol": "SASL_SSL", name: "com.me.Own"}))
		if err == nil || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error %v, want one of %s with %q", role, err, name, reason)
		}
	}
}

const (
	plain    = `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`
	scram    = `org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";`
	oauth    = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required`
	handler  = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
	assignor = "org.apache.kafka.clients.consumer."
)

func login(mechanism, jaas string) kafka.Properties {
	return kafka.Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.jaas.config": jaas}
}

// millis is a property in milliseconds.
func millis(see func(seen) time.Duration) effect {
	return effect{
		value: "4321", forms: []string{"+4321", "04321"}, see: func(s seen) any { return see(s) }, want: 4321 * time.Millisecond,
		bad: map[string]string{"-1": "milliseconds", "4s": "milliseconds", "1.5": "milliseconds", "": "milliseconds"},
	}
}

// number is a property that is a whole number.
func number(value string, want any, see func(seen) any) effect {
	return effect{value: value, forms: []string{"+" + value}, see: see, want: want,
		bad: map[string]string{"-2000000": "out of range", "1.5": "whole number", "x": "whole number", "99999999999999999999": "whole number"}}
}

// yes is a property that is true or false.
func yes(value string, want any, see func(seen) any) effect {
	return effect{value: value, forms: []string{strings.ToUpper(value)}, see: see, want: want,
		bad: map[string]string{"yes": "neither true nor false", "1": "neither true nor false"}}
}

func anyText(see func(seen) string) effect {
	return effect{value: "me, myself", see: func(s seen) any { return see(s) }, want: "me, myself"}
}

func effects(t *testing.T) map[string]effect {
	all := map[string]effect{}
	for _, part := range []map[string]effect{commonEffects(), producerEffects(), consumerEffects(), tlsEffects(t), saslEffects(t), oauthEffects(t), loginEffects()} {
		maps.Copy(all, part)
	}
	return all
}

// When tokens are renewed with these settings, TestRenewalIsJavas and its neighbours show.
func loginEffects() map[string]effect {
	seconds := func(see func(seen) time.Duration) effect {
		return effect{value: "7", see: func(s seen) any { return see(s) }, want: 7 * time.Second, bad: map[string]string{"-1": "range", "4000": "range", "x": "number"}}
	}
	part := func(value string, want float64, see func(seen) float64) effect {
		return effect{value: value, see: func(s seen) any { return see(s) }, want: want, bad: map[string]string{"-1": "between", "1.1": "between", "NaN": "between"}}
	}
	return map[string]effect{
		"sasl.login.refresh.window.factor":      part("0.5", 0.5, func(s seen) float64 { return s.s.Login.WindowFactor }),
		"sasl.login.refresh.window.jitter":      part("0.25", 0.25, func(s seen) float64 { return s.s.Login.WindowJitter }),
		"sasl.login.refresh.min.period.seconds": seconds(func(s seen) time.Duration { return s.s.Login.MinPeriod }),
		"sasl.login.refresh.buffer.seconds":     seconds(func(s seen) time.Duration { return s.s.Login.Buffer }),
		"sasl.login.retry.backoff.ms":           millis(func(s seen) time.Duration { return s.s.Login.RetryBackoff }),
		"sasl.login.retry.backoff.max.ms":       millis(func(s seen) time.Duration { return s.s.Login.RetryBackoffMax }),
		"sasl.login.connect.timeout.ms":         millis(func(s seen) time.Duration { return s.s.Login.ConnectTimeout }),
		"sasl.login.read.timeout.ms":            millis(func(s seen) time.Duration { return s.s.Login.ReadTimeout }),
	}
}

func commonEffects() map[string]effect {
	admin := kafka.Properties{"acks": "1"} // idempotence needs retries
	return map[string]effect{
		"bootstrap.servers": {value: "a:1,b:2", forms: []string{"PLAINTEXT://a:1 , SSL://b:2", "a:1,,b:2,"}, see: func(s seen) any { return s.s.Bootstrap }, want: []string{"a:1", "b:2"},
			bad: map[string]string{"": "is missing", "a": "host:port", "a:x": "host:port", ":1": "host:port", "a:99999": "host:port", "a:1,u:p@b:1": "entry 2 is not"}},
		"client.dns.lookup": {value: "resolve_canonical_bootstrap_servers_only", see: func(s seen) any { return s.s.CanonicalServers }, want: true,
			bad: map[string]string{"default": "use_all_dns_ips"}},
		"client.id":                          anyText(func(s seen) string { return s.c.ClientID }),
		"request.timeout.ms":                 millis(func(s seen) time.Duration { return s.c.Net.ReadTimeout }),
		"default.api.timeout.ms":             millis(func(s seen) time.Duration { return s.s.APITimeout }),
		"socket.connection.setup.timeout.ms": millis(func(s seen) time.Duration { return s.c.Net.DialTimeout }),
		"metadata.max.age.ms":                millis(func(s seen) time.Duration { return s.c.Metadata.RefreshFrequency }),
		"retry.backoff.ms": millis(func(s seen) time.Duration { return s.s.Wait(1) }).
			beside(kafka.Properties{"retry.backoff.max.ms": "9000"}),
		"retry.backoff.max.ms": millis(func(s seen) time.Duration { return s.c.Metadata.Retry.BackoffFunc(100, 0) }),
		"retries": number("3", "3 3", func(s seen) any {
			return fmt.Sprint(min(s.s.Producer.Retries, 1000), s.c.Admin.Retry.Max)
		}).beside(admin),
		"security.protocol": {value: "SASL_SSL", forms: []string{"sasl_ssl"}, with: kafka.Properties{"sasl.mechanism": "PLAIN", "sasl.jaas.config": plain},
			see: func(s seen) any { return s.s.TLS != nil && s.c.Net.Proxy.Enable && s.c.Net.SASL.Enable }, want: true,
			bad: map[string]string{"TLS": "SASL_SSL"}},
	}
}

func (e effect) beside(p kafka.Properties) effect {
	e.with = p
	return e
}

func producerEffects() map[string]effect {
	sloppy := kafka.Properties{"enable.idempotence": "false"}
	level := func(codec, value string) effect {
		return number(value, value, func(s seen) any {
			if s.p.CompressionLevel == nil {
				return "none"
			}
			return *s.p.CompressionLevel
		}).beside(kafka.Properties{"compression.type": codec})
	}
	return map[string]effect{
		"acks": {value: "1", with: sloppy, see: func(s seen) any { return s.c.Producer.RequiredAcks }, want: sarama.WaitForLocal,
			bad: map[string]string{"2": "all, -1, 0, 1", "ALL": "all, -1, 0, 1"}},
		"enable.idempotence":     yes("false", false, func(s seen) any { return s.c.Producer.Idempotent }),
		"transactional.id":       anyText(func(s seen) string { return s.p.TransactionalID }),
		"transaction.timeout.ms": millis(func(s seen) time.Duration { return s.p.TransactionTimeout }),
		"compression.type": {value: "zstd", see: func(s seen) any { return fmt.Sprint(s.p.Compression, s.c.Producer.Compression) }, want: "zstdzstd",
			bad: map[string]string{"brotli": "none, gzip, snappy, lz4, zstd", "ZSTD": "none, gzip"}},
		"compression.gzip.level":                level("gzip", "7"),
		"compression.lz4.level":                 level("lz4", "7"),
		"compression.zstd.level":                level("zstd", "7"),
		"linger.ms":                             millis(func(s seen) time.Duration { return s.s.Producer.DeliveryTimeout - 30*time.Second }).shown("3000000", 3000*time.Second),
		"batch.size":                            number("1000000", 1000000, func(s seen) any { return s.p.BatchBytes }),
		"buffer.memory":                         number("1000000", 1000000, func(s seen) any { return s.p.BufferMemory }),
		"max.request.size":                      number("2000000", "2000000 2000000", func(s seen) any { return fmt.Sprint(s.p.MaxRequestSize, " ", s.c.Producer.MaxMessageBytes) }),
		"max.in.flight.requests.per.connection": number("2", "2 2", func(s seen) any { return fmt.Sprint(s.p.MaxInFlight, s.c.Net.MaxOpenRequests) }).beside(sloppy),
		"max.block.ms":                          millis(func(s seen) time.Duration { return s.p.MaxBlock }),
		"delivery.timeout.ms":                   millis(func(s seen) time.Duration { return s.p.DeliveryTimeout }).beside(kafka.Properties{"request.timeout.ms": "10"}),
		"partitioner.ignore.keys":               yes("true", true, func(s seen) any { return s.p.IgnoreKeys }),
		"partitioner.class": {value: "org.apache.kafka.clients.producer.RoundRobinPartitioner", see: func(s seen) any { return s.p.RoundRobin }, want: true,
			bad: map[string]string{"com.me.P": "leave it out"}},
	}
}

// shown replaces the value and what comes of it.
func (e effect) shown(value string, want any) effect {
	e.value, e.forms, e.want = value, []string{"+" + value}, want
	return e
}

func consumerEffects() map[string]effect {
	return map[string]effect{
		"client.rack":       anyText(func(s seen) string { return s.c.RackID }),
		"group.id":          anyText(func(s seen) string { return s.s.Consumer.Group }),
		"group.instance.id": {value: "me-1", see: func(s seen) any { return s.c.Consumer.Group.InstanceId }, want: "me-1"},
		"group.protocol": {value: "classic", forms: []string{"CLASSIC", "Classic"}, see: func(s seen) any { return s.k["group.protocol"] != "" }, want: true,
			bad: map[string]string{"consumer": "use classic", "x": "classic, consumer"}},
		"isolation.level": {value: "read_committed", see: func(s seen) any { return s.c.Consumer.IsolationLevel }, want: sarama.ReadCommitted,
			bad: map[string]string{"serializable": "read_committed"}},
		"auto.offset.reset": {value: "by_duration:P1DT2H", see: func(s seen) any { return fmt.Sprint(s.s.Consumer.Reset, s.s.Consumer.ResetBy) }, want: fmt.Sprint(kafka.ResetByDuration, 26*time.Hour),
			bad: map[string]string{"middle": "latest, earliest, none", "by_duration:1h": "PnDTnHnMn.nS", "by_duration:-PT1H": "PnDTnHnMn.nS"}},
		"allow.auto.create.topics": yes("false", false, func(s seen) any { return s.s.Consumer.AutoCreate }),
		"enable.auto.commit":       yes("false", false, func(s seen) any { return s.c.Consumer.Offsets.AutoCommit.Enable }),
		"auto.commit.interval.ms":  millis(func(s seen) time.Duration { return s.c.Consumer.Offsets.AutoCommit.Interval }),
		"max.poll.records":         number("7", 7, func(s seen) any { return s.s.Consumer.MaxPollRecords }),
		"max.poll.interval.ms":     millis(func(s seen) time.Duration { return s.c.Consumer.Group.Rebalance.Timeout }),
		"session.timeout.ms":       millis(func(s seen) time.Duration { return s.c.Consumer.Group.Session.Timeout }),
		"heartbeat.interval.ms":    millis(func(s seen) time.Duration { return s.c.Consumer.Group.Heartbeat.Interval }),
		"partition.assignment.strategy": {value: assignor + "StickyAssignor," + assignor + "RangeAssignor", forms: []string{assignor + "StickyAssignor , " + assignor + "RangeAssignor"},
			see: func(s seen) any { return s.s.Consumer.Assignors }, want: []string{assignor + "StickyAssignor", assignor + "RangeAssignor"},
			bad: map[string]string{"com.me.A": "RangeAssignor", "": "is empty"}},
		"fetch.min.bytes":           number("99", 99, func(s seen) any { return s.c.Consumer.Fetch.Min }),
		"fetch.max.bytes":           number("99999", 99999, func(s seen) any { return s.c.Consumer.Fetch.MaxBytes }),
		"fetch.max.wait.ms":         millis(func(s seen) time.Duration { return s.c.Consumer.MaxWaitTime }),
		"max.partition.fetch.bytes": number("99999", 99999, func(s seen) any { return s.c.Consumer.Fetch.Default }),
	}
}

func tlsEffects(t *testing.T) map[string]effect {
	keys, trusts := stores(t)
	ssl := kafka.Properties{"security.protocol": "SSL"}
	without := func(p kafka.Properties, name string) kafka.Properties {
		p = ssl.With(p)
		delete(p, name)
		return p
	}
	certificates := func(s seen) any { return len(s.s.TLS.Certificates) }
	trusted := func(s seen) any { return s.s.TLS.RootCAs != nil }
	store := func(p kafka.Properties, name string, see func(seen) any, want any, bad ...string) effect {
		e := effect{value: p[name], with: without(p, name), see: see, want: want, bad: map[string]string{}}
		for i := 0; i < len(bad); i += 2 {
			e.bad[bad[i]] = bad[i+1]
		}
		return e
	}
	encrypted := keys["PEM encrypted"]
	return map[string]effect{
		"ssl.enabled.protocols": {value: "TLSv1.3", with: ssl, see: func(s seen) any { return s.s.TLS.MinVersion }, want: tls.VersionTLS13,
			bad: map[string]string{"SSLv3": "TLSv1.2", "tlsv1.2": "TLSv1.2"}},
		"ssl.cipher.suites": {value: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", with: ssl, see: func(s seen) any { return s.s.TLS.CipherSuites }, want: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
			bad: map[string]string{"X": "no name of a cipher suite", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384": "there are TLS_"}},
		"ssl.endpoint.identification.algorithm": {value: "", with: ssl, see: func(s seen) any { return s.s.TLS.InsecureSkipVerify && s.s.TLS.VerifyConnection != nil }, want: true,
			bad: map[string]string{"ldaps": "https"}},
		"ssl.keystore.location":          store(keys["JKS"], "ssl.keystore.location", certificates, 1, "missing.jks", "missing.jks"),
		"ssl.keystore.password":          store(keys["JKS"], "ssl.keystore.password", certificates, 1),
		"ssl.key.password":               store(keys["JKS"], "ssl.key.password", certificates, 1),
		"ssl.keystore.type":              store(keys["PEM file"], "ssl.keystore.type", certificates, 1, "BCFKS", "JKS"),
		"ssl.keystore.key":               store(encrypted, "ssl.keystore.key", certificates, 1, "x", "private key"),
		"ssl.keystore.certificate.chain": store(keys["PEM text"], "ssl.keystore.certificate.chain", certificates, 1),
		"ssl.truststore.location":        store(trusts["PKCS12"], "ssl.truststore.location", trusted, true, "missing.p12", "missing.p12"),
		"ssl.truststore.password":        store(trusts["PKCS12"], "ssl.truststore.password", trusted, true),
		"ssl.truststore.type":            store(trusts["PEM file"], "ssl.truststore.type", trusted, true, "BCFKS", "JKS"),
		"ssl.truststore.certificates":    store(trusts["PEM text"], "ssl.truststore.certificates", trusted, true, "x", "certificate"),
	}
}

func saslEffects(t *testing.T) map[string]effect {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	const krb5 = `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/k" principal="me@R";`
	kerberos := func(see func(kafka.KerberosView) any) func(seen) any {
		return func(s seen) any {
			k, err := kafka.ViewKerberos(s.k)
			if err != nil {
				return err
			}
			return see(k)
		}
	}
	iam := "software.amazon.msk.auth.iam."
	return map[string]effect{
		"sasl.mechanism": {value: "SCRAM-SHA-512", with: kafka.Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.jaas.config": scram},
			see: func(s seen) any { return s.c.Net.SASL.Mechanism }, want: sarama.SASLTypeSCRAMSHA512,
			bad: map[string]string{"MD5": "SCRAM-SHA-512", "scram-sha-512": "SCRAM-SHA-512"}},
		"sasl.jaas.config": {value: plain, forms: []string{strings.ReplaceAll(plain, " ", "\n\t"), "/* u */ " + strings.ReplaceAll(plain, `"`, `'`)},
			with: kafka.Properties{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"},
			see:  func(s seen) any { return s.c.Net.SASL.User + "/" + s.c.Net.SASL.Password }, want: "u/p",
			bad: map[string]string{"": "not specified", plain + plain: "2 login modules", scram: "does not fit", strings.TrimSuffix(plain, ";"): "semi-colon"}},
		"sasl.client.callback.handler.class": {value: iam + "IAMClientCallbackHandler", with: login("AWS_MSK_IAM", iam+"IAMLoginModule required;"),
			see: func(s seen) any { return s.k["sasl.client.callback.handler.class"] != "" && s.c.Net.Proxy.Enable }, want: true,
			bad: map[string]string{"com.me.H": "does not load"}},
		"sasl.login.callback.handler.class": {value: iam + "IAMOAuthBearerLoginCallbackHandler", with: login("OAUTHBEARER", oauth+` unsecuredLoginStringClaim_sub="s";`),
			see: func(s seen) any {
				token, err := s.c.Net.SASL.TokenProvider.Token()
				return err == nil && strings.HasPrefix(token.Token, "aHR0cHM6") // a URL
			}, want: true,
			bad: map[string]string{"com.me.H": "does not load"}},
		"millrace.msk.iam.mechanism": {value: "OAUTHBEARER", with: login("AWS_MSK_IAM", iam+"IAMLoginModule required;"),
			see: func(s seen) any { return s.c.Net.SASL.Mechanism }, want: sarama.SASLTypeOAuth,
			bad: map[string]string{"PLAIN": "neither AWS_MSK_IAM nor OAUTHBEARER"}},
		"sasl.kerberos.service.name": {value: "kafka", with: login("GSSAPI", krb5), see: kerberos(func(k kafka.KerberosView) any { return k.Service }), want: "kafka",
			bad: map[string]string{"": "is missing"}},
		"sasl.kerberos.ticket.renew.window.factor": {value: "0.5", forms: []string{".5", "5e-1"}, with: login("GSSAPI", krb5).With(kafka.Properties{"sasl.kerberos.service.name": "kafka"}),
			see: kerberos(func(k kafka.KerberosView) any { return k.Window }), want: 0.5,
			bad: map[string]string{"2": "part of 1", "x": "part of 1"}},
	}
}

// oauthEffects are seen by a server that is asked for a token.
func oauthEffects(t *testing.T) map[string]effect {
	var asked *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r
		fmt.Fprint(w, `{"access_token":"a.b.c","expires_in":3600}`)
	}))
	t.Cleanup(srv.Close)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("from.a.file"), 0o600))
	base := login("OAUTHBEARER", oauth+";").With(kafka.Properties{
		"sasl.login.callback.handler.class": handler, "sasl.oauthbearer.token.endpoint.url": srv.URL,
		"sasl.oauthbearer.client.credentials.client.id": "m%e", "sasl.oauthbearer.client.credentials.client.secret": "s",
	})
	request := func(see func(*http.Request) any) func(seen) any {
		return func(s seen) any {
			asked = nil
			if _, err := s.c.Net.SASL.TokenProvider.Token(); err != nil || asked == nil {
				return fmt.Sprint("nobody was asked: ", err)
			}
			return see(asked)
		}
	}
	user := request(func(r *http.Request) any {
		id, secret, _ := r.BasicAuth()
		return id + "/" + secret
	})
	less := func(name string) kafka.Properties {
		p := base.With(nil)
		delete(p, name)
		return p
	}
	const id, secret = "sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"
	return map[string]effect{
		"sasl.oauthbearer.token.endpoint.url": {value: "file://" + file, with: base, want: "from.a.file", see: func(s seen) any {
			token, err := s.c.Net.SASL.TokenProvider.Token()
			if err != nil {
				return err
			}
			return token.Token
		}, bad: map[string]string{"ftp://x": "https, http, file", "x": "must be the URL"}},
		id:                                  {value: "other", with: less(id), see: user, want: "other/s"},
		secret:                              {value: "other", with: less(secret), see: user, want: "m%e/other"},
		"sasl.oauthbearer.scope":            {value: "a b", with: base, see: request(func(r *http.Request) any { return r.Form.Get("scope") }), want: "a b"},
		"sasl.oauthbearer.header.urlencode": {value: "true", forms: []string{"TRUE"}, with: base, see: user, want: "m%25e/s"},
		"sasl.oauthbearer.jwt.retriever.class": {value: "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", with: base,
			see: func(s seen) any { return strings.TrimSpace(s.k["sasl.oauthbearer.jwt.retriever.class"]) }, want: "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
			bad: map[string]string{"com.me.R": "does not load"}},
	}
}
