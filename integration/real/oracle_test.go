//go:build real

package real

import (
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/integration/oracle"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// A worker writes, record by record, what Java Connect and Debezium wrote. These scenarios cover a snapshot with
// streaming after it, all column types, DDL, keys, transactions, stops and restarts, the outbox, and converters of text;
// `make oracle` plays all of them.
func TestOracle(t *testing.T) {
	kafka, mysql := rig.Kafka(t), rig.MySQL(t)
	worker := rig.Worker(t, peer.WorkerConfig{Bootstrap: kafka.Bootstrap(), Group: "oracle"})
	python, err := rig.Home(t).Python()
	if err != nil {
		t.Fatal(err)
	}
	suite := oracle.Suite{
		Dir: filepath.Join(rig.Root(t), "integration", "oracle"), Python: python, Out: rig.Dir(t),
		REST: worker.URL(), Bootstrap: kafka.Bootstrap(), MySQL: mysql.Address(), MariaDB: mysql.Address(),
	}
	names, err := suite.Scenarios("01", "02", "06", "07", "13", "14", "16", "21")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			result, err := suite.Play(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if !result.Equal {
				t.Error(result.Text)
			}
		})
	}
}

// A worker answers the REST API as Java's does.
func TestREST(t *testing.T) {
	kafka := rig.Kafka(t)
	worker := rig.Worker(t, peer.WorkerConfig{
		Bootstrap: kafka.Bootstrap(), Group: "player",
		Properties: map[string]string{"exactly.once.source.support": "disabled"},
	})
	python, err := rig.Home(t).Python()
	if err != nil {
		t.Fatal(err)
	}
	result, err := oracle.Suite{
		Dir: filepath.Join(rig.Root(t), "integration", "oracle"), Python: python, Out: rig.Dir(t),
		REST: worker.URL(), Bootstrap: kafka.Bootstrap(),
	}.PlayREST(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result.Text)
	if !result.Equal {
		t.Error("not all answers are as Java's, or better")
	}
}
