package worker

import (
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// A partition without a committed offset begins where auto.offset.reset says, and one that has one goes on there.
func TestSinkBegins(t *testing.T) {
	for reset, want := range map[string]string{"earliest": "old new newest", "by_duration:PT1H": "new newest", "by_duration:PT0.001S": "late"} {
		t.Run(reset, func(t *testing.T) {
			s := newListSink()
			r := sinkRig(t, s)
			r.writeAt(map[string]time.Time{"old": time.Now().Add(-2 * time.Hour)})
			r.writeAt(map[string]time.Time{"new": time.Now().Add(-time.Minute)})
			r.writeAt(map[string]time.Time{"newest": time.Now().Add(-time.Second)})
			config := sinkConfig("consumer.override.auto.offset.reset", reset)
			id := r.start("s", config)
			if want == "late" {
				r.seen.await(t, id.String(), state.Running)
				for !strings.Contains(s.transcript(), "open") {
					time.Sleep(10 * time.Millisecond)
				}
				r.writeAt(map[string]time.Time{"late": time.Now()})
			}
			s.await(t, want)
			r.stop(id)
			r.writeAt(map[string]time.Time{"more": time.Now().Add(-3 * time.Hour)})
			r.start("s", config)
			s.await(t, want+" more")
		})
	}
}

// Without a position and without leave to choose one a sink task fails, as in Java, until it is given one.
func TestSinkWithoutPosition(t *testing.T) {
	s := newListSink()
	r := sinkRig(t, s)
	r.write("in", "a", "b")
	config := sinkConfig("consumer.override.auto.offset.reset", "none")
	id := r.start("s", config)
	failed := r.seen.await(t, id.String(), state.Failed)
	for _, part := range []string{"auto.offset.reset=none", "in-0", "group connect-s", "/offsets"} {
		if !strings.Contains(failed.Trace, part) {
			t.Errorf("the trace does not say %q: %s", part, failed.Trace)
		}
	}
	r.stop(id)
	client, release, err := r.worker.clients.get(testContext(t), kafka.RoleAdmin, kafka.Properties{"bootstrap.servers": r.bootstrap})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	admin, err := kafka.NewAdmin(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.SetGroupOffsets(testContext(t), "connect-s", map[kafka.TopicPartition]int64{{Topic: "in"}: 1}); err != nil {
		t.Fatal(err)
	}
	r.start("s", config)
	s.await(t, "b")
}

func (r *rig) writeAt(values map[string]time.Time) {
	r.t.Helper()
	p, err := sarama.NewSyncProducerFromClient(r.client())
	if err != nil {
		r.t.Fatal(err)
	}
	defer p.Close()
	for value, at := range values {
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "in", Value: sarama.StringEncoder(value), Timestamp: at}); err != nil {
			r.t.Fatal(err)
		}
	}
}
