//go:build real

package versions_test

import (
	"flag"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/integration/versions"
)

var record = flag.Bool("record", false, "write testdata/java.json anew")

// testdata/java.json is what a Java worker answers.
func TestJavaWorkerAnswers(t *testing.T) {
	kafka := rig.Kafka(t)
	got := map[string][]versions.Answer{}
	for _, phase := range versions.Phases() {
		plugins := rig.Dir(t)
		if err := versions.Jars(t.Context(), rig.Home(t), plugins, phase.Versions...); err != nil {
			t.Fatal(err)
		}
		properties := map[string]string{"plugin.path": plugins, "exactly.once.source.support": "disabled", "scheduled.rebalance.max.delay.ms": "0"}
		for k, v := range phase.Worker {
			properties[k] = v
		}
		worker := rig.JavaConnect(t, peer.WorkerConfig{Bootstrap: kafka.Bootstrap(), Group: phase.Group, Properties: properties})
		answers, err := phase.Play(t.Context(), worker.URL())
		if err != nil {
			t.Fatal(err)
		}
		got[phase.Name] = answers
		if err := worker.Stop(); err != nil {
			t.Log(err)
		}
	}
	if *record {
		if err := versions.Write("testdata/java.json", got); err != nil {
			t.Fatal(err)
		}
	}
	versions.CompareJava(t, got)
}
