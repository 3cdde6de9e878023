package producer

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/worker/budget"
)

// silence lets a cluster answer no request to write until the returned function is called.
func silence(c *embedded.Cluster) (speak func()) {
	answer := make(chan struct{})
	c.Fake.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		c.Fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	return func() { close(answer) }
}

// Producers of one pool: those whose broker does not answer keep what they have, and the
// others write with what is left, in smaller batches, and in order.
func TestProducersShareAPool(t *testing.T) {
	silent, c := startCluster(t, 1), startCluster(t, 1)
	speak := silence(silent)
	shared := budget.New(1 << 20)
	pool := NewPool(shared)
	stuck, stuckAcks := []*Producer{}, []*ledger{}
	for n := range 3 {
		acks := newLedger()
		p := newProducer(t, Config{Client: newClient(t, silent.Bootstrap(), nil), Acks: acks, Pool: pool})
		for i := range 60 {
			mustPut(t, p, fmt.Sprintf("stuck-%d", n), 0, nil, number(uint64(i), 1000), uint64(i))
		}
		p.Flush()
		stuck, stuckAcks = append(stuck, p), append(stuckAcks, acks)
	}
	held := shared.Used()
	if held < 3*60*1000 {
		t.Fatalf("%d bytes are held for what is on its way", held)
	}
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, Pool: pool})
	const records = 3000
	for i := range records {
		mustPut(t, p, "t", 0, nil, number(uint64(i), 1000), uint64(i))
		if used := shared.Used(); used > shared.Limit() {
			t.Fatalf("%d of %d bytes are held", used, shared.Limit())
		}
	}
	mustWait(t, p)
	acks.allAcked(t, records)
	checkNumbers(t, c.Bootstrap(), "t", records)
	if used := shared.Used(); used != held {
		t.Errorf("%d bytes are held behind the last acknowledgement, %d before", used, held)
	}
	speak()
	for n, p := range stuck {
		mustWait(t, p)
		stuckAcks[n].allAcked(t, 60)
		checkNumbers(t, silent.Bootstrap(), fmt.Sprintf("stuck-%d", n), 60)
	}
	if used := shared.Used(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

// With nothing left in the budget a producer still goes on, one small batch at a time, into
// many partitions and with records larger than its least.
func TestProducerGoesOnWithItsLeast(t *testing.T) {
	c := startCluster(t, 1)
	if err := c.Fake.CreateTopic("t", 5, nil); err != nil {
		t.Fatal(err)
	}
	shared := budget.New(1)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, Pool: NewPool(shared)})
	const records, long = 500, 100_000
	for i := range records {
		weight := 500
		if i%50 == 0 {
			weight = long
		}
		mustPut(t, p, "t", int32(i%5), nil, number(uint64(i), weight), uint64(i))
		if used := shared.Used(); used > mediumBuffer+4*long {
			t.Fatalf("%d bytes are held", used)
		}
	}
	mustWait(t, p)
	acks.allAcked(t, records)
	for part, got := range readAll(t, c.Bootstrap(), "t") {
		for i, r := range got {
			if n := r.Value[6:8]; int(n[0])<<8|int(n[1]) != i*5+int(part) {
				t.Fatalf("record %d of partition %d is not in its place", i, part)
			}
		}
	}
	if used := shared.Used(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}
