//go:build servers || real

package security

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// denial is a right that a connector lacks.
type denial struct {
	name     string // of the connector
	kind     sarama.AclResourceType
	resource string
	op       sarama.AclOperation
	says     string // in the line that names the resource and the user; "" when miss looks for it elsewhere
	worker   *supervised
	config   map[string]string

	before func(t *testing.T, url string) // what the connector does while it still has the right; nil when it is created without it
	miss   func(t *testing.T, url string) // how it comes to need the right; nil when it does so by itself
	works  func(t *testing.T, url string) // shows that everything is well
}

// play takes the right away, waits for the line, and gives the right back.
func (d *denial) play(t *testing.T, b rights, principal string) {
	t.Parallel()
	s := d.worker
	create := func() string { return s.create(t, d.name, d.config) }
	var url string
	if d.before != nil {
		url = create()
		d.before(t, url)
	}
	lift := b.deny(t, principal, d.kind, d.resource, d.op)
	if d.before == nil {
		url = create()
	}
	if d.miss != nil {
		d.miss(t, url)
	}
	if d.says != "" {
		s.waitLine(t, d.resource, needsIt, d.says)
		time.Sleep(2 * time.Second) // in which it is tried again and again
	}
	lift()
	d.works(t, url)
	rig.Eventually(t, d.name+" runs", func() error { return running(t, url, d.name) })
	told, tries := s.lines(d.resource, needsIt, d.says), max(1, len(s.lines("the task has failed", "connector="+d.name+" ")))
	if len(told) > 2*tries {
		t.Errorf("%d lines about %d attempts:\n%s", len(told), tries, strings.Join(told, ""))
	}
}

// running reports an error unless a connector and its task run. One that has failed is left to task.restart.policy.
func running(t *testing.T, url, name string) error {
	_, text, err := rig.Ask(t.Context(), http.MethodGet, url+"/connectors/"+name+"/status", "")
	if err == nil && !strings.Contains(string(text), `"tasks":[{"id":0,"state":"RUNNING"`) {
		err = fmt.Errorf("the status is %s", text)
	}
	return err
}

func runs(name string) func(t *testing.T, url string) {
	return func(t *testing.T, url string) {
		rig.Eventually(t, name+" runs", func() error { return running(t, url, name) })
	}
}

// healing are the properties of a worker that restarts tasks whatever their error.
func healing() map[string]string {
	return map[string]string{
		"task.restart.policy": "all", "task.restart.backoff.ms": "500", "task.restart.backoff.max.ms": "1000", "task.restart.max.attempts": "-1",
	}
}

// payloads hands the payloads of a topic to see, from the first one on, until it returns true.
func (b rights) payloads(t *testing.T, topic string, see func(payload json.RawMessage) bool) {
	t.Helper()
	rig.Read(t, b.client, topic, func(m *sarama.ConsumerMessage) bool {
		var value struct{ Payload json.RawMessage }
		if err := json.Unmarshal(m.Value, &value); err != nil {
			t.Fatalf("%s: %q: %v", topic, m.Value, err)
		}
		return see(value.Payload)
	})
}

// whole waits until a generator has written so many records more than there are, and makes sure that none is missing.
func (b rights) whole(t *testing.T, topic string, more int64) {
	t.Helper()
	next, last := int64(0), rig.End(b.client, topic)+more
	if last > 1000 {
		t.Fatalf("%s has %d records", topic, last)
	}
	seen := int64(0)
	b.payloads(t, topic, func(payload json.RawMessage) bool {
		var n int64
		if err := json.Unmarshal(payload, &n); err != nil || n > next {
			t.Fatalf("%s: %s follows %d: %v", topic, payload, next-1, err)
		}
		next = max(next, n+1)
		seen++
		return seen >= more && next >= last/2 // control records have offsets, too
	})
}

// gapless waits until so many records of a generator are in a topic, and none before the last is missing. One that was
// refused is sent again when the task restarts: without transactions those behind it may have been written before.
func (b rights) gapless(t *testing.T, topic string, least int) {
	t.Helper()
	seen, last, read := map[int64]bool{}, int64(-1), 0
	b.payloads(t, topic, func(payload json.RawMessage) bool {
		var n int64
		if err := json.Unmarshal(payload, &n); err != nil {
			t.Fatalf("%s: %s: %v", topic, payload, err)
		}
		seen[n], last = true, max(last, n)
		if read++; read > 10_000 {
			t.Fatalf("%s: of %d records up to %d only %d are there", topic, last+1, last, len(seen))
		}
		return len(seen) >= least && int64(len(seen)) == last+1
	})
}

