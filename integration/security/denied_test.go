//go:build servers || real

package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	onTopic = sarama.AclResourceTopic
	onGroup = sarama.AclResourceGroup
	onTxn   = sarama.AclResourceTransactionalID

	mayRead     = sarama.AclOperationRead
	mayWrite    = sarama.AclOperationWrite
	mayCreate   = sarama.AclOperationCreate
	mayDescribe = sarama.AclOperationDescribe
)

// rights are those of the users of a cluster, which somebody who may do anything changes.
type rights struct{ admin sarama.ClusterAdmin }

// allow gives a principal what a worker with one group, its connectors and its sinks need, and nothing else.
func (b rights) allow(t *testing.T, principal, name string) {
	t.Helper()
	acl := func(kind sarama.AclResourceType, resource string, operations ...sarama.AclOperation) {
		for _, operation := range operations {
			r := sarama.Resource{ResourceType: kind, ResourceName: resource, ResourcePatternType: sarama.AclPatternPrefixed}
			a := sarama.Acl{Principal: principal, Host: "*", Operation: operation, PermissionType: sarama.AclPermissionAllow}
			if err := b.admin.CreateACLs([]*sarama.ResourceAcls{{Resource: r, Acls: []*sarama.Acl{&a}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	acl(sarama.AclResourceTopic, name, sarama.AclOperationRead, sarama.AclOperationWrite, sarama.AclOperationCreate, sarama.AclOperationDescribe, sarama.AclOperationDescribeConfigs)
	acl(sarama.AclResourceTransactionalID, "connect-cluster-"+name, sarama.AclOperationWrite, sarama.AclOperationDescribe)
	acl(sarama.AclResourceTransactionalID, name, sarama.AclOperationWrite, sarama.AclOperationDescribe)
	acl(sarama.AclResourceGroup, name, sarama.AclOperationRead)
	acl(sarama.AclResourceGroup, "connect-"+name, sarama.AclOperationRead)
}

// deny takes one right on one resource away; the function that it returns gives it back.
func (b rights) deny(t *testing.T, principal string, kind sarama.AclResourceType, resource string, op sarama.AclOperation) (lift func()) {
	t.Helper()
	r := sarama.Resource{ResourceType: kind, ResourceName: resource, ResourcePatternType: sarama.AclPatternLiteral}
	a := sarama.Acl{Principal: principal, Host: "*", Operation: op, PermissionType: sarama.AclPermissionDeny}
	if err := b.admin.CreateACLs([]*sarama.ResourceAcls{{Resource: r, Acls: []*sarama.Acl{&a}}}); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := b.admin.DeleteACL(sarama.AclFilter{
			Version: 1, ResourceType: kind, ResourceName: &resource, ResourcePatternTypeFilter: sarama.AclPatternLiteral,
			Principal: &principal, Operation: op, PermissionType: sarama.AclPermissionDeny,
		}, false); err != nil {
			t.Fatal(err)
		}
	}
}

// supervised is a worker that is started again, a second after it has ended, as a service manager does.
type supervised struct {
	log string
	mu  sync.Mutex
	w   *peer.Worker // nil while it does not answer
}

func supervise(t *testing.T, binary string, c peer.WorkerConfig) *supervised {
	t.Helper()
	c.Binary, c.Dir = binary, rig.Dir(t)
	c.Port = rig.FreePort(t)
	s := &supervised{log: filepath.Join(c.Dir, "millrace.log")}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			w, err := peer.StartWorker(ctx, c)
			if err == nil {
				s.mu.Lock()
				s.w = w
				s.mu.Unlock()
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if s.w != nil {
			s.w.Kill()
		}
	})
	return s
}

func (s *supervised) url() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return "", errors.New("the worker does not run")
	}
	return s.w.URL(), nil
}

// lines are those of the log that hold all texts.
func (s *supervised) lines(texts ...string) (found []string) {
	log, _ := os.ReadFile(s.log) // a worker that was not started yet has none
	for line := range strings.Lines(strings.ReplaceAll(string(log), `\"`, `"`)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found = append(found, line)
		}
	}
	return found
}

func (s *supervised) waitLine(t *testing.T, texts ...string) {
	t.Helper()
	rig.Eventually(t, fmt.Sprintf("a line with %q", texts), func() error {
		if len(s.lines(texts...)) == 0 {
			return errors.New("there is none")
		}
		return nil
	})
}

