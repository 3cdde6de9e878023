//go:build real

package real

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

var recordLetters = flag.Bool("record-letters", false, "write testdata/deadletter.json anew, from a Java worker")

const (
	jsonConverter   = "org.apache.kafka.connect.json.JsonConverter"
	stringConverter = "org.apache.kafka.connect.storage.StringConverter"
	transforms      = "org.apache.kafka.connect.transforms."
)

// poison is a sink connector with the records that it gets; the last one is good, and shows in the sink's file.
type poison struct {
	config  map[string]string
	records []sarama.ProducerMessage
	last    string // line of the last record
}

func say(value string, headers ...sarama.RecordHeader) sarama.ProducerMessage {
	return sarama.ProducerMessage{Value: sarama.StringEncoder(value), Headers: headers}
}

func sayKey(key, value string) sarama.ProducerMessage {
	m := say(value)
	m.Key = sarama.StringEncoder(key)
	return m
}

func withSchema(schema, payload string) string {
	return `{"schema":` + schema + `,"payload":` + payload + `}`
}

// transformed is a connector with one transform of schemaless JSON.
func transformed(last string, class string, properties map[string]string, values ...string) poison {
	p := poison{last: last, config: map[string]string{"value.converter.schemas.enable": "false", "transforms": "t", "transforms.t.type": transforms + class}}
	for k, v := range properties {
		p.config["transforms.t."+k] = v
	}
	for _, v := range values {
		p.records = append(p.records, say(v))
	}
	return p
}

// poisons are the connectors by name.
func poisons() map[string]poison {
	number := map[string]string{"key.converter": "org.apache.kafka.connect.converters.IntegerConverter", "value.converter": "org.apache.kafka.connect.converters.LongConverter"}
	return map[string]poison{
		"json": {last: "7", config: map[string]string{"value.converter.schemas.enable": "true"}, records: []sarama.ProducerMessage{
			say(`{"schema":`), say(`nonsense`), say(``), say("\"\xff\xfe\""), say(`{"payload":1}`), say(`[1,2]`), say(`17`),
			say(withSchema(`{"type":"int32"}`, `null`)), say(withSchema(`{"type":"nothing"}`, `1`)), say(withSchema(`{"type":"struct"}`, `{}`)),
			say(withSchema(`{"type":"array"}`, `[]`)), say(withSchema(`{"type":"struct","fields":[{"field":"a","type":"int32"}]}`, `{"b":1}`)),
			say(withSchema(`{"type":"int32","optional":true}`, `null`), sarama.RecordHeader{Key: []byte("mine"), Value: []byte("\"x\"")}),
			say(`{"schema":`, sarama.RecordHeader{Key: []byte("mine"), Value: []byte("kept")}, sarama.RecordHeader{Key: []byte("none")},
				sarama.RecordHeader{Key: []byte("__connect.errors.topic"), Value: []byte("was here before")}),
			sayKey(`{"schema"`, withSchema(`{"type":"int32"}`, `1`)), say(withSchema(`{"type":"int32"}`, `7`)),
		}},
		"numbers": {last: "1", config: number, records: []sarama.ProducerMessage{
			sayKey("\x00\x00\x00\x01", "short"), sayKey("long key", "\x00\x00\x00\x00\x00\x00\x00\x01"), sayKey("\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x01"),
		}},
		"headers": {last: "end", config: map[string]string{"value.converter": stringConverter, "header.converter": jsonConverter, "header.converter.schemas.enable": "false"}, records: []sarama.ProducerMessage{
			say("bad header", sarama.RecordHeader{Key: []byte("h"), Value: []byte("{")}), say("end"),
		}},
		"cast":    transformed("{a=1}", "Cast$Value", map[string]string{"spec": "a:int32"}, `{"a":"x"}`, `{"a":null}`, `{"a":[1]}`, `"text"`, `{"a":"1"}`),
		"extract": transformed("1", "ExtractField$Value", map[string]string{"field": "a"}, `"text"`, `[1]`, `{"a":1}`),
		"insert":  transformed("{a=1, s=x}", "InsertField$Value", map[string]string{"static.field": "s", "static.value": "x"}, `17`, `{"a":1}`),
		"mask":    transformed("{a=0}", "MaskField$Value", map[string]string{"fields": "a"}, `"text"`, `{"a":{"b":1}}`, `{"a":1}`),
		"time": transformed("{a=0}", "TimestampConverter$Value", map[string]string{"field": "a", "target.type": "unix", "format": "yyyy-MM-dd"},
			`{"a":"yesterday"}`, `{"a":true}`, `"text"`, `{"a":"1970-01-01"}`),
		"to-key":  transformed("{a=1}", "ValueToKey", map[string]string{"fields": "a"}, `"text"`, `{"a":1}`),
		"hoisted": transformed("{h={a=1}}", "HoistField$Value", map[string]string{"field": "h"}, `{"a":`, `{"a":1}`),
		"replace": transformed("{b=1}", "ReplaceField$Value", map[string]string{"exclude": "a"}, `"text"`, `[]`, `{"a":1,"b":1}`),
		"flatten": transformed("{a.b=1}", "Flatten$Value", nil, `"text"`, `{"a":[1]}`, `{"a":{"b":1}}`),
		"struct": {last: "1", config: map[string]string{"transforms": "t", "transforms.t.type": transforms + "ExtractField$Value", "transforms.t.field": "a"}, records: []sarama.ProducerMessage{
			say(withSchema(`{"type":"struct","fields":[{"field":"b","type":"int32"}]}`, `{"b":1}`)),
			say(withSchema(`{"type":"int32"}`, `1`)),
			say(withSchema(`{"type":"struct","fields":[{"field":"a","type":"int32"}]}`, `{"a":1}`)),
		}},
	}
}