// deserted waits until a group has no members.
func (b rights) deserted(t *testing.T, group string) {
	t.Helper()
	rig.Eventually(t, group+" has no members", func() error {
		groups, err := b.admin.DescribeConsumerGroups([]string{group})
		if err == nil && len(groups[0].Members) > 0 {
			err = fmt.Errorf("it has %d", len(groups[0].Members))
		}
		return err
	})
}

// deniedConnectors are the rights that any connector needs: those of its producer, consumer and admin client.
//
// IDEMPOTENT_WRITE on the cluster is none of them: since Kafka 2.8 (KIP-679) whoever may write to any topic gets a producer
// id. Nor is DESCRIBE_CONFIGS on the cluster: brokers since 2.4 (KIP-464) choose replication factors themselves. Unit tests
// of storage/kafka have both, with the answers of older brokers.
func deniedConnectors(t *testing.T, b rights, address string, who client) {
	b.allow(t, who.principal, "c-")
	binary := rig.Build(t)
	start := func(group, exactlyOnce string) *supervised {
		return supervise(t, binary, peer.WorkerConfig{Bootstrap: address, Group: group, Properties: joined(
			joined(prefixed(who.properties, "", "producer.", "consumer.", "admin."), healing()),
			map[string]string{"exactly.once.source.support": exactlyOnce, "offset.flush.interval.ms": "300"})})
	}
	once, plain := start("c-once", "enabled"), start("c-plain", "disabled")
	rig.WaitRunning(t, plain.create(t, "c-first", generator("c-in")), "c-first") // its topic is what sinks read
	b.whole(t, "c-in", 1)
	for _, cases := range [][]denial{b.sources(once, plain), b.offsets(once, plain), b.sinks(t, plain), b.requests(t, once, plain)} {
		for _, d := range cases {
			t.Run(d.name, func(t *testing.T) { d.play(t, b, who.principal) })
		}
	}
}

// sources are what the producer of a source task needs, with and without transactions.
func (b rights) sources(once, plain *supervised) []denial {
	whole := func(topic string) func(*testing.T, string) {
		return func(t *testing.T, _ string) { b.whole(t, topic, 10) }
	}
	gapless := func(topic string) func(*testing.T, string) {
		return func(t *testing.T, _ string) { b.gapless(t, topic, int(rig.End(b.client, topic))+10) }
	}
	creation := func(topic string) map[string]string {
		return generator(topic, "topic.creation.default.replication.factor", "-1", "topic.creation.default.partitions", "1")
	}
	dead := func(topic string) map[string]string {
		return generator("c-never", "errors.tolerance", "all", "errors.deadletterqueue.topic.name", topic, "errors.deadletterqueue.topic.replication.factor", "1",
			"transforms", "x", "transforms.x.type", "org.apache.kafka.connect.transforms.ExtractField$Value", "transforms.x.field", "none")
	}
	const create = "CREATE"
	var onFirstUse []denial
	if b.creates {
		onFirstUse = []denial{{name: "c-create", kind: onTopic, resource: "c-create-t", op: mayCreate, says: create, worker: plain, config: generator("c-create-t"), works: whole("c-create-t")}}
	}
	return append(onFirstUse, []denial{
		{name: "c-write", kind: onTopic, resource: "c-write-t", op: mayWrite, says: "WRITE on the topic", worker: plain, config: generator("c-write-t"), works: gapless("c-write-t")},
		{name: "c-write-once", kind: onTopic, resource: "c-write-once-t", op: mayWrite, says: "WRITE on the topic", worker: once, config: generator("c-write-once-t"), works: whole("c-write-once-t")},
		{name: "c-write-later", kind: onTopic, resource: "c-write-later-t", op: mayWrite, says: "WRITE on the topic", worker: plain, config: generator("c-write-later-t"),
			before: whole("c-write-later-t"), works: gapless("c-write-later-t")},
		{name: "c-describe", kind: onTopic, resource: "c-describe-t", op: mayDescribe, says: "DESCRIBE on the topic", worker: plain, config: generator("c-describe-t"), works: whole("c-describe-t")},
		{name: "c-creation", kind: onTopic, resource: "c-creation-t", op: mayCreate, says: create, worker: plain, config: creation("c-creation-t"), works: whole("c-creation-t")},
		{name: "c-creation-describe", kind: onTopic, resource: "c-creation-describe-t", op: mayDescribe, says: "DESCRIBE on the topic", worker: plain,
			config: creation("c-creation-describe-t"), works: whole("c-creation-describe-t")},
		{name: "c-txn", kind: onTxn, resource: "c-once-c-txn-0", op: mayWrite, says: "WRITE and DESCRIBE on the transactional id", worker: once, config: generator("c-txn-t"), works: whole("c-txn-t")},
		{name: "c-txn-describe", kind: onTxn, resource: "c-once-c-txn-describe-0", op: mayDescribe, says: "WRITE and DESCRIBE on the transactional id", worker: once,
			config: generator("c-txn-describe-t"), works: whole("c-txn-describe-t")},
		{name: "c-txn-later", kind: onTxn, resource: "c-once-c-txn-later-0", op: mayWrite, says: "WRITE and DESCRIBE on the transactional id", worker: once,
			config: generator("c-txn-later-t"), before: whole("c-txn-later-t"), works: whole("c-txn-later-t")},
		{name: "c-dead-create", kind: onTopic, resource: "c-dead-create-t", op: mayCreate, says: create, worker: plain, config: dead("c-dead-create-t"), works: whole("c-dead-create-t")},
		{name: "c-dead-write", kind: onTopic, resource: "c-dead-write-t", op: mayWrite, says: "WRITE on the topic", worker: plain, config: dead("c-dead-write-t"), works: gapless("c-dead-write-t")},
	}...)
}

