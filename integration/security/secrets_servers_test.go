//go:build servers

package security

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/provider/aws/awstest"
)

const marker = "MARKED-SECRET"

// Secrets of config providers are planted where they make errors; none may show in
// an answer of the REST API, in a trace or in the log.
func TestPlantedSecretsNeverShow(t *testing.T) {
	fake := awstest.Start(t)
	// "path" makes the task fail with it, "number" makes validation fail with it.
	fake.Secrets["db"] = fmt.Sprintf(`{"path":"/no/such/folder/%s-1","number":"%s-2"}`, marker, marker)
	fake.Parameters["/db/number"] = marker + "-3"
	port, err := peer.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	w := rig.Worker(t, peer.WorkerConfig{Port: port, Bootstrap: rig.FakeKafka(t), Properties: map[string]string{
		"config.providers":          "sm,ssm",
		"config.providers.sm.class": "com.amazonaws.kafka.config.providers.SecretsManagerConfigProvider", "config.providers.sm.param.region": "eu-west-1", "config.providers.sm.param.endpoint": fake.URL,
		"config.providers.ssm.class": "com.amazonaws.kafka.config.providers.SsmParamStoreConfigProvider", "config.providers.ssm.param.region": "eu-west-1", "config.providers.ssm.param.endpoint": fake.URL,
		"task.restart.policy": "all", "task.restart.backoff.ms": "200",
	}})
	sink := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "t", "file": "${sm:db:path?ttl=1000}",
	}
	bad := map[string]string{"connector.class": sink["connector.class"], "topics": "t", "file": "f", "tasks.max": "${sm:db:number}"}
	seen := map[string]string{}
	ask := func(method, path string, body map[string]string) string {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		_, answer, err := rig.Ask(t.Context(), method, w.URL()+path, string(text))
		if err != nil {
			t.Fatal(err)
		}
		seen[method+" "+path] += string(answer)
		return string(answer)
	}
	const validate = "/connector-plugins/FileStreamSinkConnector/config/validate"
	ask(http.MethodPut, validate, with(sink, "name", "x"))
	ask(http.MethodPut, validate, with(bad, "name", "x"))
	ask(http.MethodPut, validate, with(with(bad, "tasks.max", "${ssm::/db/number}"), "name", "x"))
	if text := ask(http.MethodPut, "/connectors/bad/config", bad); !strings.Contains(text, "tasks.max") {
		t.Errorf("the bad configuration is taken: %s", text)
	}
	ask(http.MethodPut, "/connectors/sink/config", sink)
	rig.Eventually(t, "the task fails", func() error {
		if text := ask(http.MethodGet, "/connectors/sink/status", nil); !strings.Contains(text, `"FAILED"`) {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	time.Sleep(1500 * time.Millisecond) // the time to live ends, and restarts come
	for _, path := range []string{
		"/connectors?expand=info&expand=status", "/connectors/sink", "/connectors/sink/config", "/connectors/sink/tasks", "/connectors/sink/tasks/0/status",
		"/connectors/sink/topics", "/connectors/sink/status", "/admin/loggers", "/metrics",
	} {
		ask(http.MethodGet, path, nil)
	}
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	seen["the log"] = string(log)
	hidden := 0
	for where, text := range seen {
		hidden += strings.Count(text, "[hidden]")
		if at := strings.Index(text, marker); at >= 0 {
			t.Errorf("%s shows a secret: %s", where, text[max(0, at-200):min(len(text), at+100)])
		}
	}
	if hidden == 0 {
		t.Error("nothing was hidden: the secrets did not get where they could show")
	}
}

func with(config map[string]string, name, value string) map[string]string {
	out := maps.Clone(config)
	out[name] = value
	return out
}
