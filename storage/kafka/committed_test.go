package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// rawTxn is a transactional producer that can also abort.
func rawTxn(t *testing.T, bootstrap, id string) sarama.SyncProducer {
	t.Helper()
	s, err := kafka.ParseSettings(kafka.RoleProducer, kafka.Properties{"bootstrap.servers": bootstrap, "transactional.id": id})
	must(t, err)
	p, err := sarama.NewSyncProducer(s.Bootstrap, s.Sarama())
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestReadsOnlyCommittedRecords(t *testing.T) {
	readsOnlyCommitted(t, cluster(t, embedded.Config{}).Bootstrap(), "committed")
}

// readsOnlyCommitted lets several producers commit and abort in turns, their
// transactions overlapping, with fetches so small that transactions span them.
func readsOnlyCommitted(t *testing.T, bootstrap, topic string) {
	base := kafka.Properties{"bootstrap.servers": bootstrap}
	l := kafka.NewLog(kafka.LogConfig{
		Topic: kafka.Topic{Name: topic, Partitions: 1, Replication: 1}, Producer: base, Admin: base,
		Consumer: base.With(kafka.Properties{"isolation.level": "read_committed", "max.partition.fetch.bytes": "200"}),
	})
	_, err := l.Create(t.Context())
	must(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	type txn struct {
		producer sarama.SyncProducer
		open     bool
		values   []string
	}
	txns := make([]*txn, 3)
	for i := range txns {
		txns[i] = &txn{producer: rawTxn(t, bootstrap, fmt.Sprint(topic, i))}
	}
	var want []string
	end := func(x *txn, commit bool) {
		if !x.open {
			return
		}
		x.open = false
		if commit {
			want = append(want, x.values...)
			must(t, x.producer.CommitTxn())
		} else {
			must(t, x.producer.AbortTxn())
		}
		x.values = nil
	}
	for i := range 150 {
		x := txns[r.IntN(len(txns))]
		if r.IntN(4) == 0 {
			end(x, r.IntN(2) == 0)
			continue
		}
		if !x.open {
			must(t, x.producer.BeginTxn())
			x.open = true
		}
		v := fmt.Sprintf("%03d", i)
		_, _, err := x.producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(v)})
		must(t, err)
		x.values = append(x.values, v)
		if i%10 == 0 {
			plain := fmt.Sprintf("%03d-plain", i)
			must(t, l.Append(t.Context(), kafka.Record{Value: []byte(plain)}))
			want = append(want, plain)
		}
	}
	for _, x := range txns {
		end(x, false)
	}
	must(t, l.Close())
	var got []string
	must(t, l.ReadAll(t.Context(), func(r kafka.Record) error { got = append(got, string(r.Value)); return nil }))
	slices.Sort(want) // the order of the topic, since values were sent in their order
	if !slices.Equal(got, want) {
		t.Errorf("read %v\nwant %v", got, want)
	}
}

// A record of a transaction that is still open must be waited for: it may have been
// acknowledged to whoever asks for the end.
func TestWaitsForOpenTransactions(t *testing.T) {
	c := cluster(t, embedded.Config{})
	create(t, admin(t, c), kafka.Topic{Name: "open", Partitions: 1, Replication: 1})
	p := rawTxn(t, c.Bootstrap(), "open")
	must(t, p.BeginTxn())
	_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "open", Value: sarama.StringEncoder("late")})
	must(t, err)
	r := reader(t, c, "open", kafka.Properties{"isolation.level": "read_committed", "fetch.max.wait.ms": "20"})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = r.ReadAll(ctx, func(kafka.Record) error { t.Error("a record of an open transaction was read"); return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reading with an open transaction: %v", err)
	}
	must(t, p.CommitTxn())
	if got := readAll(t, r); got != "=late" {
		t.Errorf("after the commit: %q", got)
	}
}