// offsets are what a connector with an offset topic of its own needs there.
func (b rights) offsets(once, plain *supervised) []denial {
	var all []denial
	for _, c := range []struct {
		name   string
		op     sarama.AclOperation
		says   string
		worker *supervised
	}{
		{"create", mayCreate, "CREATE on the topic or the cluster", once},
		{"read", mayRead, "READ on the topic", once},
		{"describe", mayDescribe, "DESCRIBE on the topic", once},
		{"write", mayWrite, "WRITE on the topic", once},
		{"write-plain", mayWrite, "WRITE on the topic", plain},
	} {
		name := "c-own-" + c.name
		all = append(all, denial{
			name: name, kind: onTopic, resource: name + "-offsets", op: c.op, says: c.says, worker: c.worker,
			config: generator(name+"-t", "offsets.storage.topic", name+"-offsets"),
			works: func(t *testing.T, url string) {
				b.whole(t, name+"-t", 10)
				rig.Eventually(t, "offsets are written", func() error {
					_, text, err := rig.Ask(t.Context(), http.MethodGet, url+"/connectors/"+name+"/offsets", "")
					if err == nil && !strings.Contains(string(text), "seqno") {
						err = fmt.Errorf("there are %s", text)
					}
					return err
				})
			},
		})
	}
	return all
}

func fileSink(t *testing.T, more map[string]string) (config map[string]string, grows func(*testing.T, string)) {
	file := filepath.Join(rig.Dir(t), "sink")
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	grows = func(t *testing.T, _ string) {
		now := size()
		rig.Eventually(t, "the sink's file grows", func() error {
			if size() <= now {
				return errors.New("nothing is new in " + file)
			}
			return nil
		})
	}
	return joined(map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": "c-in", "file": file,
	}, more), grows
}

// sinks are what the consumer of a sink task needs, and the producer of its dead letter queue.
func (b rights) sinks(t *testing.T, plain *supervised) []denial {
	var all []denial
	for _, c := range []struct {
		name     string
		kind     sarama.AclResourceType
		resource string
		op       sarama.AclOperation
		says     string
		later    bool
	}{
		{"c-read", onTopic, "c-read-in", mayRead, "READ and DESCRIBE on the topics", false},
		{"c-read-later", onTopic, "c-read-later-in", mayRead, "READ and DESCRIBE on the topics", true},
		{"c-see", onTopic, "c-see-in", mayDescribe, "READ and DESCRIBE on the topics", false},
		{"c-join", onGroup, "connect-c-join", mayRead, "READ on the group", false},
		{"c-group-later", onGroup, "connect-c-group-later", mayRead, "READ on the group", true},
		{"c-group-describe", onGroup, "connect-c-group-describe", mayDescribe, "READ on the group", false},
	} {
		// A member that may not leave the group is waited for by the broker.
		config, grows := fileSink(t, map[string]string{"consumer.override.session.timeout.ms": "6000"})
		d := denial{name: c.name, kind: c.kind, resource: c.resource, op: c.op, says: c.says, worker: plain, config: config, works: grows}
		if c.kind == onTopic { // one that no other case needs
			config["topics"] = c.resource
			rig.WaitRunning(t, plain.create(t, c.name+"-source", generator(c.resource)), c.name+"-source")
		}
		if c.later {
			d.before = grows
		}
		all = append(all, d)
	}
	for _, c := range []struct {
		name string
		op   sarama.AclOperation
		says string
	}{
		{"c-queue-create", mayCreate, "CREATE on the topic or the cluster"},
		{"c-queue-describe", mayDescribe, "DESCRIBE on the topic"},
		{"c-queue-write", mayWrite, "WRITE on the topic"},
	} {
		config, _ := fileSink(t, map[string]string{
			"errors.tolerance": "all", "errors.deadletterqueue.topic.name": c.name + "-dead", "errors.deadletterqueue.topic.replication.factor": "1",
			"transforms": "x", "transforms.x.type": "org.apache.kafka.connect.transforms.ExtractField$Value", "transforms.x.field": "none",
		})
		all = append(all, denial{name: c.name, kind: onTopic, resource: c.name + "-dead", op: c.op, says: c.says, worker: plain, config: config,
			works: func(t *testing.T, _ string) { b.gapless(t, c.name+"-dead", 10) }})
	}
	return all
}

