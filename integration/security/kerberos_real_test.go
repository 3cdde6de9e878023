//go:build real

package security

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

const realm = "MILLRACE.TEST"

// kerberosBed is an Apache Kafka whose users come with tickets of a KDC. Sessions end after three seconds: then a client
// needs a ticket that is valid.
type kerberosBed struct {
	*peer.Kafka
	kdc                 *peer.KDC
	binary              string            // the workers' program, made before any ticket
	dir, plain, secured string            // addresses of SASL_PLAINTEXT and SASL_SSL
	trust               map[string]string // of clients of SASL_SSL
}

func newKerberosBed(t *testing.T) *kerberosBed {
	t.Helper()
	b := &kerberosBed{binary: rig.Build(t), kdc: rig.KDC(t, realm), dir: rig.Dir(t)}
	t.Setenv("KAFKA_OPTS", "-Xmx1g -Djava.security.krb5.conf="+b.kdc.Config) // workers inherit it
	b.add(t, "kafka/localhost", 24*time.Hour)
	cert, trust, err := iamtest.SelfSigned(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.trust = map[string]string{"ssl.truststore.type": "PEM", "ssl.truststore.location": trust}
	open, controller, plain, secured := rig.FreePort(t), rig.FreePort(t), rig.FreePort(t), rig.FreePort(t)
	b.plain, b.secured = fmt.Sprintf("localhost:%d", plain), fmt.Sprintf("127.0.0.1:%d", secured)
	listen := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,KRB://%s,KRBS://%s", open, b.plain, b.secured)
	properties := map[string]string{
		"listeners": listen + fmt.Sprintf(",CONTROLLER://127.0.0.1:%d", controller), "advertised.listeners": listen,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,KRB:SASL_PLAINTEXT,KRBS:SASL_SSL",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": write(t, b.dir, "broker.pem", bothPEM(t, cert)),
		"sasl.kerberos.service.name": "kafka",
	}
	for _, listener := range []string{"krb", "krbs"} {
		properties["listener.name."+listener+".sasl.enabled.mechanisms"] = "GSSAPI"
		properties["listener.name."+listener+".connections.max.reauth.ms"] = "3000"
		properties["listener.name."+listener+".gssapi.sasl.jaas.config"] = krb5Login(`useKeyTab=true storeKey=true keyTab="` + b.keyTab("kafka/localhost") + `" principal="kafka/localhost@` + realm + `"`)
	}
	b.Kafka = rig.KafkaOn(t, open, controller, properties, "-Djava.security.krb5.conf="+b.kdc.Config)
	return b
}

func krb5Login(options string) string {
	return "com.sun.security.auth.module.Krb5LoginModule required " + options + ";"
}

// bothPEM is a key with its certificate.
func bothPEM(t *testing.T, c tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
	}, nil)
}

// keyTab is where the keys of a principal are.
func (b *kerberosBed) keyTab(principal string) string {
	return filepath.Join(b.dir, strings.ReplaceAll(principal, "/", "-")+".keytab")
}

func (b *kerberosBed) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add makes a principal with its key tab.
func (b *kerberosBed) add(t *testing.T, principal string, life time.Duration) {
	t.Helper()
	b.must(t, b.kdc.Add(t.Context(), principal, life))
	b.must(t, b.kdc.Export(t.Context(), principal, b.keyTab(principal)))
}

// user are the properties of a principal that comes with its key tab.
func (b *kerberosBed) user(principal string) map[string]string {
	return map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.kerberos.service.name": "kafka", // sasl.mechanism is GSSAPI by default
		"sasl.jaas.config": krb5Login(`useKeyTab=true storeKey=true keyTab="` + b.keyTab(principal) + `" principal="` + principal + "@" + realm + `"`),
	}
}

// worker starts a worker whose clients all have the properties.
func (b *kerberosBed) worker(t *testing.T, group, address string, properties map[string]string) *peer.Worker {
	t.Helper()
	return rig.Worker(t, peer.WorkerConfig{Binary: b.binary, Bootstrap: address, Group: group, Properties: prefixed(properties, "", "producer.", "consumer.", "admin.")})
}

// Workers, their sources and sinks authenticate by Kerberos: with a key tab or a ticket cache, over TLS and without it,
// for longer than their tickets last; they tell what is wrong, and go on once it is put right.
func TestKerberosOnApacheKafka(t *testing.T) {
	b := newKerberosBed(t)
	for _, principal := range []string{"worker", "connect/host"} {
		b.add(t, principal, time.Hour)
	}
	b.add(t, "short", 6*time.Second)
	b.addAway(t)
	t.Run("parts", func(t *testing.T) {
		t.Run("everything over TLS", func(t *testing.T) { t.Parallel(); b.everything(t) })
		t.Run("ticket cache", func(t *testing.T) { t.Parallel(); b.ticketCache(t) })
		t.Run("mistakes", func(t *testing.T) { t.Parallel(); b.mistakes(t) })
	})
	t.Run("outage", b.outage)
	t.Run("new key of the broker", b.newKey)
}

