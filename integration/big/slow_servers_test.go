//go:build servers

package big

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// A broker behind a line of a megabyte a second: the worker waits, in the memory that it has, nothing is lost, and once
// the line is fast again a change arrives as fast as before.
func TestSlowBroker(t *testing.T) {
	const rate, warm = 1 << 20, 40 // warm is how many MB pass before the line is slow
	slow := 8                      // MB that are sent at the rate, plus what waits then
	if os.Getenv("MILLRACE_BIG") != "" {
		slow = 60
	}
	proxy := rig.NewProxy(t)
	s := newSink(t, "big.big.t", behind(proxy))
	worker := startWorker(t, s.cluster.Bootstrap())
	db := rig.MySQL(t, "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")
	table(t, db)
	w := &writer{db: db}
	rig.CreateConnector(t, worker.URL(), "big", connector(s.cluster.Bootstrap(), map[string]string{
		"database.port": strconv.Itoa(db.Port), "snapshot.mode": "never",
		"database.user": peer.ConnectorUser, "database.password": peer.ConnectorPassword,
	}))
	w.megabytes(t, warm)
	s.wait(t, w.rows)
	fast := status(t, worker, "VmHWM")

	proxy.Throttle(rate)
	w.megabytes(t, 3*slow)
	began, from := time.Now(), w.rows
	_, before, _ := s.taken()
	for {
		_, bytes, err := s.taken()
		if err != nil {
			t.Fatal(err)
		}
		if bytes-before >= int64(slow)<<20 {
			break
		}
		if time.Since(began) > time.Duration(slow)*5*time.Second {
			t.Fatalf("%d bytes came in %s", bytes-before, time.Since(began))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if took := time.Since(began); took < time.Duration(slow)*time.Second/2 {
		t.Errorf("%d MB came in %s: the line was not slow", slow, took)
	}
	if n, _, _ := s.taken(); n >= int64(from) {
		t.Errorf("all of %d rows came: the worker did not have to wait", n)
	}
	waiting := status(t, worker, "VmHWM")
	proxy.Throttle(0)
	s.wait(t, w.rows)
	began = time.Now()
	w.insert(t, 1)
	s.wait(t, w.rows)
	t.Logf("peak of %d MB on a fast line, %d MB on the slow one; then a change arrived within %s", fast, waiting, time.Since(began).Round(time.Millisecond))
	if waiting > fast+noise {
		t.Errorf("the worker's peak was %d MB on a fast line and %d MB while the broker was slow", fast, waiting)
	}
	rig.WaitRunning(t, worker.URL(), "big")
}

// writer writes rows in transactions of a few megabytes.
type writer struct {
	db   *peer.Database
	rows int
}

func (w *writer) megabytes(t *testing.T, n int) {
	t.Helper()
	for range n {
		w.insert(t, 1<<20/rowBytes)
	}
}

func (w *writer) insert(t *testing.T, rows int) {
	t.Helper()
	if err := w.db.Exec(fmt.Sprintf("INSERT INTO big.t SELECT id+%d, v FROM big.seed WHERE id<=%d ORDER BY id", w.rows, rows)); err != nil {
		t.Fatal(err)
	}
	w.rows += rows
}