// requests are what requests to the REST API need: about the offsets of connectors that are stopped, and for new
// configurations, as the producers of a connector's tasks are fenced off then.
func (b rights) requests(t *testing.T, once, plain *supervised) []denial {
	var all []denial
	sinkOffsets := func(offset string) string {
		return `{"offsets": [{"partition": {"kafka_topic": "c-in", "kafka_partition": 0}, "offset": ` + offset + `}]}`
	}
	sourceOffsets := `{"offsets": [{"partition": {"id": 0}, "offset": {"seqno": 3}}]}`
	for _, c := range []struct {
		name         string
		kind         sarama.AclResourceType
		resource     string
		op           sarama.AclOperation
		says         string
		method, body string
		worker       *supervised
	}{
		{"c-reset", onGroup, "connect-c-reset", mayDelete, "DELETE on the group", http.MethodDelete, "", plain},
		{"c-alter", onGroup, "connect-c-alter", mayRead, "READ on the group", http.MethodPatch, sinkOffsets(`{"kafka_offset": 1}`), plain},
		{"c-forget", onGroup, "connect-c-forget", mayDelete, "DELETE on the group", http.MethodPatch, sinkOffsets("null"), plain},
		{"c-list", onGroup, "connect-c-list", mayDescribe, "DESCRIBE on the group", http.MethodGet, "", plain},
		{"c-source-alter", onTopic, "c-source-alter-offsets", mayWrite, "WRITE on the topic", http.MethodPatch, sourceOffsets, plain},
		{"c-source-reset", onTxn, "c-once-c-source-reset-0", mayWrite, "WRITE and DESCRIBE on the transactional id", http.MethodDelete, "", once},
	} {
		d := denial{name: c.name, kind: c.kind, resource: c.resource, op: c.op, worker: c.worker}
		path := "/connectors/" + c.name
		if c.kind == onGroup {
			var grows func(*testing.T, string)
			d.config, grows = fileSink(t, nil)
			d.before = grows
		} else {
			d.config = generator(c.name+"-t", "offsets.storage.topic", c.name+"-offsets")
			d.before = func(t *testing.T, _ string) { b.whole(t, c.name+"-t", 10) }
		}
		stopped := d.before
		d.before = func(t *testing.T, url string) {
			stopped(t, url)
			rig.Call(t, http.MethodPut, url+path+"/stop", "", http.StatusNoContent)
			rig.Eventually(t, c.name+" is stopped", func() error {
				_, text, err := rig.Ask(t.Context(), http.MethodGet, url+path+"/status", "")
				if err == nil && !strings.Contains(string(text), `"tasks":[]`) {
					err = fmt.Errorf("the status is %s", text)
				}
				return err
			})
			if c.kind == onGroup {
				b.deserted(t, c.resource)
			}
		}
		d.miss = func(t *testing.T, url string) {
			answer := strings.ReplaceAll(string(rig.Call(t, c.method, url+path+"/offsets", c.body, http.StatusInternalServerError)), `\"`, `"`)
			for _, want := range []string{c.resource, needsIt + c.says} {
				if !strings.Contains(answer, want) {
					t.Errorf("%s: %s does not say %q", c.method, answer, want)
				}
			}
		}
		d.works = func(t *testing.T, url string) {
			rig.Call(t, c.method, url+path+"/offsets", c.body, http.StatusOK)
			rig.Call(t, http.MethodPut, url+path+"/resume", "", http.StatusAccepted)
		}
		all = append(all, d)
	}
	return append(all, denial{
		name: "c-fence", kind: onTxn, resource: "c-once-c-fence-0", op: mayWrite, says: "WRITE and DESCRIBE on the transactional id", worker: once,
		config: generator("c-fence-t"), before: runs("c-fence"),
		miss:  func(t *testing.T, _ string) { once.create(t, "c-fence", generator("c-fence-t", "throughput", "6")) },
		works: func(t *testing.T, _ string) { b.whole(t, "c-fence-t", 10) },
	})
}
