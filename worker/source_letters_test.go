package worker

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/state"
)

func withJSON(r *rig, _ *Config) { r.plugins = append(r.plugins, jsonconv.Plugins()...) }

func letterConfig(more ...string) map[string]string {
	return sourceConfig(append([]string{"transforms", "e", "transforms.e.type", "test.Edit", "errors.tolerance", "all",
		"errors.deadletterqueue.topic.name", "dead", "errors.deadletterqueue.topic.replication.factor", "1",
		"errors.deadletterqueue.context.headers.enable", "true"}, more...)...)
}

// poisonedSource has records that a transform refuses, and some that the converter does, with headers.
func poisonedSource() *listSource {
	s := &listSource{topic: "out", values: []string{"a", "wrong", "drop", "bad", "b", "wrong", "c"}}
	s.onPoll = func(_ *listSource, b *connect.Batch) {
		for i := range b.Records {
			b.Records[i].Headers = []connect.Header{{Key: "h", Value: data.String("kept")}}
		}
	}
	return s
}

func headersOf(m *sarama.ConsumerMessage) map[string]string {
	out := map[string]string{}
	for _, h := range m.Headers {
		out[string(h.Key)] = string(h.Value)
	}
	return out
}

func checkLetters(t *testing.T, letters []*sarama.ConsumerMessage) {
	t.Helper()
	if got, want := values(letters), `wrong {"schema":null,"payload":"bad"} wrong`; got != want {
		t.Fatalf("dead letters are %s, want %s", got, want)
	}
	for i, want := range []map[string]string{
		{"stage": "TRANSFORMATION", "class.name": "test.Edit", "exception.message": "this record is wrong", "source.offset": `{"n":1}`, "value.converter": "test.Text"},
		{"stage": "VALUE_CONVERTER", "class.name": "test.Text", "exception.message": "this text is bad", "source.offset": `{"n":3}`, "value.converter": jsonClass,
			"exception.class.name": "org.apache.kafka.connect.errors.DataException"},
		{"source.offset": `{"n":5}`, "source.partition": `{"list":"one"}`, "topic": "out", "partition": "-1", "offset": "-1",
			"connector.name": "list", "task.id": "0", "key.converter": "test.Text"},
	} {
		have := headersOf(letters[i])
		if have["h"] != "kept" || string(letters[i].Key) != "k" {
			t.Errorf("letter %d: key %s, headers %v", i, letters[i].Key, have)
		}
		for name, value := range want {
			if got := have["__connect.errors."+name]; got != value {
				t.Errorf("letter %d: header %s is %q, want %q", i, name, got, value)
			}
		}
	}
}

func TestSourceDeadLetters(t *testing.T) {
	s := poisonedSource()
	r := sourceRig(t, s, withJSON)
	r.start("list", letterConfig())
	r.awaitOffset("list", int64(len(s.values)-1))
	if got := values(r.read("out")); got != "a b c" {
		t.Errorf("topic holds %s", got)
	}
	checkLetters(t, r.read("dead"))
	if got := strings.Join(r.seen.topics, ", "); got != "list-0 out" {
		t.Errorf("topics used: %s", got)
	}
}

// TestSourceDeadLettersInTransactions are in the transaction of the records around them.
func TestSourceDeadLettersInTransactions(t *testing.T) {
	s := poisonedSource()
	r := sourceRig(t, s, withJSON, inKafka)
	id := r.startExactlyOnce("list", letterConfig())
	r.awaitOffset("list", int64(len(s.values)-1))
	r.stop(id)
	if got := values(r.readCommitted("out")); got != "a b c" {
		t.Errorf("topic holds %s", got)
	}
	checkLetters(t, r.readCommitted("dead"))
}

// TestSourceDeadLetterWithoutAConverter is a letter as text.
func TestSourceDeadLetterWithoutAConverter(t *testing.T) {
	s := poisonedSource()
	r := sourceRig(t, s)
	r.start("list", letterConfig("errors.deadletterqueue.context.headers.enable", "false"))
	r.awaitOffset("list", int64(len(s.values)-1))
	letters := r.read("dead")
	if got := values(letters); got != "wrong bad wrong" {
		t.Errorf("dead letters are %s", got)
	}
	if h := headersOf(letters[0]); len(h) != 1 {
		t.Errorf("headers without asking: %v", h)
	}
}

// TestSourceDeadLetterThatCannotBeWritten ends the task, as the record would be lost.
func TestSourceDeadLetterThatCannotBeWritten(t *testing.T) {
	for name, size := range map[string]int{"too large for the producer": 2 << 20, "refused by the broker": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			s := &listSource{topic: "out", values: []string{"a", "wrong", "b"}, size: 1}
			s.onPoll = func(_ *listSource, b *connect.Batch) {
				for i := range b.Records {
					if b.Records[i].Value.Str() == "wrong" {
						b.Records[i].Headers = []connect.Header{{Key: "h", Value: data.String(strings.Repeat("x", size))}}
					}
				}
			}
			r := sourceRig(t, s)
			if err := r.cluster.Fake.CreateTopic("dead", 1, map[string]string{"max.message.bytes": "100000"}); err != nil {
				t.Fatal(err)
			}
			id := r.start("list", letterConfig())
			r.seen.await(t, "list-0", state.Failed)
			r.stop(id)
			o, err := r.offsets.Get(testContext(t), "list", map[string]any{"list": "one"})
			if err != nil || o[0]["n"] != int64(0) {
				t.Errorf("the offset is %v, %v; want that of the record before the lost one", o, err)
			}
		})
	}
}

// Java's source connectors have no queue, and take the property on one broker too.
func TestSourceDeadLetterQueueOnOneBroker(t *testing.T) {
	s := poisonedSource()
	r := sourceRig(t, s, withJSON)
	config := letterConfig()
	delete(config, "errors.deadletterqueue.topic.replication.factor")
	r.start("list", config)
	r.awaitOffset("list", int64(len(s.values)-1))
	checkLetters(t, r.read("dead"))
}

func TestSourceDeadLetterQueueIsChecked(t *testing.T) {
	r := sourceRig(t, poisonedSource())
	config := letterConfig("errors.deadletterqueue.topic.replication.factor", "none")
	err := r.worker.StartTask(testContext(t), TaskStart{ID: state.TaskID{Connector: "list"}, ConnectorConfig: config, TaskConfig: config})
	if err == nil || !strings.Contains(err.Error(), "errors.deadletterqueue.topic.replication.factor") {
		t.Errorf("got %v", err)
	}
}