// letter is a record of a dead letter queue, with the first line of its stack trace.
type letter struct {
	Key, Value *string
	Headers    [][2]string
}

// outcome is what a connector leaves.
type outcome struct {
	Letters []letter
	Lines   []string // of the sink's file
}

// Dead letters and their headers are those of Java for the same bad records; the good ones get through.
func TestDeadLettersAreJavas(t *testing.T) {
	kafka := rig.Kafka(t)
	c := peer.WorkerConfig{Bootstrap: kafka.Bootstrap(), Group: "letters"}
	var worker *peer.Worker
	if *recordLetters {
		worker = rig.JavaConnect(t, c)
	} else {
		worker = rig.Worker(t, c)
	}
	got := map[string]outcome{}
	all := poisons()
	dir := rig.Dir(t)
	for name, p := range all {
		p.start(t, kafka.Bootstrap(), worker.URL(), dir, name)
	}
	for name, p := range all {
		got[name] = p.end(t, kafka.Bootstrap(), worker.URL(), dir, name)
	}
	compareLetters(t, got)
}

// start writes a connector's records and creates it.
func (p poison) start(t *testing.T, bootstrap, url, dir, name string) {
	t.Helper()
	config := sarama.NewConfig()
	config.Version, config.Producer.Return.Successes = sarama.MaxVersion, true
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i := range p.records {
		p.records[i].Topic = name
		if _, _, err := producer.SendMessage(&p.records[i]); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": name,
		"file": filepath.Join(dir, name), "errors.tolerance": "all", "errors.deadletterqueue.topic.name": name + "-dead",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
		"key.converter": jsonConverter, "value.converter": jsonConverter,
	}
	for k, v := range p.config {
		all[k] = v
	}
	rig.CreateConnector(t, url, name, all)
}

// end waits for the last record, deletes the connector and reads what it leaves.
func (p poison) end(t *testing.T, bootstrap, url, dir, name string) outcome {
	t.Helper()
	var o outcome
	rig.Eventually(t, "the last record of "+name, func() error {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if o.Lines = slices.Collect(strings.Lines(string(text))); !slices.Contains(o.Lines, p.last+"\n") {
			return fmt.Errorf("the file holds %q", text)
		}
		return nil
	})
	rig.Call(t, http.MethodDelete, url+"/connectors/"+name, "", http.StatusNoContent)
	client := rig.Client(t, bootstrap)
	rig.Eventually(t, "dead letters of "+name, func() error {
		if end := rig.End(client, name+"-dead"); int(end) < len(p.records)-len(o.Lines) {
			return fmt.Errorf("there are %d for %d records with %d lines", end, len(p.records), len(o.Lines))
		}
		return nil
	})
	end := rig.End(client, name+"-dead")
	if end == 0 {
		return o
	}
	rig.Read(t, client, name+"-dead", func(m *sarama.ConsumerMessage) bool {
		o.Letters = append(o.Letters, asLetter(m))
		return m.Offset == end-1
	})
	return o
}

func asLetter(m *sarama.ConsumerMessage) letter {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := fmt.Sprintf("%q", b)
		return &s
	}
	l := letter{Key: text(m.Key), Value: text(m.Value)}
	for _, h := range m.Headers {
		value := fmt.Sprintf("%q", h.Value)
		if string(h.Key) == "__connect.errors.exception.stacktrace" {
			value = withoutFrames(string(h.Value))
		}
		l.Headers = append(l.Headers, [2]string{string(h.Key), value})
	}
	return l
}

// withoutFrames keeps the first line of a stack trace, the exception: what follows are Java's own libraries.
func withoutFrames(trace string) string {
	line, _, _ := strings.Cut(trace, "\n")
	return strings.TrimRight(line, "\r")
}

func compareLetters(t *testing.T, got map[string]outcome) {
	t.Helper()
	file := filepath.Join("testdata", "deadletter.json")
	if *recordLetters {
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]outcome
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	letters := 0
	for name, w := range want {
		g := got[name]
		if !slices.Equal(g.Lines, w.Lines) {
			t.Errorf("%s: the sink got %q, with Java %q", name, g.Lines, w.Lines)
		}
		if len(g.Letters) != len(w.Letters) {
			t.Errorf("%s: %d dead letters, with Java %d", name, len(g.Letters), len(w.Letters))
			continue
		}
		for i := range w.Letters {
			letters++
			if have, java := asText(g.Letters[i]), asText(w.Letters[i]); have != java {
				t.Errorf("%s, dead letter %d:\n%s\nwith Java\n%s", name, i, have, java)
			}
		}
	}
	t.Logf("%d dead letters of %d connectors compared with Java's", letters, len(want))
}

func asText(l letter) string {
	text, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
