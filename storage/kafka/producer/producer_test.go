package producer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
)

func TestRecordsArriveWithKeysHeadersAndTimes(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			c := startCluster(t, 1)
			acks := newLedger()
			p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, Compression: codec})
			ctx := testContext(t)
			topic, err := p.Topic(ctx, "made-on-first-use")
			if err != nil {
				t.Fatal(err)
			}
			a, err := p.Begin(ctx, topic, 0, []byte("k"), 1234)
			if err != nil {
				t.Fatal(err)
			}
			a.SetValue(append(a.Value(), "v"...), false)
			a.Headers(2, AppendHeader(AppendHeader(nil, "h", []byte("x")), "n", nil))
			if err := a.End(0); err != nil {
				t.Fatal(err)
			}
			mustPut(t, p, topic.Name(), 0, nil, nil, 1)
			mustWait(t, p)
			acks.allAcked(t, 2)
			got := readAll(t, c.Bootstrap(), topic.Name())[0]
			r := got[0]
			if string(r.Key) != "k" || string(r.Value) != "v" || r.Timestamp.UnixMilli() != 1234 || len(r.Headers) != 2 ||
				r.Headers[0].Key != "h" || string(r.Headers[0].Value) != "x" || r.Headers[1].Value != nil {
				t.Fatalf("got %+v", r)
			}
			if len(got) != 2 || got[1].Key != nil || got[1].Value != nil {
				t.Fatalf("got %+v", got[1])
			}
		})
	}
}

func TestKeysDecideThePartition(t *testing.T) {
	c := startCluster(t, 1)
	if err := c.Fake.CreateTopic("t", 7, nil); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: newLedger()})
	java := sarama.NewMurmur2Partitioner("t")
	for i := range 500 {
		mustPut(t, p, "t", -1, fmt.Appendf(nil, "key-%d", i), []byte("v"), uint64(i))
	}
	mustWait(t, p)
	n := 0
	for id, records := range readAll(t, c.Bootstrap(), "t") {
		for _, r := range records {
			n++
			want, err := java.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(r.Key)}, 7)
			if err != nil || want != id {
				t.Fatalf("key %s is in partition %d, want %d", r.Key, id, want)
			}
		}
	}
	if n != 500 {
		t.Fatalf("%d records", n)
	}
}

// RoundRobinPartitioner takes the partitions in turn, whatever the keys.
func TestPartitionsInTurn(t *testing.T) {
	c := startCluster(t, 1)
	if err := c.Fake.CreateTopic("turn", 3, nil); err != nil {
		t.Fatal(err)
	}
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, RoundRobin: true})
	for i := range 12 {
		mustPut(t, p, "turn", -1, []byte("one key"), []byte("v"), uint64(i))
	}
	mustWait(t, p)
	acks.allAcked(t, 12)
	for partition, records := range readAll(t, c.Bootstrap(), "turn") {
		if len(records) != 4 {
			t.Errorf("partition %d has %d records, want 4", partition, len(records))
		}
	}
}

func TestRecordTooLargeForTheProducer(t *testing.T) {
	c := startCluster(t, 1)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, MaxRequestSize: 10000})
	mustPut(t, p, "t", 0, nil, number(0, 10), 0)
	err := p.put(testContext(t), "t", 0, []byte("big-one"), make([]byte, 10000), 9)
	var large *RecordTooLarge
	if !errors.As(err, &large) || large.Setting != "max.request.size" || large.Limit != 10000 {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"big-one", "topic t", "max.request.size", "10000"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	mustPut(t, p, "t", 0, nil, number(1, 6000), 1)
	mustPut(t, p, "t", 0, nil, number(2, 6000), 2) // does not fit beside the other
	mustWait(t, p)
	acks.allAcked(t, 3)
	checkNumbers(t, c.Bootstrap(), "t", 3)
}

// checkNumbers fails unless the topic's only partition holds numbers 0 to n-1 in
// order, each once.
func checkNumbers(t *testing.T, bootstrap, topic string, n int) {
	t.Helper()
	records := readAll(t, bootstrap, topic)[0]
	for i, r := range records {
		if got := binary.BigEndian.Uint64(r.Value); got != uint64(i) {
			t.Fatalf("record %d holds number %d", i, got)
		}
	}
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
}

