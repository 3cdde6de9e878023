//go:build servers

package security

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/rest/access/oidctest"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// Secrets are planted wherever a worker is given any: its properties and its environment, JAAS options, connector
// configurations, URLs, broken bodies, names and passwords, bearer tokens. All of its output at level TRACE, the goroutines of a
// crash included, and all answers but those that give a configuration back as it was given hold none of them.
func TestSecretsOfEveryPlace(t *testing.T) {
	planted := 0
	secret := func(where string) string {
		planted++
		return fmt.Sprintf("%s-%d-%s", marker, planted, where)
	}
	password := secret("kafka-password")
	cluster, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", password)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	issuer := oidctest.Start(t)
	t.Setenv("MY_SECRET", secret("environment")) // the worker inherits it
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret("aws-key"))
	file := filepath.Join(rig.Dir(t), "secrets.properties")
	provided := secret("provider")
	if err := os.WriteFile(file, []byte("password="+provided+"\nnumber="+secret("provider-number")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func(password string) string {
		return `org.apache.kafka.common.security.plain.PlainLoginModule required username="ann" password="` + password + `";`
	}
	sasl := map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": login(password)}
	properties := prefixed(sasl, "", "producer.", "consumer.", "admin.")
	for name, value := range map[string]string{
		"config.providers": "file", "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
		"my.own.password": secret("worker-property"), "producer.unknown.password": secret("client-property"),
		"sasl.oauthbearer.client.credentials.client.secret": secret("client-secret"),
		"rest.oidc.issuer": issuer.URL, "rest.oidc.audience": "connect",
		"rest.access.rules": "a", "rest.access.a.role": "edit", "rest.access.a.users": "ann",
	} {
		properties[name] = value
	}
	w := rig.Worker(t, peer.WorkerConfig{Bootstrap: cluster.Bootstrap(), Properties: properties, ReadyPath: "/health"})
	token := issuer.Token(t, map[string]any{"sub": "ann", "aud": "connect", "note": secret("claim")})
	answers := map[string]string{}
	ask := func(method, path, body, authorization string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		request.Header.Set("Authorization", authorization)
		text, err := answer(request)
		if err != nil {
			t.Fatal(err)
		}
		answers[method+" "+path] += text
		return text
	}
	ann := "Bearer " + token
	asJSON := func(config map[string]string) string {
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ask("PUT", "/admin/loggers/root", `{"level":"TRACE"}`, ann)
	// Who asks.
	ask("GET", "/connectors", "", "Bearer "+secret("bearer"))
	ask("GET", "/connectors", "", "Basic "+secret("basic"))
	ask("GET", "/connectors", "", "Bearer "+issuer.Token(t, map[string]any{"sub": secret("subject"), "aud": secret("audience")}))
	// What is asked.
	for _, body := range []string{
		`{"password":"` + secret("body") + `"`, `{"password":["` + secret("list") + `"]}`, `"` + secret("text") + `"`, `{"a":"` + secret("two") + `"} {"b":"` + secret("more") + `"}`,
	} {
		ask("PUT", "/connectors/broken/config", body, ann)
		ask("POST", "/connectors", `{"name":"broken","config":`+body+`}`, ann)
		ask("PUT", "/connector-plugins/FileStreamSinkConnector/config/validate", body, ann)
	}
	// Connectors that fail with their secrets.
	mysql := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": "127.0.0.1", "database.port": "1", "database.server.id": "9",
		"database.user": "u", "database.password": secret("database-password"), "topic.prefix": "p", "database.ssl.keystore.password": secret("keystore-password"),
		"connection.url":                      "jdbc:mysql://u:" + secret("url") + "@127.0.0.1/x?password=" + secret("url-parameter"),
		"schema.history.internal.kafka.topic": "h", "schema.history.internal.kafka.bootstrap.servers": cluster.Bootstrap(),
		"schema.history.internal.producer.sasl.jaas.config": login(secret("history-password")), "schema.history.internal.producer.security.protocol": "SASL_PLAINTEXT",
		"schema.history.internal.producer.sasl.mechanism": "PLAIN",
	}
	source := map[string]string{"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector", "topic": "t", "throughput": "1"}
	for name, config := range map[string]map[string]string{
		"mysql":    mysql,
		"override": joined(source, map[string]string{"producer.override.sasl.jaas.config": login(secret("override-password"))}),
		"jaas":     joined(source, map[string]string{"producer.override.sasl.jaas.config": `Module required password="` + secret("unclosed")}),
		"provided": joined(source, map[string]string{"producer.override.sasl.jaas.config": login("${file:" + file + ":password}")}),
		"number":   joined(source, map[string]string{"tasks.max": "${file:" + file + ":number}"}),
		"missing":  joined(source, map[string]string{"x": "${file:" + file + ":nothing}", "my.password": secret("beside")}),
		"sink":     {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "t", "file": "/no/such/${file:" + file + ":password}"},
	} {
		ask("PUT", "/connectors/"+name+"/config", asJSON(config), ann)
		ask("PUT", "/connector-plugins/"+config["connector.class"]+"/config/validate", asJSON(joined(config, map[string]string{"name": name})), ann)
	}
	for _, name := range []string{"override", "sink"} {
		rig.Eventually(t, name+" fails", func() error {
			if text := ask("GET", "/connectors/"+name+"/status", "", ann); !strings.Contains(text, `"FAILED"`) {
				return fmt.Errorf("%s", text)
			}
			return nil
		})
	}
	for _, path := range []string{"/", "/health", "/connectors", "/connectors?expand=status", "/metrics", "/admin/loggers", "/connector-plugins", "/connectors/mysql/status", "/connectors/provided/status", "/connectors/sink/topics"} {
		ask("GET", path, "", ann)
	}
	dump(t, w)
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	answers["the log"] = string(log)
	for _, expected := range []string{"level=DEBUG", "rest.Audit", "goroutine "} {
		if !strings.Contains(string(log), expected) {
			t.Errorf("the log has no %q: the test searches less than it should", expected)
		}
	}
	for where, text := range answers {
		if slices.ContainsFunc([]string{"/config", "/config/validate"}, func(end string) bool { return strings.HasSuffix(where, end) }) {
			text = strings.Join(errorsIn(text), "\n") // a configuration comes back as it was given, with Java too
		}
		for _, s := range []string{marker, token} {
			if at := strings.Index(text, s); at >= 0 {
				t.Errorf("%s shows a secret: %s", where, text[max(0, at-200):min(len(text), at+80)])
			}
		}
	}
}

// answer sends a request and reads what comes back, headers included.
func answer(request *http.Request) (string, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprint(response.Header) + "\n" + string(body), err
}

// errorsIn are the texts of errors in an answer that else repeats a configuration.
func errorsIn(text string) (found []string) {
	for line := range strings.Lines(text) {
		var body any
		if json.Unmarshal([]byte(line), &body) == nil {
			found = append(found, texts(body, false)...)
		} else {
			found = append(found, line)
		}
	}
	return found
}

func texts(value any, wanted bool) (found []string) {
	switch v := value.(type) {
	case string:
		if wanted {
			return []string{v}
		}
	case []any:
		for _, item := range v {
			found = append(found, texts(item, wanted)...)
		}
	case map[string]any:
		for name, item := range v {
			found = append(found, texts(item, wanted || name == "errors" || name == "message")...)
		}
	}
	return found
}

// dump has the worker end as it does when it crashes: with all goroutines in its log.
func dump(t *testing.T, w *peer.Worker) {
	t.Helper()
	if err := syscall.Kill(w.Pid(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Done():
	case <-t.Context().Done():
		t.Fatal("the worker does not end")
	}
}
