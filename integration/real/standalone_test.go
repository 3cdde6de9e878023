//go:build real

package real

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// standaloneCalls are what both kinds of a standalone worker are asked, one after the other.
var standaloneCalls = []string{
	"GET /", "GET /health", "GET /connectors", "GET /connectors?expand=info&expand=status",
	"GET /connectors/source", "GET /connectors/source/status", "GET /connectors/source/tasks", "GET /connectors/source/offsets",
	"GET /connectors/source/topics", "GET /connectors/none/status", "POST /connectors/source/tasks []", "PUT /connectors/source/fence",
	`POST /connectors {"name":"source","config":{"connector.class":"FileStreamSource","topic":"x"}}`,
	`POST /connectors {"name":"bad","config":{"connector.class":"FileStreamSource"}}`,
	`PATCH /connectors/source/offsets {"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}]}`,
	"PUT /connectors/source/pause", "PUT /connectors/source/resume", "POST /connectors/source/restart?includeTasks=true",
	`PUT /admin/loggers/org.example?scope=cluster {"level":"DEBUG"}`, "PUT /admin/loggers/org.example?scope=worker {\"level\":\"WARN\"}",
	"GET /connector-plugins/FileStreamSource/config", "DELETE /connectors/none", "GET /nope",
}

// A standalone Java worker and ours take over each other's offset file, from the same files of properties and connectors,
// and answer alike. The lines that each sends are those that came since the other has stopped.
func TestStandaloneTakesTurnsWithJava(t *testing.T) {
	kafka, dir := rig.Kafka(t), rig.Dir(t)
	lines := filepath.Join(dir, "lines")
	source := filepath.Join(dir, "source.json")
	writeFile(t, source, fmt.Sprintf(`{"name":"source","config":{"connector.class":"FileStreamSource","tasks.max":"1","file":%q,"topic":"turns"}}`, lines))
	var want []string
	var answers [2][]string
	var offsets []string
	for turn, java := range []bool{true, false, true, false} {
		line := fmt.Sprintf("turn %d", turn)
		want = append(want, line)
		writeFile(t, lines, strings.Join(want, "\n")+"\n")
		c := peer.WorkerConfig{
			Bootstrap: kafka.Bootstrap(), OffsetFile: filepath.Join(dir, "offsets"), Connectors: []string{source},
			Properties: map[string]string{"value.converter": "org.apache.kafka.connect.storage.StringConverter", "offset.flush.interval.ms": "300"},
		}
		start := rig.Worker
		if java {
			start = rig.JavaConnect
		}
		w := start(t, c)
		rig.WaitRunning(t, w.URL(), "source")
		rig.WaitRecords(t, kafka.Bootstrap(), "turns", int64(len(want)))
		rig.Eventually(t, "the offset is that of the last line", func() error {
			body := rig.Call(t, http.MethodGet, w.URL()+"/connectors/source/offsets", "", http.StatusOK)
			if position := fmt.Sprintf(`"position":%d`, 7*len(want)); !bytes.Contains(body, []byte(position)) {
				return fmt.Errorf("%s; want %s", body, position)
			}
			return nil
		})
		if turn < 2 {
			answers[turn] = askAll(t, w.URL(), standaloneCalls)
			rig.WaitRunning(t, w.URL(), "source")
		}
		offsets = append(offsets, string(rig.Call(t, http.MethodGet, w.URL()+"/connectors/source/offsets", "", http.StatusOK)))
		if err := w.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	client := rig.Client(t, kafka.Bootstrap())
	var got []string
	rig.Read(t, client, "turns", func(m *sarama.ConsumerMessage) bool {
		got = append(got, string(m.Value))
		return len(got) == len(want)
	})
	if end := rig.End(client, "turns"); !slices.Equal(got, want) || end != int64(len(want)) {
		t.Errorf("the topic holds %q to %d; want %q", got, end, want)
	}
	compareAnswers(t, standaloneCalls, answers[0], answers[1])
	t.Logf("%d answers equal; offsets %s", len(answers[0]), offsets)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var (
	workerAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	commitOfBuild = regexp.MustCompile(`"commit":"\w+"`)
	modified      = regexp.MustCompile(`"(last_modified|position)":\d+`)
)

// askAll sends requests and returns the answers with their status, without what differs by nature.
func askAll(t *testing.T, url string, calls []string) []string {
	t.Helper()
	var all []string
	for _, c := range calls {
		parts := strings.SplitN(c, " ", 3)
		body := ""
		if len(parts) == 3 {
			body = parts[2]
		}
		status, answer, err := rig.Ask(t.Context(), parts[0], url+parts[1], body)
		if err != nil {
			t.Fatal(err)
		}
		text := workerAddress.ReplaceAllString(string(answer), "WORKER")
		text = commitOfBuild.ReplaceAllString(text, `"commit":"COMMIT"`)
		all = append(all, fmt.Sprintf("%d %s", status, modified.ReplaceAllString(text, `"$1":0`)))
		if parts[0] != http.MethodGet {
			settle(t, url, "source")
		}
	}
	return all
}

// settle waits until a connector and its task are in the same state.
func settle(t *testing.T, url, name string) {
	t.Helper()
	rig.Eventually(t, name+" settles", func() error {
		s, err := peer.StatusOf(t.Context(), url, name)
		if err != nil {
			return err
		}
		if len(s.Tasks) != 1 || s.Tasks[0].State != s.Connector.State || s.Connector.State == "RESTARTING" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// compareAnswers holds our answers against Java's: equal as JSON, or a 400 with a message where Java fails with 500.
func compareAnswers(t *testing.T, calls, java, ours []string) {
	t.Helper()
	for i, c := range calls {
		javaStatus, javaBody, _ := strings.Cut(java[i], " ")
		ourStatus, ourBody, _ := strings.Cut(ours[i], " ")
		if javaStatus == "500" && ourStatus == "400" && strings.Contains(ourBody, `"message":"`) {
			continue
		}
		if javaStatus != ourStatus || !sameJSON(javaBody, ourBody) {
			t.Errorf("%s\nJava     %.600s\nmillrace %.600s", c, java[i], ours[i])
		}
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}
