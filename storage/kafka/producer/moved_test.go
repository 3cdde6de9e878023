package producer

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// slowDialer makes connections whose Produce requests to one address stay on
// their way while it is held.
type slowDialer struct {
	mu   sync.Mutex
	addr string
	hold chan struct{} // nil, or what ends the wait
}

func (d *slowDialer) Dial(network, addr string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &slowConn{Conn: conn, d: d, addr: addr}, nil
}

// slow holds what is sent to addr from now on, until free is called.
func (d *slowDialer) slow(addr string) (free func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hold := make(chan struct{})
	d.addr, d.hold = addr, hold
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.hold = nil
		close(hold)
	})
}

type slowConn struct {
	net.Conn
	d    *slowDialer
	addr string
}

func (c *slowConn) Write(b []byte) (int, error) {
	c.d.mu.Lock()
	hold := c.d.hold
	isProduce := len(b) > 6 && binary.BigEndian.Uint16(b[4:]) == produceKey
	held := hold != nil && isProduce && c.d.addr == c.addr
	c.d.mu.Unlock()
	if held {
		<-hold
	}
	return c.Conn.Write(b)
}

// TestLeaderMovesBeforeTheOldOneHasAnswered sends nothing to the new leader while
// batches are on their way to the old one: their order would be lost, and the new
// leader's complaint about it be taken for lost state.
func TestLeaderMovesBeforeTheOldOneHasAnswered(t *testing.T) {
	for _, txn := range []string{"", "tx"} {
		t.Run("transactional id "+txn, func(t *testing.T) {
			cluster := startCluster(t, 2)
			if err := cluster.Fake.CreateTopic("t", 1, nil); err != nil {
				t.Fatal(err)
			}
			if err := cluster.Fake.MoveTopicPartition("t", 0, 0); err != nil {
				t.Fatal(err)
			}
			ctx := testContext(t)
			dialer := &slowDialer{}
			client := newClient(t, cluster.Bootstrap(), func(conf *sarama.Config) { conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, dialer })
			acks := newLedger()
			p := newProducer(t, Config{Client: client, Acks: acks, TransactionalID: txn})
			if txn != "" {
				if err := p.BeginTxn(ctx); err != nil {
					t.Fatal(err)
				}
			}
			mustPut(t, p, "t", 0, nil, number(0, 0), 0)
			mustWait(t, p)
			before := identityOf(ctx, t, p)

			free := dialer.slow(addressOf(ctx, t, p, 0))
			defer free()
			mustPut(t, p, "t", 0, nil, number(1, 0), 1)
			p.Flush()
			if err := cluster.Fake.MoveTopicPartition("t", 0, 1); err != nil {
				t.Fatal(err)
			}
			awaitLeader(ctx, t, p, 1)
			mustPut(t, p, "t", 0, nil, number(2, 0), 2)
			p.Flush()
			time.Sleep(100 * time.Millisecond) // for what must not be sent
			free()
			mustWait(t, p)
			if txn != "" {
				if err := p.CommitTxn(ctx); err != nil {
					t.Fatal(err)
				}
			}
			acks.allAcked(t, 3)
			checkNumbers(t, cluster.Bootstrap(), "t", 3)
			if after := identityOf(ctx, t, p); after != before {
				t.Errorf("the producer took the id %v where %v was good", after, before)
			}
		})
	}
}

func identityOf(ctx context.Context, t *testing.T, p *Producer) (id identity) {
	t.Helper()
	if err := p.onSender(ctx, func(s *sender) { id = s.id }); err != nil {
		t.Fatal(err)
	}
	return id
}

func addressOf(ctx context.Context, t *testing.T, p *Producer, broker int32) (addr string) {
	t.Helper()
	if err := p.onSender(ctx, func(s *sender) { addr = s.brokers[broker].addr }); err != nil {
		t.Fatal(err)
	}
	return addr
}

// awaitLeader waits until the sender knows the leader of partition 0 of its first topic.
func awaitLeader(ctx context.Context, t *testing.T, p *Producer, broker int32) {
	t.Helper()
	for found := false; !found; {
		p.mail.post(metadataWanted{})
		if err := sleep(ctx, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := p.onSender(ctx, func(s *sender) { found = s.topics[0].known[0].leader == broker }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPartitionIsForgottenForAWhile gives the producer the answer of a broker that
// has not heard of a new partition yet. When the partition is back, its sequence
// numbers go on: from the beginning they would be taken for duplicates.
func TestPartitionIsForgottenForAWhile(t *testing.T) {
	cluster := startCluster(t, 1)
	if err := cluster.Fake.CreateTopic("t", 2, nil); err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, cluster.Bootstrap(), nil), Acks: acks, DeliveryTimeout: 10 * time.Second})
	mustPut(t, p, "t", 1, nil, number(0, 0), 0)
	mustWait(t, p)
	mustPut(t, p, "t", 1, nil, number(1, 0), 1) // in an open batch while the partition is gone
	if err := p.onSender(ctx, func(s *sender) {
		of := s.topics[0]
		s.onMetadata(metadataDone{topics: []topicMetadata{{t: of, leaders: []leader{{broker: 0, addr: s.brokers[0].addr}}}}})
	}); err != nil {
		t.Fatal(err)
	}
	if n := p.topics["t"].Partitions(); n != 1 {
		t.Fatalf("%d partitions are left", n)
	}
	p.Flush()
	mustPut(t, p, "t", 1, nil, number(2, 0), 2) // waits until it is back
	mustWait(t, p)
	acks.allAcked(t, 3)
	got := readAll(t, cluster.Bootstrap(), "t")[1]
	if len(got) != 3 {
		t.Fatalf("%d records, want 3", len(got))
	}
	for i, r := range got {
		if n := binary.BigEndian.Uint64(r.Value); n != uint64(i) {
			t.Errorf("record %d holds %d", i, n)
		}
	}
}