// everything is a worker with a MySQL connector, its schema history, and a sink.
func (b *kerberosBed) everything(t *testing.T) {
	db := rig.MySQL(t)
	b.must(t, db.Exec("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)"))
	who := client{name: "krbs", properties: joined(b.user("connect/host"), b.trust)}
	who.properties["security.protocol"], who.properties["sasl.mechanism"] = "SASL_SSL", "GSSAPI"
	w := b.worker(t, "krbs", b.secured, who.properties)
	rig.CreateConnector(t, w.URL(), "source", sourceOf(who, db, b.secured, who.name, 7100))
	file := filepath.Join(rig.Dir(t), "sink")
	rig.CreateConnector(t, w.URL(), "sink", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": "krbs.shop.t", "file": file,
	})
	rig.Eventually(t, "the sink has the row", func() error { return holds(file, "id=1") })
	time.Sleep(3 * time.Second) // all sessions end
	b.must(t, db.Exec("CREATE TABLE shop.u (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (2)", "INSERT INTO shop.u VALUES (1)"))
	rig.Eventually(t, "the sink has the next row", func() error { return holds(file, "id=2") })
	rig.WaitRecords(t, b.Bootstrap(), "krbs.shop.u", 1)
}

// ticketCache is a worker whose tickets somebody else has fetched; it renews them itself.
func (b *kerberosBed) ticketCache(t *testing.T) {
	cache := filepath.Join(b.dir, "cache")
	const life = 15 * time.Second
	b.must(t, b.kdc.Kinit(t.Context(), "worker@"+realm, b.keyTab("worker"), cache, life))
	began := time.Now()
	p := b.user("worker")
	p["sasl.jaas.config"] = krb5Login(`useTicketCache=true ticketCache="` + cache + `" renewTGT=true serviceName=kafka`)
	w := b.worker(t, "krbcache", b.plain, p)
	rig.CreateConnector(t, w.URL(), "source", generator("krbcache-t"))
	rig.WaitRunning(t, w.URL(), "source")
	time.Sleep(time.Until(began.Add(life + time.Second)))
	b.grows(t, "krbcache-t")
	b.must(t, b.kdc.Run(t.Context(), "bin/klist", "-s", "-c", cache)) // what was renewed is there for others too
	if lines := w.LogTail(1000); strings.Contains(lines, "no Kerberos ticket") {
		t.Errorf("a ticket was missing:\n%s", lines)
	}
}

// grows waits until a topic has more records than now.
func (b *kerberosBed) grows(t *testing.T, topic string) {
	t.Helper()
	c := rig.Client(t, b.Bootstrap())
	rig.WaitRecords(t, b.Bootstrap(), topic, rig.End(c, topic)+5)
}

// outage is a worker with short tickets: while the KDC is away, and while the key tab is not the present one, it says so;
// afterwards it goes on.
func (b *kerberosBed) outage(t *testing.T) {
	w := b.worker(t, "krbshort", b.plain, joined(b.user("short"), map[string]string{"request.timeout.ms": "10000"}))
	rig.CreateConnector(t, w.URL(), "source", generator("krbshort-t"))
	rig.WaitRunning(t, w.URL(), "source")
	b.must(t, b.kdc.Stop())
	waitLine(t, w, "no Kerberos ticket", "no KDC of the realm "+realm+" answers", b.kdc.Config)
	b.must(t, b.kdc.Restart(t.Context()))
	b.grows(t, "krbshort-t")

	b.must(t, b.kdc.Change(t.Context(), "short"))
	waitLine(t, w, "no Kerberos ticket", "sasl.jaas.config", "the key tab has not the present key of short@"+realm, "keyTab")
	b.must(t, b.kdc.Export(t.Context(), "short", b.keyTab("short")))
	b.grows(t, "krbshort-t")
	rig.WaitRunning(t, w.URL(), "source")
}

// newKey gives the broker another key: a ticket that is kept is of no use then, and the next attempt brings a new one.
func (b *kerberosBed) newKey(t *testing.T) {
	p := kafka.Properties(b.user("worker")).With(kafka.Properties{"bootstrap.servers": b.plain})
	k, err := kafka.Open(t.Context(), kafka.Config{Role: kafka.RoleAdmin, Properties: p})
	b.must(t, err)
	defer k.Close()
	const who = "kafka/localhost"
	b.must(t, b.kdc.Change(t.Context(), who))
	b.must(t, b.kdc.Export(t.Context(), who, b.keyTab(who)))
	_, err = k.Dial(t.Context(), b.plain, 0)
	if text := fmt.Sprint(err); err == nil || !strings.Contains(text, "the ticket is for "+who+"@"+realm) || !strings.Contains(text, "sasl.jaas.config") {
		t.Errorf("with the old ticket: %v", err)
	}
	conn, err := k.Dial(t.Context(), b.plain, 0)
	b.must(t, err)
	b.must(t, conn.Close())
}

func waitLine(t *testing.T, w *peer.Worker, texts ...string) {
	t.Helper()
	s := supervised{log: w.LogFile()}
	s.waitLine(t, texts...)
}