func TestBatchTooLargeForTheBrokerIsSplit(t *testing.T) {
	c := startCluster(t, 1)
	limit := "20000"
	if err := c.Fake.CreateTopic("t", 1, map[string]string{"max.message.bytes": limit}); err != nil {
		t.Fatal(err)
	}
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks})
	for i := range 1000 {
		mustPut(t, p, "t", 0, nil, number(uint64(i), 300), uint64(i))
	}
	mustWait(t, p)
	acks.allAcked(t, 1000)
	checkNumbers(t, c.Bootstrap(), "t", 1000)

	// A record that no splitting helps fails alone.
	mustPut(t, p, "t", 0, []byte("huge-key"), number(0, 30000), 1000)
	p.Flush()
	for i := 1000; i < 1100; i++ {
		mustPut(t, p, "t", 0, nil, number(uint64(i), 300), uint64(i+1))
	}
	mustWait(t, p)
	fates := acks.fates(t)
	var large *RecordTooLarge
	if !errors.As(fates[1000], &large) || large.Key != "huge-key" || !strings.Contains(large.Error(), "max.message.bytes") {
		t.Fatalf("got %v", fates[1000])
	}
	for i := 1001; i <= 1100; i++ {
		if fates[uint64(i)] != nil {
			t.Fatalf("record %d: %v", i, fates[uint64(i)])
		}
	}
	checkNumbers(t, c.Bootstrap(), "t", 1100)
}

func TestMemoryBoundsWhatIsOnItsWay(t *testing.T) {
	c := startCluster(t, 1)
	release := make(chan struct{})
	c.Fake.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		c.Fake.SleepControl(func() { <-release })
		return nil, nil, false
	})
	const memory = 300 << 10
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, BufferMemory: memory, BatchBytes: 20 << 10})
	n := 0
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var err error
	for ; err == nil; n++ {
		err = p.put(ctx, "t", 0, nil, number(uint64(n), 1000), uint64(n))
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	n--
	if used := p.BufferedBytes(); used > memory || n < memory/3000 {
		t.Fatalf("%d bytes in use after %d records", used, n)
	}
	close(release)
	mustWait(t, p)
	acks.allAcked(t, n)
	if used := p.BufferedBytes(); used != 0 {
		t.Fatalf("%d bytes still in use", used)
	}
	checkNumbers(t, c.Bootstrap(), "t", n)
}

func TestNewPartitionsAreUsed(t *testing.T) {
	c := startCluster(t, 1)
	if err := c.Fake.CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: newLedger()})
	mustPut(t, p, "t", -1, []byte("a"), []byte("v"), 0)
	admin, err := sarama.NewClusterAdmin(c.Addrs(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreatePartitions("t", 4, nil, false); err != nil {
		t.Fatal(err)
	}
	mustPut(t, p, "t", 3, nil, []byte("v"), 1) // waits for the partition
	mustWait(t, p)
	topic, _ := p.Topic(testContext(t), "t")
	if topic.Partitions() != 4 {
		t.Fatalf("%d partitions", topic.Partitions())
	}
	if got := readAll(t, c.Bootstrap(), "t"); len(got[3]) != 1 {
		t.Fatalf("got %v", got)
	}
}

func TestUnknownTopicAndPartition(t *testing.T) {
	c := startCluster(t, 1)
	client := newClient(t, c.Bootstrap(), func(conf *sarama.Config) { conf.Metadata.AllowAutoTopicCreation = false })
	p := newProducer(t, Config{Client: client, Acks: newLedger(), MaxBlock: 100 * time.Millisecond})
	_, err := p.Topic(testContext(t), "nowhere")
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || !strings.Contains(err.Error(), "nowhere") {
		t.Fatalf("got %v", err)
	}
	if err := c.Fake.CreateTopic("somewhere", 2, nil); err != nil {
		t.Fatal(err)
	}
	err = p.put(testContext(t), "somewhere", 5, nil, nil, 0)
	if !errors.As(err, &timeout) || !strings.Contains(err.Error(), "Partition 5 of topic somewhere with partition count 2") {
		t.Fatalf("got %v", err)
	}
}

// A topic that was just created is there within milliseconds, however long the wait
// after failures is.
func TestNewTopicIsLookedForSoon(t *testing.T) {
	c := startCluster(t, 1)
	client := newClient(t, c.Bootstrap(), func(conf *sarama.Config) { conf.Metadata.AllowAutoTopicCreation = false })
	p := newProducer(t, Config{Client: client, Acks: newLedger(), RetryBackoff: time.Hour, RetryBackoffMax: time.Hour})
	time.AfterFunc(20*time.Millisecond, func() {
		if err := c.Fake.CreateTopic("t", 1, nil); err != nil {
			t.Error(err)
		}
	})
	mustPut(t, p, "t", -1, nil, []byte("v"), 0)
	mustWait(t, p)
}

func TestBrokerRefusesForGood(t *testing.T) {
	c := startCluster(t, 1)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks})
	mustPut(t, p, "t", 0, nil, number(0, 0), 0)
	mustWait(t, p)
	c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Topic: "t", Err: kerr.TopicAuthorizationFailed})
	mustPut(t, p, "t", 0, nil, number(99, 0), 1)
	mustWait(t, p)
	err := acks.fates(t)[1]
	var refused *BrokerError
	if !errors.As(err, &refused) || refused.Topic != "t" || !errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < 20; i++ { // the gap in sequence numbers is closed
		mustPut(t, p, "t", 0, nil, number(uint64(i), 0), uint64(i+1))
		p.Flush()
	}
	mustWait(t, p)
	checkNumbers(t, c.Bootstrap(), "t", 20)
}

