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

	mayRead            = sarama.AclOperationRead
	mayWrite           = sarama.AclOperationWrite
	mayCreate          = sarama.AclOperationCreate
	mayDelete          = sarama.AclOperationDelete
	mayDescribe        = sarama.AclOperationDescribe
	mayDescribeConfigs = sarama.AclOperationDescribeConfigs
)

// needsIt is how a line names who lacks a right, and the setting that says who that is.
const needsIt = "user ann (sasl.jaas.config) needs "

// rights are those of the users of a cluster, which somebody who may do anything changes.
type rights struct {
	admin  sarama.ClusterAdmin
	client sarama.Client // of somebody who may do anything; it creates no topics by asking for them

	creates bool // the brokers create topics on first use, for those who may
}

// newRights connects somebody who may do anything.
func newRights(t *testing.T, bootstrap string, login func(*sarama.Config)) rights {
	t.Helper()
	c := sarama.NewConfig()
	c.Version, c.Metadata.AllowAutoTopicCreation, c.Producer.Return.Successes = sarama.MaxVersion, false, true
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	login(c)
	client, err := sarama.NewClient([]string{bootstrap}, c)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return rights{admin: admin, client: client}
}

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
	acl(onTopic, name, mayRead, mayWrite, mayCreate, mayDescribe, mayDescribeConfigs)
	acl(onTxn, "connect-cluster-"+name, mayWrite, mayDescribe)
	acl(onTxn, name, mayWrite, mayDescribe)
	acl(onGroup, name, mayRead)
	acl(onGroup, "connect-"+name, mayRead, mayDelete)
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
	c   peer.WorkerConfig
	w   *peer.Worker // nil while it does not answer
}

func supervise(t *testing.T, binary string, c peer.WorkerConfig) *supervised {
	t.Helper()
	c.Binary, c.Dir = binary, rig.Dir(t)
	c.Port = rig.FreePort(t)
	s := &supervised{c: c, log: filepath.Join(c.Dir, "millrace.log")}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			s.mu.Lock()
			c := s.c
			s.mu.Unlock()
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

// change gives the worker other properties when it is started again.
func (s *supervised) change(properties map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c.Properties = properties
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
		{"write-offsets", onTopic, "-offsets", mayWrite, []string{"WRITE on the topic"}},
		{"write-offsets-plain", onTopic, "-offsets", mayWrite, []string{"WRITE on the topic", "offset.storage.topic", "it is tried again"}},
		{"group", onGroup, "", mayRead, []string{"READ on the group", "(group.id)", "cannot take part"}},
		{"group-describe", onGroup, "", mayDescribe, []string{"READ on the group", "(group.id)"}},
		{"transactional-id", onTxn, "", mayWrite, []string{"WRITE and DESCRIBE on the transactional id"}},
		{"transactional-id-describe", onTxn, "", mayDescribe, []string{"WRITE and DESCRIBE on the transactional id"}},
		{"policy", onTopic, "-configs", mayDescribeConfigs, []string{"DESCRIBE_CONFIGS on the topic", "cannot verify the cleanup policy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			group := "d-" + c.name
			b.allow(t, who.principal, group)
			resource := group + c.resource
			if c.kind == onTxn {
				resource = "connect-cluster-" + group
			}
			if c.op == mayDescribeConfigs { // which is asked for when a topic exists
				compact := "compact"
				if err := b.admin.CreateTopic(resource, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"cleanup.policy": &compact}}, false); err != nil {
					t.Fatal(err)
				}
			}
			lift := b.deny(t, who.principal, c.kind, resource, c.op)
			properties := joined(prefixed(who.properties, "", "producer.", "consumer.", "admin."), healing())
			if c.name == "write-offsets-plain" {
				properties["exactly.once.source.support"], properties["offset.flush.interval.ms"] = "disabled", "200"
			}
			s := supervise(t, binary, peer.WorkerConfig{Bootstrap: address, Group: group, Properties: properties})
			if strings.HasPrefix(c.name, "write-status") || strings.HasPrefix(c.name, "write-offsets") { // which are written once there is a connector
				s.create(t, "source", generator(group+"-t"))
			}
			says := append([]string{resource, needsIt}, c.says...)
			s.waitLine(t, says...)
			lift()
			url := s.create(t, "source", generator(group+"-t"))
			rig.Eventually(t, "the connector runs", func() error { return running(t, url, "source") })
			b.whole(t, group+"-t", 10)
			if starts := max(1, len(s.lines("millrace: opening"))+len(s.lines("millrace: reading"))+len(s.lines("the task has failed"))); len(s.lines(says...)) > 2*starts {
				t.Errorf("one line should say it, not\n%s", strings.Join(s.lines(says...), ""))
			}
		})
	}
}

// client is one way to come in: the client properties, and who one is then.
type client struct {
	name, listener, principal string
	properties                map[string]string
}
