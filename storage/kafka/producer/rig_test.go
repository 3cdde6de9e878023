package producer

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/storage/kafka/embedded"
)

// startCluster starts an embedded cluster that ends with the test.
func startCluster(t testing.TB, brokers int) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(embedded.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func newClient(t testing.TB, bootstrap string, change func(*sarama.Config)) sarama.Client {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	conf.Metadata.Full = false
	conf.Metadata.Retry.Backoff = 10 * time.Millisecond
	conf.ClientID = "test"
	if change != nil {
		change(conf)
	}
	c, err := sarama.NewClient(strings.Split(bootstrap, ","), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ledger is an Acks that notes what it is told.
type ledger struct {
	mu    sync.Mutex
	fate  map[uint64]error // by tag
	twice []uint64
}

func newLedger() *ledger { return &ledger{fate: map[uint64]error{}} }

func (l *ledger) Done(tags []Tags, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range tags {
		for i := range uint64(r.N) {
			if _, dup := l.fate[r.First+i]; dup {
				l.twice = append(l.twice, r.First+i)
			}
			l.fate[r.First+i] = err
		}
	}
}

// acked returns the fates by tag and fails when one was reported twice.
func (l *ledger) fates(t testing.TB) map[uint64]error {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.twice) > 0 {
		t.Fatalf("reported twice: %v", l.twice)
	}
	return l.fate
}

// allAcked fails unless tags 0 to n-1 and no others were acknowledged.
func (l *ledger) allAcked(t testing.TB, n int) {
	t.Helper()
	fates := l.fates(t)
	if len(fates) != n {
		t.Fatalf("%d records reported, want %d", len(fates), n)
	}
	for tag, err := range fates {
		if err != nil || tag >= uint64(n) {
			t.Fatalf("record %d: %v", tag, err)
		}
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newProducer(t testing.TB, cfg Config) *Producer {
	t.Helper()
	if cfg.RetryBackoff == 0 {
		cfg.RetryBackoff, cfg.RetryBackoffMax = 2*time.Millisecond, 20*time.Millisecond
	}
	p, err := New(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.Close(ctx)
	})
	return p
}

// put appends a record with the given key and value.
func (p *Producer) put(ctx context.Context, topic string, partition int32, key, value []byte, tag uint64) error {
	t, err := p.Topic(ctx, topic)
	if err != nil {
		return err
	}
	a, err := p.Begin(ctx, t, partition, key, 1700000000000+int64(tag))
	if err != nil {
		return err
	}
	a.SetValue(append(a.Value(), value...), value == nil)
	return a.End(tag)
}

func mustPut(t testing.TB, p *Producer, topic string, partition int32, key, value []byte, tag uint64) {
	t.Helper()
	if err := p.put(testContext(t), topic, partition, key, value, tag); err != nil {
		t.Fatal(err)
	}
}

func mustWait(t testing.TB, p *Producer) {
	t.Helper()
	if err := p.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// number is a value that carries a number and some weight.
func number(n uint64, weight int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, n), make([]byte, weight)...)
}

// readAll reads what a topic holds, committed records only, by partition.
func readAll(t testing.TB, bootstrap, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	c := newClient(t, bootstrap, nil)
	parts, err := c.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int32]int64{}
	offsets := map[int32]kgo.Offset{}
	for _, p := range parts {
		end, err := c.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		ends[p] = end
		offsets[p] = kgo.NewOffset().AtStart()
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	out := map[int32][]*kgo.Record{}
	next := map[int32]int64{}
	behind := func() bool {
		for p, end := range ends {
			if next[p] < end {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("reading %s at %v of %v: %v", topic, next, ends, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				out[r.Partition] = append(out[r.Partition], r)
			}
		})
	}
	return out
}

// flakyDialer makes connections that break at random.
type flakyDialer struct {
	mu    sync.Mutex
	rnd   *rand.Rand
	wild  bool
	chaos int // one in so many reads or writes breaks the connection
}

func (d *flakyDialer) Dial(network, addr string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &flakyConn{Conn: conn, d: d}, nil
}

func (d *flakyDialer) breaks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wild && d.chaos > 0 && d.rnd.IntN(d.chaos) == 0
}

func (d *flakyDialer) setCalm(calm bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wild = !calm
}

type flakyConn struct {
	net.Conn
	d *flakyDialer
}

var errFlaky = errors.New("the network failed, as the test wants")

// Read loses an answer that the broker has sent.
func (c *flakyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.d.breaks() {
		_ = c.Conn.Close()
		return 0, errFlaky
	}
	return n, err
}

// Write sends part of a request.
func (c *flakyConn) Write(b []byte) (int, error) {
	if c.d.breaks() {
		n, _ := c.Conn.Write(b[:len(b)/2])
		_ = c.Conn.Close()
		return n, io.ErrClosedPipe
	}
	return c.Conn.Write(b)
}
