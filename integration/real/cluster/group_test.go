//go:build real

package cluster

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// setting is what the runs of a test differ in.
type setting struct {
	kafka       string
	group       string
	exactlyOnce bool
	replication int16 // of topics with data, 1 when zero
	mysql       *peer.Database
	properties  map[string]string
	proxy       *rig.Proxy // between the brokers and one worker
	proxied     string     // its name
}

// group is a cluster of workers, and what it is to run.
type group struct {
	setting
	t      testing.TB
	dir    string // files of sources and sinks
	client sarama.Client
	admin  sarama.ClusterAdmin
	random *rand.Rand

	mu    sync.Mutex // guards want: writers through several workers share it
	want  map[string]*connector
	nodes []*node
	stage int
	tally tally

	appended []string // lines of stages, in order
	flowed   []string // lines between them; the flow's until it has ended
	endFlow  func()
	alone    *node // cut off from the others
	late     []*connector
}

// connector is what a connector should be.
type connector struct {
	name   string
	config map[string]string
	tasks  int
}

// newGroup prepares a group without workers.
func newGroup(t testing.TB, s setting, seed uint64) *group {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	s.replication = max(s.replication, 1)
	g := &group{setting: s, t: t, dir: rig.Dir(t), client: rig.Client(t, s.kafka), want: map[string]*connector{}, random: random, endFlow: func() {}, tally: tally{lines: map[string]map[string]int{}}}
	var err error
	if g.admin, err = sarama.NewClusterAdminFromClient(g.client); err != nil {
		t.Fatal(err)
	}
	return g
}

// timing lets the coordinator forget a killed worker, and the leader its work, in seconds.
var timing = map[string]string{
	"session.timeout.ms": "6000", "heartbeat.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "1500",
	"consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "500", "consumer.auto.offset.reset": "earliest",
	"consumer.metadata.max.age.ms": "2000", "offset.flush.interval.ms": "500", "task.shutdown.graceful.timeout.ms": "5000",
	"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
	"value.converter": "org.apache.kafka.connect.storage.StringConverter",
}

// quickJVM spends little on compiling: these workers live for a minute.
var quickJVM = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

func (g *group) config(name string, java bool, release string) peer.WorkerConfig {
	properties := maps.Clone(timing)
	properties["exactly.once.source.support"] = "disabled"
	if g.exactlyOnce {
		properties["exactly.once.source.support"] = "enabled"
		properties["consumer.isolation.level"] = "read_committed"
	}
	maps.Copy(properties, g.properties)
	c := peer.WorkerConfig{Bootstrap: g.kafka, Group: g.group, Properties: properties}
	if g.proxy != nil && name == g.proxied {
		c.Bootstrap = g.proxy.Address()
	}
	if !java {
		return c
	}
	c.Release, c.Heap, c.JVM = release, "256m", quickJVM
	if g.mysql != nil {
		c.Plugins = []string{install.JarsDebezium}
	} else {
		properties["plugin.path"] = g.dir // Java's own connectors are on the class path
	}
	if release == "2.7" {
		delete(properties, "exactly.once.source.support")
	} else {
		properties["plugin.discovery"] = "service_load"
	}
	return c
}

// start starts workers at the same time: javaN and oldN are Java's, others Millrace's.
func (g *group) start(names ...string) []*node {
	g.t.Helper()
	started := make([]*node, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			release := "4.3"
			if strings.HasPrefix(name, "old") {
				release = "2.7"
			}
			java := !strings.HasPrefix(name, "go")
			started[i] = newNode(g.t, g.config(name, java, release), name, java)
		})
	}
	all.Wait()
	if g.t.Failed() || slices.Contains(started, nil) {
		g.t.FailNow()
	}
	for _, n := range started {
		g.t.Logf("%s is %s", n.name, n.id())
	}
	g.nodes = append(g.nodes, started...)
	return started
}

// live are the workers that run and can reach the others.
func (g *group) live() []*node {
	return slices.DeleteFunc(slices.Clone(g.nodes), func(n *node) bool { return !n.Running() || n == g.alone })
}

// of are the live workers of a kind.
func (g *group) of(java bool) []*node {
	return slices.DeleteFunc(g.live(), func(n *node) bool { return n.java != java })
}

func (g *group) anOldOne() bool {
	return slices.ContainsFunc(g.live(), func(n *node) bool { return n.old })
}

