//go:build real

package real

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	takeoverRows    = 20_000
	takeoverTopic   = "takeover.shop.t"
	takeoverOffsets = "takeover-offsets"
)

// takeover is a connector that runs now under Java Connect with Debezium, now under millrace. Both workers belong to the
// same group and use the same internal topics and the same schema history; one of them runs at a time.
type takeover struct {
	db           *peer.Database
	kafka        string
	client       sarama.Client
	properties   map[string]string
	java, native *peer.Worker
	handovers    []handover
	running      *peer.Worker
}

// handover is the moment at which one worker was gone and the other not yet there.
type handover struct {
	how       string
	records   int64          // in the topic
	committed map[string]any // the connector's offset
}

// Promise: a connector that was stopped or killed under Java at any point of its snapshot or its stream is continued by
// millrace from the same topics, and the other way round. No change is lost; none comes twice but those that follow the
// committed offset after a kill. Each side reads the schema history that the other has written: structures change
// between all handovers.
func TestTakeover(t *testing.T) {
	random := rig.Random(t)
	o := newTakeover(t)
	fillShop(t, o.db, takeoverRows)
	o.start(t, o.java)
	rig.CreateConnector(t, o.running.URL(), "takeover", o.connector())

	// In the snapshot: Java is killed and millrace begins anew; millrace is killed in turn.
	o.waitMore(t, 1+random.Int64N(takeoverRows/2))
	o.kill(t, o.native)
	o.waitMore(t, 1+random.Int64N(takeoverRows/2))
	o.kill(t, o.java)
	o.waitSnapshot(t)
	snapshotEnd := rig.End(o.client, takeoverTopic)

	// In the stream.
	stop := rig.Rounds(t, o.db, 2*time.Millisecond, takeoverRound)
	for _, leg := range []struct {
		end  func(*testing.T, *peer.Worker)
		next *peer.Worker
	}{{o.stop, o.native}, {o.kill, o.java}, {o.kill, o.native}, {o.stop, o.java}, {o.stop, o.native}} {
		o.waitMore(t, 50+random.Int64N(300))
		leg.end(t, leg.next)
	}
	o.waitMore(t, 100)
	o.check(t, snapshotEnd, stop())
}

func newTakeover(t *testing.T) *takeover {
	t.Helper()
	o := &takeover{db: rig.MySQL(t), properties: map[string]string{
		"offset.flush.interval.ms": "500", "offset.storage.partitions": "1", "value.converter.schemas.enable": "false",
		"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000", "scheduled.rebalance.max.delay.ms": "0", "rebalance.timeout.ms": "10000",
		"exactly.once.source.support": "disabled",
	}}
	o.kafka = rig.Kafka(t, map[string]string{"group.min.session.timeout.ms": "1000"}).Bootstrap()
	o.client = rig.Client(t, o.kafka)
	return o
}

// start starts a worker, for the first time or again.
func (o *takeover) start(t *testing.T, w *peer.Worker) {
	t.Helper()
	var err error
	switch {
	case w != nil:
		err = w.Restart(t.Context())
	case o.java == nil:
		o.java = rig.JavaConnect(t, peer.WorkerConfig{
			Bootstrap: o.kafka, Group: "takeover", Properties: o.properties, Heap: "320m", Plugins: []string{install.JarsDebezium},
		})
		w = o.java
		o.native = rig.Worker(t, peer.WorkerConfig{Bootstrap: o.kafka, Group: "takeover", Properties: o.properties})
		err = o.native.Stop() // it has nothing to do yet; Java leads the group
	}
	if err != nil {
		t.Fatal(err)
	}
	o.running = w
}

// connector streams by file and position as well as by GTID: the server has GTIDs.
func (o *takeover) connector() map[string]string {
	return o.db.Connector(o.kafka, "takeover", map[string]string{
		"database.include.list": "shop", "include.schema.changes": "false",
		"poll.interval.ms": "20", "max.batch.size": "256", "max.queue.size": "1024", "extended.headers.enabled": "false",
	})
}

