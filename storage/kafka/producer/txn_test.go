package producer

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTransactions(t *testing.T) { playTransactions(t, startCluster(t, 3).Bootstrap(), "t") }

// playTransactions commits and aborts at random, with batches that go out before
// an abort and ones that do not.
func playTransactions(t *testing.T, bootstrap, topic string) {
	ctx := testContext(t)
	p := newProducer(t, Config{Client: newClient(t, bootstrap, nil), Acks: newLedger(), TransactionalID: "tx-" + topic, BatchBytes: 2 << 10})
	rnd := rand.New(rand.NewPCG(5, 6))
	var want []uint64
	tag := uint64(0)
	for range 40 {
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
		if err := p.CommitTxn(ctx); err != nil {
			t.Fatal(err)
		}
		want = append(want, written...)
	}
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
