package producer

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka/embedded"
)

func TestTransactions(t *testing.T) { playTransactions(t, startCluster(t, 3).Bootstrap(), "t") }

// playTransactions commits and aborts at random, with batches that go out before
// an abort and ones that do not, and with transactions that begin while the one
// before is being committed.
func playTransactions(t *testing.T, bootstrap, topic string) {
	ctx := testContext(t)
	p := newProducer(t, Config{Client: newClient(t, bootstrap, nil), Acks: newLedger(), TransactionalID: "tx-" + topic, BatchBytes: 2 << 10})
	rnd := rand.New(rand.NewPCG(5, 6))
	var want []uint64
	tag := uint64(0)
	for range 60 {
		if err := p.BeginTxn(ctx); err != nil {
			t.Fatal(err)
		}
		var written []uint64
		for range rnd.IntN(40) {
			mustPut(t, p, topic, 0, nil, number(tag, rnd.IntN(200)), tag)
			written = append(written, tag)
			tag++
		}
		if rnd.IntN(2) == 0 {
			p.Flush()
		}
		if rnd.IntN(3) == 0 {
			if err := p.AbortTxn(ctx); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want = append(want, written...)
		if rnd.IntN(2) == 0 {
			if _, err := p.BeginCommit(ctx); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := p.CommitTxn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	mustWait(t, p)
	got := readAll(t, bootstrap, topic)[0]
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		if n := binary.BigEndian.Uint64(r.Value); n != want[i] {
			t.Fatalf("record %d holds %d, want %d", i, n, want[i])
		}
	}
}

// coordinator holds back the first answer to EndTxn and counts requests.
type coordinator struct {
	ends, produces atomic.Int32
	hold           chan none
	answer         int16 // 0 for what the broker answers
}

func startCoordinator(cluster *embedded.Cluster, answer int16) *coordinator {
	c := &coordinator{hold: make(chan none), answer: answer}
	cluster.Fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake.KeepControl()
		c.produces.Add(1)
		return nil, nil, false
	})
	cluster.Fake.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.ends.Add(1)
		cluster.Fake.SleepControl(func() { <-c.hold })
		if c.answer == 0 {
			return nil, nil, false
		}
		r := req.ResponseKind().(*kmsg.EndTxnResponse)
		r.ErrorCode = c.answer
		return r, nil, true
	})
	return c
}

// TestTransactionsOverlap shows that records are taken while a commit is under way,
// and that they are sent after it.
func TestTransactionsOverlap(t *testing.T) {
	cluster := startCluster(t, 1)
	ctx := testContext(t)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, cluster.Bootstrap(), nil), Acks: acks, TransactionalID: "tx"})
	begin := func() {
		t.Helper()
		if err := p.BeginTxn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	mustPut(t, p, "t", 0, nil, number(0, 0), 0)
	mustWait(t, p)
	held := startCoordinator(cluster, 0)
	first, err := p.BeginCommit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	begin()
	for i := range uint64(9) {
		mustPut(t, p, "t", 0, nil, number(1+i, 0), 1+i)
		p.Flush()
	}
	for held.ends.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // in which a record might go astray
	select {
	case <-first.Done():
		t.Fatal("the commit is done before the coordinator says so")
	default:
	}
	if n := held.produces.Load(); n != 0 {
		t.Fatalf("%d requests while the commit is under way", n)
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := p.BeginCommit(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second commit behind one that is under way: %v", err)
	}
	close(held.hold)
	if err := p.CommitTxn(ctx); err != nil || first.Err() != nil {
		t.Fatal(err, first.Err())
	}
	acks.allAcked(t, 10)
	checkNumbers(t, cluster.Bootstrap(), "t", 10)
	if n := held.produces.Load(); n != 1 {
		t.Errorf("what waited went out in %d requests", n)
	}
}

// TestFailedCommitDropsTheNextTransaction too, as its records follow those that are
// not committed.
func TestFailedCommitDropsTheNextTransaction(t *testing.T) {
	cluster := startCluster(t, 1)
	ctx := testContext(t)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, cluster.Bootstrap(), nil), Acks: acks, TransactionalID: "tx"})
	held := startCoordinator(cluster, kerr.InvalidTxnState.Code)
	put := func(tag uint64) {
		t.Helper()
		if err := p.BeginTxn(ctx); err != nil {
			t.Fatal(err)
		}
		mustPut(t, p, "t", 0, nil, number(tag, 0), tag)
	}
	put(50)
	c, err := p.BeginCommit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	put(51)
	close(held.hold)
	if err := p.CommitTxn(ctx); !errors.Is(err, sarama.ErrInvalidTxnState) || !errors.Is(c.Err(), sarama.ErrInvalidTxnState) {
		t.Fatalf("got %v and %v", err, c.Err())
	}
	if err := p.AbortTxn(ctx); err != nil {
		t.Fatal(err)
	}
	if fates := acks.fates(t); fates[50] != nil || !errors.Is(fates[51], sarama.ErrInvalidTxnState) && !errors.Is(fates[51], ErrAborted) {
		t.Errorf("fates %v", fates)
	}
	put(0)
	if err := p.CommitTxn(ctx); err != nil {
		t.Fatal(err)
	}
	checkNumbers(t, cluster.Bootstrap(), "t", 1)
}