// waitMore waits until so many further records are in the topic.
func (o *takeover) waitMore(t *testing.T, n int64) {
	t.Helper()
	want := rig.End(o.client, takeoverTopic) + n
	rig.Eventually(t, fmt.Sprintf("%d records", want), func() error {
		if end := rig.End(o.client, takeoverTopic); end < want {
			return fmt.Errorf("there are %d", end)
		}
		return nil
	})
}

// waitSnapshot waits until the committed offset is that of a completed snapshot.
func (o *takeover) waitSnapshot(t *testing.T) {
	t.Helper()
	rig.Eventually(t, "the snapshot's end", func() error {
		offset := o.committed(t)
		if _, running := offset["snapshot"]; running || offset == nil {
			return fmt.Errorf("the offset is %v", offset)
		}
		return nil
	})
}

func (o *takeover) stop(t *testing.T, next *peer.Worker) {
	t.Helper()
	if err := o.running.Stop(); err != nil {
		t.Fatal(err)
	}
	o.handOver(t, "stop of "+o.running.Name(), next)
}

func (o *takeover) kill(t *testing.T, next *peer.Worker) {
	t.Helper()
	o.running.Kill()
	o.handOver(t, "kill of "+o.running.Name(), next)
}

func (o *takeover) handOver(t *testing.T, how string, next *peer.Worker) {
	t.Helper()
	h := handover{how: how, records: rig.End(o.client, takeoverTopic), committed: o.committed(t)}
	t.Logf("%s at record %d, offset %v", how, h.records, h.committed)
	o.handovers = append(o.handovers, h)
	o.start(t, next)
	rig.WaitRunning(t, o.running.URL(), "takeover")
}

// committed is the connector's last offset in the internal topic; nil while there is none.
func (o *takeover) committed(t *testing.T) (offset map[string]any) {
	t.Helper()
	end := rig.End(o.client, takeoverOffsets)
	if end == 0 {
		return nil
	}
	readUntil(t, o.client, takeoverOffsets, end, func(m *sarama.ConsumerMessage) {
		offset = nil
		if err := json.Unmarshal(m.Value, &offset); err != nil {
			t.Fatalf("offset record %d: %v", m.Offset, err)
		}
	})
	return offset
}

// readUntil reads the records before an end offset. Compaction and control records may leave gaps.
func readUntil(t *testing.T, client sarama.Client, topic string, end int64, see func(*sarama.ConsumerMessage)) {
	t.Helper()
	if end == 0 {
		return
	}
	rig.Read(t, client, topic, func(m *sarama.ConsumerMessage) bool {
		if m.Offset < end {
			see(m)
		}
		return m.Offset >= end-1
	})
}

// takeoverRound are the statements of a round, of which every 25th changes the structure; takeoverChanges says what they become.
func takeoverRound(n int) []string {
	id := takeoverRows + n
	var all []string
	if n%25 == 0 {
		all = append(all, fmt.Sprintf("ALTER TABLE shop.t DROP COLUMN s%d, ADD COLUMN s%d INT DEFAULT %d AFTER id", n/25-1, n/25, n))
	}
	all = append(all, fmt.Sprintf("INSERT INTO shop.t (id, v) VALUES (%d, 0), (%d, 0)", id, -id))
	all = append(all, fmt.Sprintf("UPDATE shop.t SET v = %d WHERE id IN (%d, %d)", n, id, -id))
	if n%10 == 0 {
		all = append(all, fmt.Sprintf("DELETE FROM shop.t WHERE id = %d", id-1))
	}
	return all
}

func takeoverChanges(n int) []string {
	id, column := takeoverRows+n, n/25
	return append([]string{
		fmt.Sprintf("c %d 0 s%d=%d", id, column, 25*column), fmt.Sprintf("c %d 0 s%d=%d", -id, column, 25*column),
	}, takeoverUpdates(n)...)
}

// takeoverUpdates follow the order of the primary key.
func takeoverUpdates(n int) []string {
	id, column := takeoverRows+n, n/25
	all := []string{
		fmt.Sprintf("u %d %d s%d=%d", -id, n, column, 25*column), fmt.Sprintf("u %d %d s%d=%d", id, n, column, 25*column),
	}
	if n%10 == 0 {
		all = append(all, fmt.Sprintf("d %d", id-1))
	}
	return all
}