func TestDeliveryTimeout(t *testing.T) {
	c := startCluster(t, 1)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks, DeliveryTimeout: 50 * time.Millisecond})
	mustPut(t, p, "t", 0, nil, number(0, 0), 0)
	mustWait(t, p)
	h := c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Err: kerr.NotEnoughReplicas, Count: -1})
	mustPut(t, p, "t", 0, nil, number(1, 0), 1)
	mustWait(t, p)
	var timeout *TimeoutError
	if err := acks.fates(t)[1]; !errors.As(err, &timeout) || !errors.Is(err, sarama.ErrNotEnoughReplicas) || !strings.Contains(err.Error(), "Expiring 1 record(s) for t-0") {
		t.Fatalf("got %v", err)
	}
	h.Remove()
	mustPut(t, p, "t", 0, nil, number(1, 0), 2)
	mustWait(t, p)
	checkNumbers(t, c.Bootstrap(), "t", 2)
}

func TestCloseReportsEveryRecord(t *testing.T) {
	c := startCluster(t, 1)
	release := make(chan struct{})
	defer close(release)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks})
	mustPut(t, p, "t", 0, nil, number(0, 0), 0)
	mustWait(t, p)
	c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Err: kerr.NotEnoughReplicas, Count: -1})
	for i := 1; i < 10; i++ {
		mustPut(t, p, "t", 0, nil, number(uint64(i), 0), uint64(i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	mustPutAfterClose(t, p)
	fates := acks.fates(t)
	if len(fates) != 11 {
		t.Fatalf("%d records reported", len(fates))
	}
	for i := 1; i < 11; i++ {
		if !errors.Is(fates[uint64(i)], ErrClosed) {
			t.Fatalf("record %d: %v", i, fates[uint64(i)])
		}
	}
}

func mustPutAfterClose(t *testing.T, p *Producer) {
	t.Helper()
	if err := p.put(testContext(t), "t", 0, nil, nil, 10); err != nil {
		t.Fatal(err)
	}
	p.Flush()
}

func TestWithoutProducerID(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		c := startCluster(t, 1)
		c.Fake.ControlKey(22, func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.Fake.KeepControl()
			resp := r.ResponseKind().(*kmsg.InitProducerIDResponse)
			resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
			return resp, nil, true
		})
		acks := newLedger()
		client := newClient(t, c.Bootstrap(), nil)
		p := newProducer(t, Config{Client: client, Acks: acks, PlainAllowed: allowed})
		for i := range 50 {
			if err := p.put(testContext(t), "t", 0, nil, number(uint64(i), 0), uint64(i)); err != nil {
				break // the producer ended already
			}
			p.Flush()
		}
		err := p.Wait(testContext(t))
		if allowed {
			acks.allAcked(t, 50)
			checkNumbers(t, c.Bootstrap(), "t", 50)
		} else if fate := acks.fates(t)[0]; !errors.Is(err, sarama.ErrClusterAuthorizationFailed) && !errors.Is(fate, sarama.ErrClusterAuthorizationFailed) {
			t.Fatalf("got %v, first record %v", err, fate)
		}
	}
}