// Each mistake gives one line that names the setting and the remedy.
func (b *kerberosBed) mistakes(t *testing.T) {
	b.add(t, "stale", time.Hour)
	b.must(t, b.kdc.Change(t.Context(), "stale"))
	b.add(t, "locked", time.Hour)
	expired := filepath.Join(b.dir, "expired")
	b.must(t, b.kdc.Kinit(t.Context(), "worker@"+realm, b.keyTab("worker"), expired, time.Second))
	damaged := write(t, b.dir, "damaged", []byte("\x05\x04\x00"))
	tab := func(keyTab, principal string) map[string]string {
		return map[string]string{"sasl.jaas.config": krb5Login(`useKeyTab=true keyTab="` + keyTab + `" principal="` + principal + `"`)}
	}
	cache := func(path string, more string) map[string]string {
		return map[string]string{"sasl.jaas.config": krb5Login(`useTicketCache=true ticketCache="` + path + `" ` + more)}
	}
	time.Sleep(time.Second) // the cached ticket expires
	for name, c := range map[string]struct {
		change map[string]string
		says   []string
	}{
		"right":             {nil, nil},
		"default realm":     {tab(b.keyTab("worker"), "worker"), nil},
		"cache, then keys":  {cache(expired, `useKeyTab=true keyTab="`+b.keyTab("worker")+`" principal="worker@`+realm+`"`), nil},
		"stale key":         {tab(b.keyTab("stale"), "stale@"+realm), []string{"sasl.jaas.config", "has not the present key of stale@" + realm, "export it anew"}},
		"unknown principal": {tab(b.unknown(t), "nobody@"+realm), []string{"sasl.jaas.config", "does not know nobody@" + realm, "check the option principal"}},
		"another's keys":    {tab(b.keyTab("worker"), "short@"+realm), []string{"sasl.jaas.config", "has no key of short@" + realm, "those of worker@" + realm}},
		"no file":           {tab(b.dir+"/none", "worker@"+realm), []string{"sasl.jaas.config", "keyTab", b.dir + "/none", "no such file"}},
		"damaged":           {tab(damaged, "worker@"+realm), []string{"sasl.jaas.config", "keyTab", damaged}},
		"damaged cache":     {cache(damaged, ""), []string{"sasl.jaas.config", "ticket cache", damaged, "run kinit"}},
		"expired cache":     {cache(expired, ""), []string{"sasl.jaas.config", expired, "has expired at", "run kinit"}},
		"another's cache":   {cache(expired, "principal=short"), []string{"sasl.jaas.config", "those of worker@" + realm, "short@" + realm}},
		"wrong realm":       {tab(b.keyTab("worker"), "worker@ELSEWHERE.TEST"), []string{"sasl.jaas.config", "has no key of worker@ELSEWHERE.TEST"}},
		"unknown realm":     {tab(b.elsewhere(t), "nobody@ELSEWHERE.TEST"), []string{"names no KDC of the realm ELSEWHERE.TEST", "[realms]", "sasl.jaas.config"}},
		"no KDC answers":    {tab(b.keyTab("nobody@AWAY.TEST"), "nobody@AWAY.TEST"), []string{"no KDC of the realm AWAY.TEST answers", b.kdc.Config}},
		"wrong service":     {map[string]string{"sasl.kerberos.service.name": "kafkas"}, []string{"sasl.kerberos.service.name", "kafkas/localhost@" + realm}},
		"not that service":  {map[string]string{"sasl.kerberos.service.name": "connect", "bootstrap.servers": b.plain}, []string{"sasl.kerberos.service.name", "connect/localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := joined(b.user("worker"), c.change)
			p["bootstrap.servers"] = b.plain
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			k, err := kafka.Open(ctx, kafka.Config{Role: kafka.RoleAdmin, Properties: maps.Clone(p)})
			if err == nil {
				b.must(t, k.Close())
			}
			text := fmt.Sprint(err)
			t.Log(text)
			if (err == nil) != (c.says == nil) || strings.Contains(text, "\n") {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q: %s", part, text)
				}
			}
		})
	}
}

// unknown is a key tab of a principal that is no more.
func (b *kerberosBed) unknown(t *testing.T) string {
	t.Helper()
	b.add(t, "nobody", time.Hour)
	b.must(t, b.kdc.Remove(t.Context(), "nobody"))
	return b.keyTab("nobody")
}

// elsewhere is a key tab of a principal in a realm that nobody knows.
func (b *kerberosBed) elsewhere(t *testing.T) string {
	t.Helper()
	b.add(t, "nobody@ELSEWHERE.TEST", time.Hour)
	return b.keyTab("nobody@ELSEWHERE.TEST")
}

// addAway makes a realm whose KDC does not answer, and a key tab of one of its principals.
func (b *kerberosBed) addAway(t *testing.T) {
	t.Helper()
	b.add(t, "nobody@AWAY.TEST", time.Hour)
	text, err := os.ReadFile(b.kdc.Config)
	b.must(t, err)
	write(t, filepath.Dir(b.kdc.Config), filepath.Base(b.kdc.Config), append(text, "[realms]\n  AWAY.TEST = {\n    kdc = 127.0.0.1:1\n  }\n"...))
}