// create waits until the worker takes a connector.
func (s *supervised) create(t *testing.T, name string, config map[string]string) (url string) {
	t.Helper()
	body, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	rig.Eventually(t, "creating "+name, func() (err error) {
		if url, err = s.url(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		status, text, err := rig.Ask(ctx, http.MethodPut, url+"/connectors/"+name+"/config", string(body))
		if err == nil && status >= 300 {
			err = fmt.Errorf("status %d: %s", status, text)
		}
		return err
	})
	return url
}

func generator(topic string, more ...string) map[string]string {
	c := map[string]string{
		"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector", "topic": topic, "throughput": "5", "tasks.max": "1",
	}
	for i := 0; i < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return c
}

func deniedWorkers(t *testing.T, b rights, address string, who client) {
	binary := rig.Build(t)
	for _, c := range []struct {
		name     string
		kind     sarama.AclResourceType
		resource string // behind the name of the group
		op       sarama.AclOperation
		says     []string
	}{
		{"create-configs", onTopic, "-configs", mayCreate, []string{"does not exist and may not be created", "CREATE on the topic or the cluster"}},
		{"create-offsets", onTopic, "-offsets", mayCreate, []string{"does not exist and may not be created", "CREATE on the topic or the cluster"}},
		{"create-status", onTopic, "-status", mayCreate, []string{"does not exist and may not be created", "CREATE on the topic or the cluster"}},
		{"describe-configs", onTopic, "-configs", mayDescribe, []string{"DESCRIBE on the topic", "config.storage.topic"}},
		{"describe-offsets", onTopic, "-offsets", mayDescribe, []string{"DESCRIBE on the topic", "offset.storage.topic"}},
		{"describe-status", onTopic, "-status", mayDescribe, []string{"DESCRIBE on the topic", "status.storage.topic"}},
		{"read-configs", onTopic, "-configs", mayRead, []string{"READ on the topic", "config.storage.topic"}},
		{"read-offsets", onTopic, "-offsets", mayRead, []string{"READ on the topic", "offset.storage.topic"}},
		{"read-status", onTopic, "-status", mayRead, []string{"READ on the topic", "status.storage.topic"}},
		{"write-configs", onTopic, "-configs", mayWrite, []string{"WRITE on the topic"}},
		{"write-status", onTopic, "-status", mayWrite, []string{"WRITE on the topic", "statuses cannot be written"}},
		{"group", onGroup, "", mayRead, []string{"READ on the group (group.id)", "cannot take part"}},
		{"transactional-id", onTxn, "", mayWrite, []string{"WRITE and DESCRIBE on the transactional id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			group := "d-" + c.name
			b.allow(t, who.principal, group)
			resource := group + c.resource
			if c.kind == onTxn {
				resource = "connect-cluster-" + group
			}
			lift := b.deny(t, who.principal, c.kind, resource, c.op)
			s := supervise(t, binary, peer.WorkerConfig{
				Bootstrap: address, Group: group, Properties: prefixed(who.properties, "", "producer.", "consumer.", "admin."),
			})
			if c.name == "write-status" { // which is written once there is a connector
				s.create(t, "source", generator(group+"-t"))
			}
			says := append([]string{resource, "the user ann (sasl.jaas.config) needs"}, c.says...)
			s.waitLine(t, says...)
			lift()
			rig.WaitRunning(t, s.create(t, "source", generator(group+"-t")), "source")
			if starts := max(1, len(s.lines("millrace: opening"))+len(s.lines("millrace: reading"))); len(s.lines(says...)) > 2*starts {
				t.Errorf("one line should say it, not\n%s", strings.Join(s.lines(says...), ""))
			}
		})
	}
}

func deniedConnectors(t *testing.T, b rights, address string, who client) {
	b.allow(t, who.principal, "c-")
	s := supervise(t, rig.Build(t), peer.WorkerConfig{
		Bootstrap: address, Group: "c-group",
		Properties: joined(prefixed(who.properties, "", "producer.", "consumer.", "admin."), map[string]string{
			"task.restart.policy": "all", "task.restart.backoff.ms": "500", "task.restart.backoff.max.ms": "1000", "task.restart.max.attempts": "-1",
		}),
	})
	rig.WaitRunning(t, s.create(t, "c-first", generator("c-in")), "c-first") // its topic is what sinks read
	sink := func(topics string, more map[string]string) map[string]string {
		return joined(map[string]string{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": topics, "file": filepath.Join(rig.Dir(t), "sink"),
		}, more)
	}
	for _, c := range []struct {
		name     string
		kind     sarama.AclResourceType
		resource string
		op       sarama.AclOperation
		says     string
		config   map[string]string
	}{
		{"c-write", onTopic, "c-write-t", mayWrite, "WRITE on the topic", generator("c-write-t")},
		{"c-describe", onTopic, "c-describe-t", mayDescribe, "DESCRIBE on the topic", generator("c-describe-t")},
		{"c-create", onTopic, "c-create-t", mayCreate, "CREATE", generator("c-create-t", "topic.creation.default.replication.factor", "-1",
			"topic.creation.default.partitions", "1", "producer.override.max.block.ms", "2000")},
		{"c-txn", onTxn, "c-group-c-txn-0", mayWrite, "WRITE on the transactional id", generator("c-txn-t")},
		{"c-read", onTopic, "c-in", mayRead, "READ and DESCRIBE on the topics", sink("c-in", nil)},
		{"c-group", onGroup, "connect-c-group", mayRead, "READ on the group", sink("c-in", nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			lift := b.deny(t, who.principal, c.kind, c.resource, c.op)
			url := s.create(t, c.name, c.config)
			rig.Eventually(t, "the trace or the log says what is missing", func() error {
				_, text, err := rig.Ask(t.Context(), http.MethodGet, url+"/connectors/"+c.name+"/status", "")
				if trace := strings.ReplaceAll(string(text), `\"`, `"`); err == nil && (!strings.Contains(trace, c.resource) || !strings.Contains(trace, c.says)) && len(s.lines(c.resource, c.says)) == 0 {
					err = fmt.Errorf("the status is %s; the log %v", trace, s.lines(c.resource, c.says))
				}
				return err
			})
			lift()
			rig.Eventually(t, c.name+" runs again", func() error {
				_, text, err := rig.Ask(t.Context(), http.MethodGet, url+"/connectors/"+c.name+"/status", "")
				if err == nil && (!strings.Contains(string(text), `"tasks":[{"id":0,"state":"RUNNING"`)) {
					err = fmt.Errorf("the status is %s", text)
				}
				return err
			})
		})
	}
}

// client is one way to come in: the client properties, and who one is then.
type client struct {
	name, listener, principal string
	properties                map[string]string
}
