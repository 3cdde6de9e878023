//go:build servers

package failover

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// dialect is what the two servers call differently.
type dialect struct {
	start   func(t testing.TB, options ...string) *peer.Database
	fresh   string // forgets all transactions
	follow  string // of a source, by GTIDs; takes a port
	begin   string // to follow
	promote []string
}

func mysqlDialect() dialect {
	return dialect{
		start: rig.MySQL, fresh: "RESET BINARY LOGS AND GTIDS",
		follow: "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='" + peer.ConnectorUser +
			"', SOURCE_PASSWORD='" + peer.ConnectorPassword + "', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1",
		begin: "START REPLICA", promote: []string{"STOP REPLICA", "RESET REPLICA ALL"},
	}
}

func mariadbDialect() dialect {
	return dialect{
		start: rig.MariaDB, fresh: "RESET MASTER",
		follow: "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='" + peer.ConnectorUser +
			"', MASTER_PASSWORD='" + peer.ConnectorPassword + "', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
		begin: "START SLAVE", promote: []string{"STOP SLAVE", "RESET SLAVE ALL"},
	}
}

// bed is a source with a replica, a proxy in front of one of them, and a worker.
type bed struct {
	dialect
	source, replica *peer.Database
	proxy           *rig.Proxy
	kafka           string
	client          sarama.Client
	worker          *peer.Worker
	rows            int
}

func newBed(t *testing.T, d dialect) *bed {
	t.Helper()
	b := &bed{dialect: d, kafka: rig.FakeKafka(t), proxy: rig.NewProxy(t)}
	b.client = rig.Client(t, b.kafka)
	b.source = d.start(t, "--server-id=101")
	b.replica = d.start(t, "--server-id=102", "--log-slave-updates=ON")
	b.exec(t, b.replica, d.fresh, fmt.Sprintf(d.follow, b.source.Port), d.begin)
	b.exec(t, b.source, "CREATE DATABASE shop", "CREATE TABLE shop.a (id INT PRIMARY KEY)")
	b.insert(t, b.source, 2)
	b.proxy.Connect(b.source.Address())
	b.worker = rig.Worker(t, peer.WorkerConfig{Bootstrap: b.kafka, Properties: map[string]string{
		"offset.flush.interval.ms": "200", "exactly.once.source.support": "disabled", // offsets count records then
	}})
	return b
}

func (b *bed) exec(t *testing.T, db *peer.Database, statements ...string) {
	t.Helper()
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// insert writes n rows, each in a transaction of its own.
func (b *bed) insert(t *testing.T, db *peer.Database, n int) {
	t.Helper()
	var statements []string
	for range n {
		b.rows++
		statements = append(statements, fmt.Sprintf("INSERT INTO shop.a VALUES (%d)", b.rows))
	}
	b.exec(t, db, statements...)
}

// caughtUp waits until the replica has all rows.
func (b *bed) caughtUp(t *testing.T) {
	t.Helper()
	rig.Eventually(t, "the replica catches up", func() error {
		conn, err := b.replica.Connect()
		if err != nil {
			return err
		}
		defer conn.Close()
		result, err := conn.Execute("SELECT COUNT(*) FROM shop.a")
		if err != nil {
			return err
		}
		if n, err := result.GetInt(0, 0); err != nil || n != int64(b.rows) {
			return fmt.Errorf("it has %d rows of %d: %w", n, b.rows, err)
		}
		return nil
	})
}

// fail over: the replica becomes the source, and the former one is gone.
func (b *bed) failOver(t *testing.T) {
	t.Helper()
	b.caughtUp(t)
	b.exec(t, b.replica, b.promote...)
	b.source.Kill()
}

func (b *bed) config(changes map[string]string) map[string]string {
	c := b.source.Connector(b.kafka, "f", map[string]string{
		"table.include.list": "shop.a", "database.port": strconv.Itoa(b.proxy.Port), "database.server.id": "4720",
		"connect.keep.alive.interval.ms": "500", "retriable.restart.connector.wait.ms": "100",
	})
	maps.Copy(c, changes)
	return c
}

// begin starts a connector that streams.
func (b *bed) begin(t *testing.T, changes map[string]string) {
	t.Helper()
	rig.CreateConnector(t, b.worker.URL(), "f", b.config(changes))
	b.logged(t, 1, "Reading the binlog", "connector=f ")
	b.insert(t, b.source, 3)
	rig.WaitRecords(t, b.kafka, "f.shop.a", int64(b.rows))
}

var rowID = regexp.MustCompile(`"payload":\{"id":(\d+)\}`)

// sequence checks that the topic holds the rows 1 to the last one in order; a row may come again after a restart only,
// as often as repeats says.
func (b *bed) sequence(t *testing.T, repeats int) {
	t.Helper()
	next := 1
	rig.Read(t, b.client, "f.shop.a", func(m *sarama.ConsumerMessage) bool {
		found := rowID.FindSubmatch(m.Key)
		if found == nil {
			t.Fatalf("a key is %s", m.Key)
		}
		switch id, _ := strconv.Atoi(string(found[1])); {
		case id == next:
			next++
		case id < next && repeats > 0:
			repeats -= next - id
			next = id + 1
		default:
			t.Fatalf("row %d comes where row %d belongs", id, next)
		}
		return next > b.rows
	})
	if end := rig.End(b.client, "f.shop.a"); repeats == 0 && end != int64(b.rows) {
		t.Errorf("there are %d records of %d rows", end, b.rows)
	}
}

// logged waits until so many lines of the worker's log hold all the texts.
func (b *bed) logged(t *testing.T, n int, texts ...string) {
	t.Helper()
	rig.WaitLog(t, b.worker.Process, n, texts...)
}

// failed waits until the task has failed and returns its trace.
func (b *bed) failed(t *testing.T) string {
	t.Helper()
	return rig.WaitFailed(t, b.worker.URL(), "f")
}

// says checks that a trace names what is wrong.
func says(t *testing.T, trace string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(trace, text) {
			t.Errorf("it does not say %q: %s", text, trace)
		}
	}
	line, _, _ := strings.Cut(trace, "\n")
	t.Log(line)
}

// restart restarts the failed task.
func (b *bed) restart(t *testing.T) {
	t.Helper()
	rig.Call(t, http.MethodPost, b.worker.URL()+"/connectors/f/tasks/0/restart", "", http.StatusNoContent)
}

// disconnect ends the connections of connectors, and of replicas.
func disconnect(t *testing.T, db *peer.Database) {
	t.Helper()
	rig.KillConnections(t, db, peer.ConnectorUser)
}

// settled lets the worker commit its offsets.
func settled() { time.Sleep(time.Second) }
