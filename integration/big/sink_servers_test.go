//go:build servers

package big

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// sink is a broker that checks what comes to one topic, in order and each row once, and keeps none of it.
type sink struct {
	cluster *embedded.Cluster
	topic   string

	mu      sync.Mutex
	records int64 // and the last row's id
	bytes   int64
	wrong   error
}

func newSink(t *testing.T, topic string, options ...kfake.Opt) *sink {
	t.Helper()
	cluster, err := embedded.Start(embedded.Config{DataDir: rig.Dir(t), Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s := &sink{cluster: cluster, topic: topic}
	cluster.Fake.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake.KeepControl()
		return s.produce(r.(*kmsg.ProduceRequest))
	})
	return s
}

func (s *sink) produce(r *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
	if len(r.Topics) != 1 || r.Topics[0].Topic != s.topic || len(r.Topics[0].Partitions) != 1 {
		return nil, nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := r.Topics[0].Partitions[0]
	answer := r.ResponseKind().(*kmsg.ProduceResponse)
	topic, partition := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
	topic.Topic, partition.Partition, partition.BaseOffset = s.topic, p.Partition, s.records
	if err := s.check(p.Records); err != nil && s.wrong == nil {
		s.wrong = err
	}
	s.bytes += int64(len(p.Records))
	topic.Partitions = append(topic.Partitions, partition)
	answer.Topics = append(answer.Topics, topic)
	return answer, nil, true
}

// check reads the keys of an uncompressed record batch.
func (s *sink) check(b []byte) error {
	const head, countAt, attributesAt = 61, 57, 21
	if len(b) < head || binary.BigEndian.Uint16(b[attributesAt:])&7 != 0 {
		return fmt.Errorf("a record batch of %d bytes is short or compressed", len(b))
	}
	count, rest := binary.BigEndian.Uint32(b[countAt:]), b[head:]
	for range count {
		size, n := binary.Varint(rest)
		record := rest[n : n+int(size)]
		rest = rest[n+int(size):]
		key, err := recordKey(record)
		if err != nil {
			return err
		}
		if want := `{"id":` + strconv.FormatInt(s.records+1, 10) + `}`; string(key) != want {
			return fmt.Errorf("after %d records comes one with the key %s", s.records, key)
		}
		s.records++
	}
	return nil
}

func recordKey(record []byte) ([]byte, error) {
	rest := record[1:] // attributes
	for i := range 3 { // timestamp and offset deltas, length of the key
		v, n := binary.Varint(rest)
		if rest = rest[max(n, 0):]; n <= 0 || i == 2 && int(v) > len(rest) {
			return nil, fmt.Errorf("malformed record %x", record[:min(len(record), 40)])
		}
		if i == 2 {
			rest = rest[:max(v, 0)]
		}
	}
	return rest, nil
}

func (s *sink) taken() (records, bytes int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records, s.bytes, s.wrong
}

// wait waits until all rows have come. It fails when nothing comes for a minute.
func (s *sink) wait(t *testing.T, rows int) {
	t.Helper()
	last, since := int64(-1), time.Now()
	for {
		n, _, err := s.taken()
		switch {
		case err != nil:
			t.Fatal(err)
		case n == int64(rows):
			return
		case n != last:
			last, since = n, time.Now()
		case time.Since(since) > time.Minute:
			t.Fatalf("%d of %d rows have come, and nothing for a minute", n, rows)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// behind makes the broker tell its clients the address of a proxy.
func behind(proxy *rig.Proxy) kfake.Opt {
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		proxy.Connect(l.Addr().String())
		return advertised{l, proxy.Addr()}, nil
	})
}

type advertised struct {
	net.Listener
	addr net.Addr
}

func (a advertised) Addr() net.Addr { return a.addr }
