//go:build real

package real

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const incrementalRows = 6_000

// Promise: an incremental snapshot that was stopped or killed under Java at any point is continued by millrace from the
// chunk that the offset names, and the other way round. Rows change all the while. No row is left out, and the last
// record of each is what the table holds.
func TestTakeoverOfAnIncrementalSnapshot(t *testing.T) {
	random := rig.Random(t)
	o := newTakeover(t)
	fillShop(t, o.db, incrementalRows)
	if err := o.db.Exec("CREATE TABLE shop.signals (id VARCHAR(64) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048) NULL)"); err != nil {
		t.Fatal(err)
	}
	o.start(t, o.java)
	config := o.connector()
	maps.Copy(config, map[string]string{
		"snapshot.mode": "no_data", "signal.data.collection": "shop.signals", "signal.enabled.channels": "source", "incremental.snapshot.chunk.size": "4",
	})
	rig.CreateConnector(t, o.running.URL(), "takeover", config)
	rig.WaitRunning(t, o.running.URL(), "takeover")
	changes := rand.New(rand.NewPCG(random.Uint64(), 1))
	stop := rig.Rounds(t, o.db, 5*time.Millisecond, func(n int) []string { // the versions of a row grow
		return []string{fmt.Sprintf("UPDATE shop.t SET v = %d WHERE id = %d", n, changes.IntN(incrementalRows))}
	})
	o.waitMore(t, 1)
	execute := `INSERT INTO shop.signals VALUES ('run', 'execute-snapshot', '{"data-collections": ["shop.t"]}')`
	if err := o.db.Exec(execute); err != nil {
		t.Fatal(err)
	}
	for _, leg := range []struct {
		end  func(*testing.T, *peer.Worker)
		next *peer.Worker
	}{{o.stop, o.native}, {o.kill, o.java}, {o.kill, o.native}, {o.stop, o.java}} {
		o.waitIncremental(t, 200+random.IntN(600))
		leg.end(t, leg.next)
	}
	amid := 0
	for _, h := range o.handovers {
		if incremental(h.committed) {
			amid++
		}
	}
	if amid < len(o.handovers)-1 { // the last one may come when all is done
		t.Errorf("only %d of %d handovers were within the snapshot", amid, len(o.handovers))
	}
	o.waitIncrementalEnd(t)
	stop()
	if err := o.db.Exec("UPDATE shop.t SET v = -2 WHERE id = 0"); err != nil {
		t.Fatal(err)
	}
	o.checkRows(t)
}

// incremental reports whether an offset is within an incremental snapshot.
func incremental(offset map[string]any) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(offset)), func(k string) bool { return strings.HasPrefix(k, "incremental_snapshot_") })
}

// waitIncremental waits until so many further rows have been read.
func (o *takeover) waitIncremental(t *testing.T, n int) {
	t.Helper()
	read := func() (rows int) {
		readUntil(t, o.client, takeoverTopic, rig.End(o.client, takeoverTopic), func(m *sarama.ConsumerMessage) {
			if decodeTakenOver(t, m).Op == "r" {
				rows++
			}
		})
		return rows
	}
	want := min(read()+n, incrementalRows/2)
	rig.Eventually(t, fmt.Sprintf("%d rows", want), func() error {
		if rows := read(); rows < want {
			return fmt.Errorf("there are %d", rows)
		}
		return nil
	})
}

// waitIncrementalEnd waits until the snapshot's traces have left the offset. A Java worker that goes on from an offset of
// its own, with snapshot=INCREMENTAL, writes offsets with that and without the snapshot's fields until the next chunk.
func (o *takeover) waitIncrementalEnd(t *testing.T) {
	t.Helper()
	rig.Eventually(t, "the snapshot's end", func() error {
		offset := o.committed(t)
		if _, within := offset["snapshot"]; within || incremental(offset) || offset == nil {
			return fmt.Errorf("the offset is %v", offset)
		}
		t.Logf("the snapshot has ended with the offset %v", offset)
		return nil
	})
}

// checkRows compares the last record of each row with the table.
func (o *takeover) checkRows(t *testing.T) {
	t.Helper()
	got, ops := map[string]string{}, map[string]int{}
	rig.Read(t, o.client, takeoverTopic, func(m *sarama.ConsumerMessage) bool {
		c := decodeTakenOver(t, m)
		ops[c.Op]++
		got[fmt.Sprint(c.After["id"])] = fmt.Sprint(c.After["v"])
		return got["0"] == "-2"
	})
	rows, wrong := rig.Versions(t, o.db), 0
	for id, v := range rows {
		if last, known := got[fmt.Sprint(id)]; !known || last != fmt.Sprint(v) {
			if wrong++; wrong < 10 {
				t.Errorf("row %d has the version %d, and in the topic %q", id, v, last)
			}
		}
	}
	if len(rows) != incrementalRows || wrong > 0 {
		t.Errorf("%d of %d rows are wrong", wrong, len(rows))
	}
	t.Logf("records %v in %d handovers", ops, len(o.handovers))
}
