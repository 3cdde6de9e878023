//go:build servers

package security

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/rest/access/oidctest"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

// Secrets in places where nobody should put them, or where libraries quote them: parameters of requests, URLs of token end points
// and registries, keys inline, options of IAM, clients with prefixes, and the answers of token end points. The log, traces, answers,
// the status topic, dead letters and the profiler show none of them.
func TestSecretsOfOddPlaces(t *testing.T) {
	planted := 0
	secret := func(where string) string {
		planted++
		return fmt.Sprintf("%s-%d-%s", marker, planted, where)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	kafka := rig.FakeKafka(t)
	tokens := (&iamtest.Broker{Offered: []string{"OAUTHBEARER"}})
	secured, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: []kfake.Opt{kfake.ListenFn(tokens.Listen)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secured.Close)
	file := filepath.Join(rig.Dir(t), "secrets.properties")
	if err := os.WriteFile(file, []byte("path="+secret("provided")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := rig.FreePort(t)
	w := rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka, Group: "odd", Properties: map[string]string{
		"config.providers": "file", "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
		"rest.audit.enable": "true", "admin.listeners": fmt.Sprintf("http://127.0.0.1:%d", admin),
	}})
	seen := map[string]string{}
	ask := func(method, url, body string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		text, err := answer(request)
		if err != nil {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		path, _, _ = strings.Cut(path, "?")
		seen[method+" /"+path] += text + "\n"
		return text
	}
	ask("PUT", fmt.Sprintf("http://127.0.0.1:%d/admin/loggers/root", admin), `{"level":"TRACE"}`)
	for _, path := range []string{"/connectors", "/no/such/page", "/connectors/nobody/restart", "/connectors/nobody", "/connector-plugins"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			ask(method, w.URL()+path+"?access_token="+secret("query"), "")
		}
	}
	endpoint := newTokenEndpoint(t, oidctest.Start(t), tokenLife)
	endpoint.set(func(e *tokenEndpoint) { e.does = "401" }) // and quotes the secret
	source := map[string]string{"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector", "topic": "odd-t", "throughput": "20"}
	with := func(prefix string, more map[string]string) map[string]string {
		return joined(source, prefixed(more, prefix))
	}
	oauth := func(url, password string) map[string]string {
		return joined(oauthProperties(url, ` clientId="me" clientSecret="`+password+`"`), map[string]string{"sasl.login.retry.backoff.max.ms": "100", "bootstrap.servers": secured.Bootstrap()})
	}
	dead := "http://" + secret("user") + ":" + secret("password") + "@127.0.0.1:1/" // nobody answers there
	avro := map[string]string{"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.max.retries": "0"}
	iam := `software.amazon.msk.auth.iam.IAMLoginModule required awsMaxRetries="0" awsRoleArn="arn:aws:iam::1:role/r" awsRoleExternalId="` + secret("external-id") +
		`" awsRoleAccessKeyId="AKID" awsRoleSecretAccessKey="` + secret("role-key") + `" awsRoleSessionToken="` + secret("role-session") + `"`
	mysql := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": "127.0.0.1", "database.port": "1", "database.server.id": "9",
		"database.user": "u", "database.password": secret("database-password"), "topic.prefix": "p",
		"schema.history.internal.kafka.topic": "h", "schema.history.internal.kafka.bootstrap.servers": kafka,
		"signal.enabled.channels": "kafka", "signal.kafka.topic": "s", "signal.kafka.bootstrap.servers": kafka,
		"notification.enabled.channels": "sink,log", "notification.sink.topic.name": "n",
	}
	connectors := map[string]map[string]string{
		"endpoint":  with("producer.override.", oauth(dead+"token?key="+secret("parameter"), secret("client-secret"))),
		"refused":   with("producer.override.", oauth(endpoint.URL+"/token?key="+secret("parameter"), secret("client-secret"))),
		"not-a-url": with("producer.override.", oauth("http://u:"+secret("pass")+"/word@h:x", secret("client-secret"))),
		"key": with("producer.override.", map[string]string{"security.protocol": "SSL", "ssl.keystore.type": "PEM", "ssl.key.password": secret("key-password"),
			"ssl.keystore.key":               "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + secret("key") + "\n-----END ENCRYPTED PRIVATE KEY-----",
			"ssl.keystore.certificate.chain": "-----BEGIN CERTIFICATE-----\n" + secret("chain") + "\n-----END CERTIFICATE-----"}),
		"iam":        with("producer.override.", map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": iam + ";"}),
		"iam-broken": with("producer.override.", map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": iam}),
		"registry":   joined(joined(source, avro), map[string]string{"value.converter.schema.registry.url": dead, "value.converter.basic.auth.user.info": secret("user-info")}),
		"parameters": joined(joined(source, avro), map[string]string{"value.converter.schema.registry.url": "http://127.0.0.1:1/?key=" + secret("registry")}),
		"bearer": joined(joined(source, avro), map[string]string{"value.converter.schema.registry.url": "http://127.0.0.1:1", "value.converter.bearer.auth.credentials.source": "OAUTHBEARER",
			"value.converter.bearer.auth.issuer.endpoint.url": dead + "?key=" + secret("issuer"), "value.converter.bearer.auth.client.id": "i", "value.converter.bearer.auth.client.secret": secret("bearer")}),
		"history": joined(mysql, map[string]string{"schema.history.internal.consumer.security.protocol": "SASL_PLAINTEXT", "schema.history.internal.consumer.sasl.jaas.config": `M required password="` + secret("history")}),
		"signal":  joined(mysql, map[string]string{"signal.consumer.security.protocol": "SASL_PLAINTEXT", "signal.consumer.sasl.jaas.config": `M required password="` + secret("signal") + `"`}),
		"old":     joined(mysql, map[string]string{"database.history.producer.security.protocol": "SSL", "database.history.producer.ssl.truststore.password": secret("trust")}),
		// The records of the connector that works cannot be read as Avro: they become dead letters, which tell of the registry's URL.
		"letters": {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "odd-t", "file": filepath.Join(rig.Dir(t), "f"),
			"value.converter": avro["value.converter"], "value.converter.max.retries": "0", "value.converter.schema.registry.url": "http://127.0.0.1:1/${file:" + file + ":path}",
			"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "odd-letters", "errors.deadletterqueue.topic.replication.factor": "1",
			"errors.deadletterqueue.context.headers.enable": "true", "errors.log.enable": "true", "errors.log.include.messages": "true", "errors.retry.timeout": "0"},
	}
	// Its numbers begin with the magic byte, and four more that name a schema.
	rig.CreateConnector(t, w.URL(), "works", joined(source, map[string]string{"value.converter": "org.apache.kafka.connect.converters.LongConverter"}))
	rig.WaitRecords(t, kafka, "odd-t", 1)
	for name, config := range connectors {
		body := configJSON(t, name, config)
		ask("PUT", w.URL()+"/connectors/"+name+"/config", body)
		ask("PUT", w.URL()+"/connector-plugins/"+config["connector.class"]+"/config/validate", body)
	}
	for _, name := range []string{"endpoint", "refused", "iam", "registry", "bearer"} {
		rig.Eventually(t, name+" fails", func() error {
			if text := ask("GET", w.URL()+"/connectors/"+name+"/status", ""); !strings.Contains(text, `"FAILED"`) {
				return fmt.Errorf("%s", text)
			}
			return nil
		})
	}
	rig.Read(t, rig.Client(t, kafka), "odd-letters", func(m *sarama.ConsumerMessage) bool {
		for _, h := range m.Headers {
			seen["headers of dead letters"] += string(h.Key) + "=" + string(h.Value) + "\n"
		}
		return true
	})
	client := rig.Client(t, kafka)
	for _, topic := range []string{"odd-status"} {
		end := rig.End(client, topic)
		rig.Read(t, client, topic, func(m *sarama.ConsumerMessage) bool {
			seen["the topic "+topic] += string(m.Value) + "\n"
			return m.Offset >= end-1
		})
	}
	for _, path := range []string{"/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline", "/debug/pprof/", "/debug/vars"} {
		ask("GET", fmt.Sprintf("http://127.0.0.1:%d", admin)+path, "")
	}
	for _, path := range []string{"/connectors?expand=status", "/", "/health"} {
		ask("GET", w.URL()+path, "")
	}
	dump(t, w)
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	seen["the log"] = string(log)
	for place, expected := range map[string]string{
		"the log": "access_token=[hidden]", "headers of dead letters": "[hidden]", "the topic odd-status": `"FAILED"`, "GET /connectors/endpoint/status": "127.0.0.1:1/token",
		"GET /connectors/refused/status": "invalid_client", "GET /debug/pprof/goroutine": "goroutine ",
	} {
		if !strings.Contains(seen[place], expected) {
			t.Errorf("%s has no %q: the test searches less than it should: %s", place, expected, seen[place][:min(len(seen[place]), 2000)])
		}
	}
	for where, text := range seen {
		if strings.HasSuffix(where, "/config") || strings.HasSuffix(where, "/validate") {
			text = strings.Join(errorsIn(text), "\n") // a configuration comes back as it was given, with Java too
		}
		for _, s := range []string{marker, tokenSecret} {
			if at := strings.Index(text, s); at >= 0 {
				t.Errorf("%s shows a secret: %s", where, text[max(0, at-300):min(len(text), at+80)])
			}
		}
	}
}
