//go:build servers

package big

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// noise is how much the peaks of two runs may differ, in MB: collections of the heap come when they come.
const noise = 16

// sizes are how much is sent, in MB and at most so much, and the size of the transactions with which one of all is
// compared. MILLRACE_BIG gives more than the suite sends, in GB.
func sizes(t *testing.T, most int) (small, all int) {
	t.Helper()
	text := os.Getenv("MILLRACE_BIG")
	if text == "" {
		return 50, 200
	}
	gb, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("MILLRACE_BIG: %v", err)
	}
	return 100, min(gb<<10, most)
}

// A transaction that no memory holds passes through a worker in the memory that the same rows take in small ones.
func TestTransactionLargerThanMemory(t *testing.T) {
	for name, compressed := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			compare(t, 1<<30, func(t *testing.T, megabytes, transactions int) (int, map[string]string) {
				s, server := newSource(t, megabytes, transactions, compressed)
				return s.each * transactions, map[string]string{"database.port": strconv.Itoa(server.Port()), "snapshot.mode": "never"}
			})
		})
	}
}

// The same from a real server, of a gigabyte.
func TestLargeTransactionOfMySQL(t *testing.T) {
	for name, option := range map[string]string{"plain": "OFF", "compressed": "ON"} {
		t.Run(name, func(t *testing.T) {
			compare(t, 1<<10, func(t *testing.T, megabytes, transactions int) (int, map[string]string) {
				db := rig.MySQL(t, "--binlog-transaction-compression="+option, "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
					"--innodb-doublewrite=OFF", "--binlog-rows-query-log-events=OFF")
				rows := insert(t, db, megabytes, transactions)
				return rows, map[string]string{
					"database.port": strconv.Itoa(db.Port), "snapshot.mode": "never",
					"database.user": peer.ConnectorUser, "database.password": peer.ConnectorPassword,
				}
			})
		})
	}
}

// seeds is the number of rows that others are copied from.
const seeds = 10_000

// table makes the table, and rows to fill it from that the binlog does not have.
func table(t *testing.T, db *peer.Database) {
	t.Helper()
	if err := db.Exec(
		"CREATE DATABASE big", "USE big", "CREATE TABLE big.t (id INT PRIMARY KEY, v VARCHAR(2000) CHARACTER SET latin1)",
		"SET sql_log_bin=0, cte_max_recursion_depth=1000000", "CREATE TABLE big.seed (id INT PRIMARY KEY, v VARCHAR(2000) CHARACTER SET latin1)",
		fmt.Sprintf("INSERT INTO big.seed WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) SELECT i, REPEAT(SHA2(i,256),31) FROM n", seeds),
	); err != nil {
		t.Fatal(err)
	}
}

// insert writes so many megabytes of rows in transactions and returns the number of rows.
func insert(t *testing.T, db *peer.Database, megabytes, transactions int) int {
	t.Helper()
	table(t, db)
	blocks := max(1, megabytes<<20/transactions/rowBytes/seeds) // of each
	var statements []string
	for i := range blocks * transactions {
		if i%blocks == 0 {
			statements = append(statements, "BEGIN")
		}
		statements = append(statements, fmt.Sprintf("INSERT INTO big.t SELECT id+%d, v FROM big.seed ORDER BY id", i*seeds))
		if i%blocks == blocks-1 {
			statements = append(statements, "COMMIT")
		}
	}
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
	return blocks * transactions * seeds
}

// compare sends the same rows in small transactions and in one through fresh workers and compares the peaks of their
// memory. begin starts a server and returns the number of rows, and how a connector reaches it.
func compare(t *testing.T, most int, begin func(t *testing.T, megabytes, transactions int) (rows int, config map[string]string)) {
	t.Helper()
	var peaks []int
	small, all := sizes(t, most)
	for _, transactions := range []int{all / small, 1} {
		t.Run(fmt.Sprintf("%dx%dMB", transactions, all/transactions), func(t *testing.T) {
			rows, config := begin(t, all, transactions)
			peaks = append(peaks, pass(t, rows, config))
		})
	}
	if t.Failed() || len(peaks) < 2 {
		return
	}
	if peaks[1] > peaks[0]+noise {
		t.Errorf("the worker's peak was %d MB for transactions of %d MB, and %d MB for one of %d MB", peaks[0], small, peaks[1], all)
	}
}

// pass lets rows pass through a worker and returns the peak of its memory in MB.
func pass(t *testing.T, rows int, config map[string]string) int {
	t.Helper()
	s := newSink(t, "big.big.t")
	worker := startWorker(t, s.cluster.Bootstrap())
	idle := status(t, worker, "VmRSS")
	began := time.Now()
	rig.CreateConnector(t, worker.URL(), "big", connector(s.cluster.Bootstrap(), config))
	s.wait(t, rows)
	took := time.Since(began)
	_, bytes, _ := s.taken()
	peak := status(t, worker, "VmHWM")
	t.Logf("%d rows, %d MB to the broker in %.1f s (%.0f rows/s): resident memory %d MB before, %d MB at its peak",
		rows, bytes>>20, took.Seconds(), float64(rows)/took.Seconds(), idle, peak)
	rig.WaitRunning(t, worker.URL(), "big")
	return peak
}

func startWorker(t *testing.T, bootstrap string) *peer.Worker {
	t.Helper()
	return rig.Worker(t, peer.WorkerConfig{Bootstrap: bootstrap, Properties: map[string]string{
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false", "offset.flush.interval.ms": "500",
		"exactly.once.source.support": "disabled",
	}})
}

func connector(bootstrap string, changes map[string]string) map[string]string {
	c := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1",
		"database.hostname": "127.0.0.1", "database.user": "u", "database.password": "p", "database.server.id": "4711",
		"topic.prefix": "big", "table.include.list": "big.t", "include.schema.changes": "false",
		"schema.history.internal.kafka.topic":                    "big-history",
		"schema.history.internal.kafka.bootstrap.servers":        bootstrap,
		"schema.history.internal.store.only.captured.tables.ddl": "true",
	}
	maps.Copy(c, changes)
	return c
}

// status reads a size from the status of the worker's process (proc_pid_status(5)), in MB.
func status(t *testing.T, w *peer.Worker, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kb int
		if n, _ := fmt.Sscanf(line, field+": %d kB", &kb); n == 1 {
			return kb >> 10
		}
	}
	t.Fatalf("no %s in the status of the worker", field)
	return 0
}