// leader is the worker that leads; all must name the same.
func (g *group) leader() (*node, error) {
	var leader *node
	for _, n := range g.live() {
		url := n.leader()
		i := slices.IndexFunc(g.nodes, func(n *node) bool { return n.URL() == url })
		switch {
		case i < 0:
			return nil, fmt.Errorf("%s says that %q leads", n.name, url)
		case leader != nil && leader != g.nodes[i]:
			return nil, fmt.Errorf("%s says that %s leads, another says %s", n.name, g.nodes[i].name, leader.name)
		}
		leader = g.nodes[i]
	}
	if leader == nil || !leader.Running() {
		return nil, errors.New("a worker that has gone leads")
	}
	return leader, nil
}

// files are the lines of a source's or sink's file.
func (g *group) file(name string) string { return filepath.Join(g.dir, name) }

// addFiles makes n sources, each with a topic and a sink of two tasks behind it, and creates them through the live
// workers in turn.
func (g *group) addFiles(n int) {
	g.t.Helper()
	for i := range n {
		source, sink, topic := fmt.Sprintf("s%d", i), fmt.Sprintf("k%d", i), fmt.Sprintf("%s-t%d", g.group, i)
		if err := os.WriteFile(g.file(source), nil, 0o644); err != nil {
			g.t.Fatal(err)
		}
		if err := g.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: g.replication}, false); err != nil {
			g.t.Fatal(err)
		}
		g.watch(topic)
		g.create(source, 1, map[string]string{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1", "file": g.file(source), "topic": topic,
			"batch.size": "2000", // which a task of release 2.7 does not know unless it is told
		})
		g.create(sink, 2, map[string]string{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "2", "file": g.file(sink), "topics": topic,
		})
	}
}

const table = "CREATE TABLE %s (id INT PRIMARY KEY)"

// addMySQL captures a table of the group's own with Debezium's connector.
func (g *group) addMySQL() {
	g.t.Helper()
	if err := g.mysql.Exec("CREATE DATABASE "+g.group, fmt.Sprintf(table, g.group+".t"), "INSERT INTO "+g.group+".t VALUES (0)"); err != nil {
		g.t.Fatal(err)
	}
	if err := g.admin.CreateTopic(g.rows(), &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: g.replication}, false); err != nil {
		g.t.Fatal(err)
	}
	g.watch(g.rows())
	g.create("db", 1, g.mysql.Connector(g.kafka, g.group, map[string]string{
		"database.server.id": strconv.Itoa(5000 + len(g.group)), "database.include.list": g.group, "include.schema.changes": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "after", "transforms.after.type": "org.apache.kafka.connect.transforms.ExtractField$Value", "transforms.after.field": "after",
	}))
}

// rows is the topic of the captured table.
func (g *group) rows() string { return g.group + "." + g.group + ".t" }

// create creates a connector through one worker after the other.
func (g *group) create(name string, tasks int, config map[string]string) {
	g.t.Helper()
	live := g.live()
	g.post(live[len(g.want)%len(live)], name, config)
	config["name"] = name
	g.want[name] = &connector{name: name, config: config, tasks: tasks}
}

// post creates a connector through a worker. A Java worker of today adds to a POST that it passes on what a leader of
// release 2.7 refuses; a PUT creates as well.
func (g *group) post(n *node, name string, config map[string]string) {
	g.t.Helper()
	if n.java && !n.old && g.anOldOne() {
		n.write(http.MethodPut, "/connectors/"+name+"/config", config, http.StatusCreated)
		return
	}
	n.write(http.MethodPost, "/connectors", map[string]any{"name": name, "config": config}, http.StatusCreated)
}

// names of the connectors there should be, in order.
func (g *group) names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.want))
}

// statuses asks one worker about all connectors.
func (n *node) statuses() (map[string]peer.Status, error) {
	all, err := peer.Statuses(n.t.Context(), n.URL())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.name, err)
	}
	for _, s := range all {
		slices.SortFunc(s.Tasks, func(a, b peer.State) int { return a.ID - b.ID })
	}
	return all, nil
}

func taskName(connector string, task int) string { return connector + "-" + strconv.Itoa(task) }

// together does the same with several workers at once.
func (g *group) together(nodes []*node, do func(*node)) {
	g.t.Helper()
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() { do(n) })
	}
	all.Wait()
	if g.t.Failed() {
		g.t.FailNow()
	}
}