// takenOver is what is read of a change event.
type takenOver struct {
	Op            string
	Before, After map[string]any
	Source        struct {
		File string
		Pos  int64
	}
}

func (c takenOver) String() string {
	if c.Op == "d" {
		return fmt.Sprintf("d %v", c.Before["id"])
	}
	text := fmt.Sprintf("%s %v %v", c.Op, c.After["id"], c.After["v"])
	for name := range maps.Keys(c.After) {
		if name[0] == 's' {
			text += fmt.Sprintf(" %s=%v", name, c.After[name])
		}
	}
	return text
}

// check reads the whole topic: the snapshots hold every row, the stream every change in order, and what came twice came
// after a kill and lies behind the offset that was committed then.
func (o *takeover) check(t *testing.T, snapshotEnd int64, rounds int) {
	t.Helper()
	missing := make(map[string]bool, takeoverRows)
	for id := range takeoverRows {
		missing[fmt.Sprint(id)] = true
	}
	var want []string
	for n := 1; n <= rounds; n++ {
		want = append(want, takeoverChanges(n)...)
	}
	next, doubled, last := 0, 0, map[string]int64{} // where the last copy of a change is
	rig.Read(t, o.client, takeoverTopic, func(m *sarama.ConsumerMessage) bool {
		c := decodeTakenOver(t, m)
		switch text := c.String(); {
		case c.Op == "" && m.Value == nil: // the tombstone after a delete
		case c.Op == "r" && m.Offset < snapshotEnd:
			delete(missing, fmt.Sprint(c.After["id"]))
		case next < len(want) && text == want[next]:
			last[text], next = m.Offset, next+1
		default:
			before, known := last[text]
			if !known {
				t.Fatalf("record %d: %s came before %s, change %d of %d", m.Offset, text, want[next], next, len(want))
			}
			doubled++
			o.mayDouble(t, before, m.Offset, c)
			last[text] = m.Offset
		}
		return next == len(want)
	})
	if len(missing) > 0 {
		t.Errorf("%d of %d rows are in no snapshot", len(missing), takeoverRows)
	}
	t.Logf("%d changes in %d rounds, %d doubled after kills, %d handovers", len(want), rounds, doubled, len(o.handovers))
}

// mayDouble fails the test unless the worker that wrote the copy before was killed, and the offset with which the last
// handover began lies before the change. That handover may have been a stop: what an earlier worker had written
// before it was killed can reach further than what the stopped one has come to.
func (o *takeover) mayDouble(t *testing.T, before, at int64, c takenOver) {
	t.Helper()
	writer := slices.IndexFunc(o.handovers, func(h handover) bool { return before < h.records })
	if writer < 0 || at < o.handovers[writer].records {
		t.Errorf("record %d, %s, was written twice by one worker, first as record %d", at, c, before)
		return
	}
	if o.handovers[writer].how[:4] == "stop" {
		t.Errorf("record %d, %s at %s:%d, came twice after the %s", at, c, c.Source.File, c.Source.Pos, o.handovers[writer].how)
	}
	for _, h := range slices.Backward(o.handovers) {
		if at < h.records {
			continue
		}
		pos, _ := h.committed["pos"].(float64)
		if h.committed["file"] == c.Source.File && int64(pos) > c.Source.Pos {
			t.Errorf("record %d, %s at %s:%d, came twice after the %s with the offset %v", at, c, c.Source.File, c.Source.Pos, h.how, h.committed)
		}
		return
	}
}

func decodeTakenOver(t *testing.T, m *sarama.ConsumerMessage) (c takenOver) {
	t.Helper()
	if m.Value == nil {
		return c
	}
	if err := json.Unmarshal(m.Value, &c); err != nil {
		t.Fatalf("record %d: %v: %s", m.Offset, err, m.Value)
	}
	return c
}

func fillShop(t *testing.T, db *peer.Database, rows int) {
	t.Helper()
	statements := []string{
		"CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, s0 INT DEFAULT 0, v INT NOT NULL, pad VARCHAR(100) NOT NULL DEFAULT 'x')",
		"SET SESSION cte_max_recursion_depth=1000000",
		fmt.Sprintf("INSERT INTO shop.t (id, v) WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d) SELECT i, -1 FROM n", rows),
	}
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}
