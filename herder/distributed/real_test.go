//go:build real

package distributed

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/storage/status"
)

const fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"

// fileRuntime pretends to run file sources: their task configurations are what
// Java's connector makes of the same configuration.
type fileRuntime struct{ *runtime }

func (r fileRuntime) StartConnector(ctx context.Context, name string, config map[string]string, target state.Target) error {
	config = maps.Clone(config)
	config["connector.class"] = testClass
	return r.runtime.StartConnector(ctx, name, config, target)
}

func (r fileRuntime) ConnectorTaskConfigs(ctx context.Context, name string, _ int) ([]map[string]string, error) {
	configs, err := r.runtime.ConnectorTaskConfigs(ctx, name, 1)
	for _, c := range configs {
		delete(c, "n")
		c["connector.class"] = fileSource
		c["task.class"] = "org.apache.kafka.connect.file.FileStreamSourceTask"
	}
	return configs, err
}

// mixed is a Java worker and a herder of ours in one group on a real cluster.
type mixed struct {
	t       *testing.T
	release string // of the Java worker
	java    *peer.Worker
	herder  *Herder
	runtime fileRuntime
	url     string
}

func TestInOneGroupWithAJavaWorker(t *testing.T) {
	bootstrap := rig.Kafka(t).Bootstrap()
	for _, x := range []struct {
		release  string
		protocol group.Protocol
	}{{"4.3", group.Sessioned}, {"4.3", group.Compatible}, {"4.3", group.Eager}, {"2.7", group.Sessioned}} {
		t.Run(x.release+" "+x.protocol.String(), func(t *testing.T) { playMixed(t, bootstrap, x.release, x.protocol) })
	}
}

func playMixed(t *testing.T, bootstrap, release string, protocol group.Protocol) {
	m := &mixed{t: t, release: release}
	name := fmt.Sprintf("herder-mixed-%s-%d", protocol, time.Now().UnixNano())
	dropTopics(t, bootstrap, name+"-configs", name+"-status", name+"-offsets")
	m.startJava(bootstrap, name, protocol)
	for _, c := range []string{"f1", "f2"} {
		m.create(m.java.URL(), c)
	}
	m.allRunning("on the Java worker alone", "f1", "f2")
	m.startOurs(bootstrap, name, protocol)
	m.shared("after ours has joined", "f1", "f2")
	if m.herder.seen.Load().leading {
		t.Error("the Java worker should lead")
	}

	// We lead once Java is gone, and run everything.
	if err := m.java.Stop(); err != nil {
		t.Fatal(err)
	}
	m.allRunning("on our worker alone", "f1", "f2")
	m.create(m.url, "f3")
	m.allRunning("with one that we have created", "f3")

	// Java follows us, takes work from us and forwards to us.
	if err := m.java.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.shared("after Java has come back", "f1", "f2", "f3")
	if !m.herder.seen.Load().leading {
		t.Error("our worker should lead")
	}
	m.create(m.java.URL(), "f4")
	m.shared("with one that Java was asked for", "f1", "f2", "f3", "f4")
	rig.Call(m.t, http.MethodPut, m.java.URL()+"/connectors/f4/pause", "", http.StatusAccepted)
	m.has("paused", "f4", state.Paused, 1)
	if release != "2.7" { // which takes STOPPED (KIP-875) for PAUSED
		rig.Call(m.t, http.MethodPut, m.java.URL()+"/connectors/f4/stop", "", http.StatusNoContent)
		m.has("stopped", "f4", state.Stopped, 0)
	}
	rig.Call(m.t, http.MethodPut, m.java.URL()+"/connectors/f4/resume", "", http.StatusAccepted)
	m.has("resumed", "f4", state.Running, 1)
	rig.Call(m.t, http.MethodDelete, m.java.URL()+"/connectors/f4", "", http.StatusNoContent)
	rig.Eventually(t, "nothing is known of f4", func() error {
		if code, text := m.ask(http.MethodGet, m.java.URL()+"/connectors/f4/status", nil); code != http.StatusNotFound {
			return fmt.Errorf("its status is %d %s", code, text)
		}
		return nil
	})
}

func dropTopics(t *testing.T, bootstrap string, names ...string) {
	t.Cleanup(func() {
		ctx := context.Background()
		client, err := kafka.Open(ctx, kafka.Config{Properties: kafka.Properties{"bootstrap.servers": bootstrap}, Role: kafka.RoleAdmin})
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Close()
		admin, err := kafka.NewAdmin(client)
		if err != nil {
			t.Error(err)
			return
		}
		for _, name := range names {
			if err := admin.DeleteTopic(ctx, name); err != nil {
				t.Errorf("deleting %s: %v", name, err)
			}
		}
	})
}