// A batch is sent once more for each of retries.
func TestRetries(t *testing.T) {
	for retries, attempts := range map[string]int64{"0": 1, "2": 3} {
		c := startCluster(t, 1)
		var asked atomic.Int64
		c.Fake.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.Fake.KeepControl()
			resp := r.ResponseKind().(*kmsg.ProduceResponse)
			for _, topic := range r.(*kmsg.ProduceRequest).Topics {
				part := kmsg.NewProduceResponseTopicPartition()
				part.ErrorCode = kerr.NotEnoughReplicas.Code
				resp.Topics = append(resp.Topics, kmsg.ProduceResponseTopic{
					Topic: topic.Topic, TopicID: topic.TopicID, Partitions: []kmsg.ProduceResponseTopicPartition{part},
				})
			}
			asked.Add(1)
			return resp, nil, true
		})
		props := kafka.Properties{
			"bootstrap.servers": c.Bootstrap(), "retries": retries, "enable.idempotence": "false", "retry.backoff.ms": "1",
		}
		settings, err := kafka.ParseSettings(kafka.RoleProducer, props)
		if err != nil {
			t.Fatal(err)
		}
		cfg := FromSettings(settings, props)
		acks := newLedger()
		cfg.Client, cfg.Acks = newClient(t, c.Bootstrap(), nil), acks
		p := newProducer(t, cfg)
		mustPut(t, p, "t", 0, nil, number(0, 0), 0)
		p.Flush()
		_ = p.Wait(testContext(t)) // as the fate of the record says
		if fate := acks.fates(t)[0]; !errors.Is(fate, sarama.ErrNotEnoughReplicas) || asked.Load() != attempts {
			t.Errorf("retries=%s: %d requests, and then %v", retries, asked.Load(), fate)
		}
	}
}

func TestLostProducerState(t *testing.T) {
	c := startCluster(t, 1)
	acks := newLedger()
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: acks})
	n := 0
	for _, e := range []*kerr.Error{kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber, kerr.InvalidProducerEpoch} {
		for range 30 {
			mustPut(t, p, "t", 0, nil, number(uint64(n), 0), uint64(n))
			p.Flush()
			n++
			if n%30 == 10 {
				c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Err: e})
			}
		}
	}
	mustWait(t, p)
	acks.allAcked(t, n)
	checkNumbers(t, c.Bootstrap(), "t", n)
}

// TestEveryRecordOnceAndInOrder writes to several partitions while brokers
// refuse, forget to answer and lose connections, and leaders move.
func TestEveryRecordOnceAndInOrder(t *testing.T) {
	clear := []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.UnknownTopicOrPartition}
	doubtful := append(clear, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.KafkaStorageError)
	for seed := range uint64(6) {
		codec := []string{"none", "lz4", "snappy", "gzip", "zstd", "none"}[seed]
		t.Run(fmt.Sprintf("lost answers %d", seed), func(t *testing.T) {
			t.Parallel()
			playChaos(t, chaos{seed: seed, codec: codec, errs: doubtful, breakOneIn: 8, limit: "3000", topic: "t"})
		})
		// A broker that has written a batch does not find it too large later.
		t.Run(fmt.Sprintf("too large %d", seed), func(t *testing.T) {
			t.Parallel()
			playChaos(t, chaos{seed: seed, codec: codec, errs: append(clear, kerr.MessageTooLarge), limit: "1000000", topic: "t"})
		})
	}
}

type chaos struct {
	seed       uint64
	codec      string
	errs       []*kerr.Error // with which brokers answer now and then
	breakOneIn int           // reads and writes; 0 for never
	limit      string        // max.message.bytes
	topic      string
}