// TestAbortWaitsForTheCommitBefore and spares it.
func TestAbortWaitsForTheCommitBefore(t *testing.T) {
	cluster := startCluster(t, 1)
	ctx := testContext(t)
	p := newProducer(t, Config{Client: newClient(t, cluster.Bootstrap(), nil), Acks: newLedger(), TransactionalID: "tx"})
	for tag := range uint64(2) {
		if err := p.BeginTxn(ctx); err != nil {
			t.Fatal(err)
		}
		mustPut(t, p, "t", 0, nil, number(tag, 0), tag)
		if tag == 0 {
			if _, err := p.BeginCommit(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.AbortTxn(ctx); err != nil {
		t.Fatal(err)
	}
	checkNumbers(t, cluster.Bootstrap(), "t", 1)
}

// TestClosedInACommit says that a producer whose coordinator is gone can be given up.
func TestClosedInACommit(t *testing.T) {
	cluster := startCluster(t, 1)
	ctx := testContext(t)
	p := newProducer(t, Config{Client: newClient(t, cluster.Bootstrap(), nil), Acks: newLedger(), TransactionalID: "tx"})
	cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.NotCoordinator, TopLevel: true, Count: -1})
	if err := p.BeginTxn(ctx); err != nil {
		t.Fatal(err)
	}
	mustPut(t, p, "t", 0, nil, number(0, 0), 0)
	c, err := p.BeginCommit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := p.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closing: %v", err)
	}
	<-c.Done()
	if !errors.Is(c.Err(), ErrClosed) {
		t.Errorf("the commit: %v", c.Err())
	}
}

func TestFencedProducer(t *testing.T) { playFencing(t, startCluster(t, 1).Bootstrap(), "t") }

func playFencing(t *testing.T, bootstrap, topic string) {
	ctx := testContext(t)
	make := func() *Producer {
		return newProducer(t, Config{Client: newClient(t, bootstrap, nil), Acks: discard{}, TransactionalID: "fence-" + topic})
	}
	old := make()
	if err := old.BeginTxn(ctx); err != nil {
		t.Fatal(err)
	}
	mustPut(t, old, topic, 0, nil, number(99, 0), 0)
	mustWait(t, old)
	heir := make() // aborts what old left open
	err := old.put(ctx, topic, 0, nil, number(98, 0), 1)
	if err == nil {
		err = old.CommitTxn(ctx)
	}
	if !errors.Is(err, ErrFenced) && !isInvalidTxnState(err) {
		t.Fatalf("got %v", err)
	}
	if isInvalidTxnState(err) {
		if err := old.AbortTxn(ctx); !errors.Is(err, ErrFenced) {
			t.Fatalf("got %v", err)
		}
	}
	if err := heir.BeginTxn(ctx); err != nil {
		t.Fatal(err)
	}
	mustPut(t, heir, topic, 0, nil, number(0, 0), 0)
	if err := heir.CommitTxn(ctx); err != nil {
		t.Fatal(err)
	}
	checkNumbers(t, bootstrap, topic, 1)
}

// isInvalidTxnState is what the embedded broker answers where Kafka's answer is
// that the epoch is old.
func isInvalidTxnState(err error) bool {
	var refused *BrokerError
	return errors.As(err, &refused) && int16(refused.Code) == kerr.InvalidTxnState.Code
}

func TestFailedBatchFailsTheTransaction(t *testing.T) {
	c := startCluster(t, 1)
	ctx := testContext(t)
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: newLedger(), TransactionalID: "tx"})
	begin := func() {
		t.Helper()
		if err := p.BeginTxn(ctx); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	mustPut(t, p, "t", 0, nil, number(50, 0), 0)
	mustWait(t, p)
	c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Err: kerr.InvalidRecord})
	mustPut(t, p, "t", 0, nil, number(51, 0), 1)
	err := p.CommitTxn(ctx)
	var refused *BrokerError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if err := p.BeginTxn(ctx); err == nil {
		t.Fatal("a transaction began within another")
	}
	if err := p.AbortTxn(ctx); err != nil {
		t.Fatal(err)
	}
	begin()
	for i := range uint64(10) {
		mustPut(t, p, "t", 0, nil, number(i, 0), 2+i)
		p.Flush()
	}
	if err := p.CommitTxn(ctx); err != nil {
		t.Fatal(err)
	}
	begin()
	if err := p.CommitTxn(ctx); err != nil { // an empty transaction
		t.Fatal(err)
	}
	checkNumbers(t, c.Bootstrap(), "t", 10)
}

func TestTakingOverATransactionalIDCanBeGivenUp(t *testing.T) {
	c := startCluster(t, 1)
	c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{22}, Err: kerr.ConcurrentTransactions, TopLevel: true, Count: -1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New(ctx, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: discard{}, TransactionalID: "tx"})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}