// exactlyOnce reports whether the group can have it: only the newest protocol
// allows it, and Java since 3.3.
func (m *mixed) exactlyOnce(protocol group.Protocol) bool {
	return protocol == group.Sessioned && m.release == "4.3"
}

func (m *mixed) startJava(bootstrap, name string, protocol group.Protocol) {
	m.t.Helper()
	home, err := install.DefaultHome()
	if err != nil {
		m.t.Fatal(err)
	}
	properties := map[string]string{
		"scheduled.rebalance.max.delay.ms": "0", "connect.protocol": protocol.String(), "heartbeat.interval.ms": "500",
		"plugin.path": m.t.TempDir(), // Java's own connectors are on the class path
	}
	if !m.exactlyOnce(protocol) && m.release != "2.7" { // which does not know the property
		properties["exactly.once.source.support"] = "disabled"
	}
	m.java, err = peer.StartJava(m.t.Context(), peer.WorkerConfig{
		Home: home, Dir: m.t.TempDir(), Bootstrap: bootstrap, Group: name, Heap: "256m", Properties: properties, Release: m.release,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	rig.StopAtEnd(m.t, m.java.Process)
}

func (m *mixed) startOurs(bootstrap, name string, protocol group.Protocol) {
	t := m.t
	t.Helper()
	worker := kafka.Properties{"bootstrap.servers": bootstrap, "group.id": name}
	kc := config.KafkaConfig{Topic: kafka.Topic{Name: name + "-configs", Partitions: 1, Replication: 1}, Worker: worker, ClientID: name + "-"}
	if m.exactlyOnce(protocol) {
		kc.ExactlyOnce, kc.TransactionalID = true, "connect-cluster-"+name
	}
	store := config.NewKafka(kc)
	t.Cleanup(store.Close)
	statuses, err := status.OpenKafka(t.Context(), status.KafkaConfig{
		Topic: kafka.Topic{Name: name + "-status", Partitions: 2, Replication: 1}, Worker: worker, ClientID: name + "-",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(statuses.Close)
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	client, err := sarama.NewClient(strings.Split(bootstrap, ","), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	reg, err := registry.New(connect.Plugin{
		Class: fileSource, Version: "4.3.1", Kind: connect.KindSource, Def: configdef.New(),
		NewConnector: func() connect.Connector { return testConnector{} }, NewSourceTask: func() connect.SourceTask { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.url = "http://" + listener.Addr().String()
	m.runtime = fileRuntime{newRuntime(t)}
	local := herder.NewLocal(&herder.Local{
		Statuses: statuses, Registry: reg, Levels: noLevels{}, Resolver: secrets{}, Runtime: m.runtime,
		Validator: &herder.Validator{Registry: reg, Definitions: definitions{}, Resolver: secrets{}, Policy: allowAll{}, Distributed: true, GroupID: name},
	})
	m.herder = New(Config{
		Core: CoreConfig{
			Protocol: protocol, SyncTimeout: 3 * time.Second, KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256", KeySize: 32,
			RequestWait: patience, TopicTracking: true,
		},
		Member:  Group(group.Config{Client: client, Group: name, URL: m.url + "/", HeartbeatInterval: 500 * time.Millisecond}),
		Configs: NewConfigTopic(t.Context(), store), Forwarder: httpForwarder{}, Local: local, WorkerID: listener.Addr().String(),
		ExactlyOnce: m.exactlyOnce(protocol), SignatureAlgorithm: "HmacSHA256", VerificationAlgorithms: []string{"HmacSHA256"},
	})
	m.runtime.reporter = m.herder.Reporter
	server := &http.Server{Handler: http.HandlerFunc(m.serve)}
	go server.Serve(listener)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- m.herder.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
		server.Close()
	})
}

// httpForwarder sends what other workers take, as Java's RestClient does.
type httpForwarder struct{}

func (httpForwarder) PutTaskConfigs(ctx context.Context, url, name string, configs []map[string]string, key herder.SessionKey) error {
	body, err := json.Marshal(configs)
	if err != nil {
		return err
	}
	return send(ctx, http.MethodPost, url+"connectors/"+name+"/tasks", body, key)
}

func (httpForwarder) FenceZombies(ctx context.Context, url, name string, key herder.SessionKey) error {
	return send(ctx, http.MethodPut, url+"connectors/"+name+"/fence", nil, key)
}

func send(ctx context.Context, method, url string, body []byte, key herder.SessionKey) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if mac, ok := herder.Sign(key.Algorithm, key.Key, body); ok {
		req.Header.Set(herder.SignatureHeader, base64.StdEncoding.EncodeToString(mac))
		req.Header.Set(herder.SignatureAlgorithmHeader, key.Algorithm)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusForbidden:
		return herder.Errorf(herder.Forbidden, "%s", text)
	}
	return fmt.Errorf("%s %s: %s %s", method, url, resp.Status, text)
}

// serve answers what the Java worker sends us, and what the test asks.
func (m *mixed) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	answer, err := m.handle(r, part, body)
	var not *herder.NotTarget
	switch {
	case errors.As(err, &not):
		code, text := m.ask(r.Method, strings.TrimSuffix(not.URL, "/")+r.URL.Path, body)
		w.WriteHeader(code)
		w.Write(text)
	case herder.KindOf(err) == herder.NotFound:
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(answer)
	}
}

func (m *mixed) handle(r *http.Request, part []string, body []byte) (any, error) {
	ctx := r.Context()
	var sig *herder.Signature
	if mac, err := base64.StdEncoding.DecodeString(r.Header.Get(herder.SignatureHeader)); err == nil && len(mac) > 0 {
		sig = &herder.Signature{Body: body, Algorithm: r.Header.Get(herder.SignatureAlgorithmHeader), MAC: mac}
	}
	last := part[len(part)-1]
	switch {
	case r.Method == http.MethodPost && len(part) == 1:
		var req struct {
			Name   string
			Config map[string]string
		}
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, err
		}
		made, err := m.herder.PutConnector(ctx, herder.PutRequest{Name: req.Name, Config: req.Config})
		return made.Info, err
	case r.Method == http.MethodPost && last == "tasks":
		var configs []map[string]string
		if err := json.Unmarshal(body, &configs); err != nil {
			return nil, err
		}
		return nil, m.herder.PutTaskConfigs(ctx, part[1], configs, sig)
	case r.Method == http.MethodPut && last == "fence":
		return nil, m.herder.FenceZombies(ctx, part[1], sig)
	case r.Method == http.MethodPut && last == "stop":
		return nil, m.herder.StopConnector(ctx, part[1])
	case r.Method == http.MethodDelete:
		return nil, m.herder.DeleteConnector(ctx, part[1])
	}
	return nil, fmt.Errorf("unexpected %s %s", r.Method, r.URL)
}

func (m *mixed) ask(method, url string, body []byte) (int, []byte) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		m.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, text
}

func (m *mixed) create(url, name string) {
	m.t.Helper()
	body, _ := json.Marshal(map[string]any{"name": name, "config": map[string]string{
		"connector.class": fileSource, "tasks.max": "1", "topic": "herder-mixed", "file": "/dev/null",
	}})
	rig.Call(m.t, http.MethodPost, url+"/connectors", string(body), http.StatusCreated)
}

// statuses returns the workers of a connector and its tasks. They must all be in a state.
func (m *mixed) statuses(name string, want state.State, tasks int) ([]string, error) {
	var s herder.ConnectorStateInfo
	if m.java.Running() {
		code, text := m.ask(http.MethodGet, m.java.URL()+"/connectors/"+name+"/status", nil)
		if code != http.StatusOK {
			return nil, fmt.Errorf("status of %s: %d %s", name, code, text)
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
	} else {
		var err error
		if s, err = m.herder.ConnectorStatus(m.t.Context(), name); err != nil {
			return nil, err
		}
	}
	ok := s.Connector.State == want && len(s.Tasks) == tasks
	workers := []string{s.Connector.WorkerID}
	for _, x := range s.Tasks {
		ok = ok && x.State == want
		workers = append(workers, x.WorkerID)
	}
	if !ok {
		return nil, fmt.Errorf("%s is not %s with %d tasks: %+v", name, want, tasks, s)
	}
	return workers, nil
}

func (m *mixed) has(when, name string, want state.State, tasks int) {
	m.t.Helper()
	rig.Eventually(m.t, when, func() error {
		_, err := m.statuses(name, want, tasks)
		return err
	})
}

func (m *mixed) allRunning(when string, names ...string) {
	m.t.Helper()
	for _, name := range names {
		m.has(when, name, state.Running, 1)
	}
}

// shared waits until everything runs, on both workers alike.
func (m *mixed) shared(when string, names ...string) {
	m.t.Helper()
	count := map[string]int{}
	rig.Eventually(m.t, "work is shared "+when, func() error {
		clear(count)
		for _, name := range names {
			workers, err := m.statuses(name, state.Running, 1)
			if err != nil {
				return err
			}
			for _, w := range workers {
				count[w]++
			}
		}
		for _, n := range count {
			if len(count) != 2 || n < len(names)-1 || n > len(names)+1 {
				return fmt.Errorf("parts are %v", count)
			}
		}
		return nil
	})
	m.t.Log(when, count)
}