func playChaos(t *testing.T, ch chaos) {
	c := startCluster(t, 3)
	if err := c.Fake.CreateTopic("t", chaosPartitions, map[string]string{"max.message.bytes": ch.limit}); err != nil {
		t.Fatal(err)
	}
	ch.play(t, c.Bootstrap(), func(rnd *rand.Rand, part int32) {
		switch rnd.IntN(20) {
		case 0:
			c.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{0}, Err: ch.errs[rnd.IntN(len(ch.errs))], Partitions: []int32{part}})
		case 1:
			if err := c.Fake.MoveTopicPartition("t", part, rnd.Int32N(3)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

const chaosPartitions = 4

// play writes to a topic while the network breaks, calls trouble now and then,
// and checks what the topic holds in the end.
func (ch chaos) play(t *testing.T, bootstrap string, trouble func(rnd *rand.Rand, part int32)) {
	rnd := rand.New(rand.NewPCG(ch.seed, 99))
	dialer := &flakyDialer{rnd: rand.New(rand.NewPCG(ch.seed, 7)), chaos: ch.breakOneIn}
	client := newClient(t, bootstrap, func(conf *sarama.Config) { conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, dialer })
	acks := newLedger()
	p := newProducer(t, Config{Client: client, Acks: acks, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		BatchBytes: 4 << 10, Compression: ch.codec, RequestTimeout: 5 * time.Second, DeliveryTimeout: time.Minute})
	dialer.setCalm(false)
	written := make([][]uint64, chaosPartitions)
	for i := range uint64(5000) {
		part := rnd.Int32N(chaosPartitions)
		mustPut(t, p, ch.topic, part, nil, number(i, rnd.IntN(200)), i)
		written[part] = append(written[part], i)
		switch rnd.IntN(20) {
		case 0, 1:
			p.Flush()
		case 2:
			trouble(rnd, part)
		}
	}
	dialer.setCalm(true)
	mustWait(t, p)
	checkPartitions(t, readAll(t, bootstrap, ch.topic), written, acks.fates(t))
}

// checkPartitions compares what partitions hold with what was written to them
// and acknowledged. Only records alone in their batch can have failed.
func checkPartitions(t *testing.T, got map[int32][]*kgo.Record, written [][]uint64, fates map[uint64]error) {
	t.Helper()
	for part, tags := range written {
		var want, have []uint64
		for _, tag := range tags {
			var large *RecordTooLarge
			err, known := fates[tag]
			if !known || err != nil && !errors.As(err, &large) {
				t.Fatalf("record %d: %v", tag, err)
			}
			if err == nil {
				want = append(want, tag)
			}
		}
		for _, r := range got[int32(part)] {
			have = append(have, binary.BigEndian.Uint64(r.Value))
		}
		for i := range max(len(have), len(want)) {
			if i >= len(have) || i >= len(want) || have[i] != want[i] {
				t.Fatalf("partition %d: record %d of %d is wrong, want %d\nhave %v\nwant %v", part, i, len(have), len(want), have[i:min(i+20, len(have))], want[i:min(i+20, len(want))])
			}
		}
	}
}

func TestNoAllocationPerRecord(t *testing.T) {
	c := startCluster(t, 1)
	p := newProducer(t, Config{Client: newClient(t, c.Bootstrap(), nil), Acks: discard{}})
	ctx := testContext(t)
	topic, err := p.Topic(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	key, value := []byte("12345678"), bytes.Repeat([]byte("x"), 600)
	var tag uint64
	write := func() {
		a, err := p.Begin(ctx, topic, -1, key, 1)
		if err != nil {
			t.Fatal(err)
		}
		a.SetValue(append(a.Value(), value...), false)
		tag++
		if err := a.End(tag); err != nil {
			t.Fatal(err)
		}
	}
	for range 20000 {
		write()
	}
	if n := testing.AllocsPerRun(20000, write); n > 0.05 {
		t.Errorf("%.3f allocations per record", n)
	}
}

type discard struct{}

func (discard) Done([]Tags, error) {}

func BenchmarkProduce(b *testing.B) {
	for _, codec := range []string{"none", "lz4"} {
		b.Run(codec, func(b *testing.B) {
			c := startCluster(b, 1)
			benchmarkProduce(b, newClient(b, c.Bootstrap(), nil), "bench", codec)
		})
	}
}

// benchmarkProduce writes records of 700 bytes to one partition.
func benchmarkProduce(b *testing.B, client sarama.Client, name, codec string) {
	p := newProducer(b, Config{Client: client, Acks: discard{}, Compression: codec})
	ctx := context.Background()
	topic, err := p.Topic(ctx, name)
	if err != nil {
		b.Fatal(err)
	}
	key, value := []byte(`{"id":12345678}`), bytes.Repeat([]byte(`{"id":123456,"text":"abcdefg"}`), 23)
	b.SetBytes(int64(len(key) + len(value)))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuSeconds(b)
	for i := range b.N {
		a, err := p.Begin(ctx, topic, -1, key, 1700000000000)
		if err != nil {
			b.Fatal(err)
		}
		a.SetValue(append(a.Value(), value...), false)
		if err := a.End(uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Wait(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpuSeconds(b)-before)/float64(b.N)*1e6, "cpu-s/M")
}

// cpuSeconds is the processor time that this process has used, which says more
// than the clock where a broker shares the machine. Brokers inside the process
// count too.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
