//go:build real

package cluster

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// A partition isolates one worker for longer than its session. It gives up its work before others begin it, and takes
// part again when it is back.
func TestIsolatedWorker(t *testing.T) {
	t.Parallel()
	proxy := rig.NewProxy(t)
	kafka := rig.KafkaBehind(t, proxy)
	g := newGroup(t, setting{kafka: kafka.Bootstrap(), group: "island", proxy: proxy, proxied: "go2"}, 1)
	g.start("java1")
	g.start("go1", "go2")
	g.addFiles(6)
	g.flow()
	g.stable("before the partition")
	island := g.nodes[2]

	proxy.Cut()
	g.alone = island
	stop := g.watchTwins(island)
	g.stable("while one worker is cut off")
	if left, err := island.instances(); err != nil || len(left) > 0 {
		t.Errorf("the worker that is cut off still has %v, %v", left, err)
	}
	if _, err := island.statuses(); err != nil { // which it answers from what it knows
		t.Error(err)
	}
	stop()

	proxy.Heal()
	g.alone = nil
	g.stable("when all are together again")
	g.writeThrough(1, g.live()...)
	g.stable("at the end")
	g.complete()
}

// A worker sleeps for longer than its session, as one whose machine is moved does. When it wakes it believes that it has
// its work still; it does not disturb those who have it now.
func TestPausedWorker(t *testing.T) {
	t.Parallel()
	kafka := rig.FakeKafka(t)
	for _, exactlyOnce := range []bool{true, false} {
		g := newGroup(t, setting{kafka: kafka, group: fmt.Sprint("paused", exactlyOnce), exactlyOnce: exactlyOnce}, 1)
		g.start("go1")
		g.start("go2", "go3")
		g.addFiles(6)
		g.flow()
		g.stable("before one sleeps")
		g.alone = g.nodes[1]
		g.signal(g.alone, syscall.SIGSTOP)
		g.stable("while one sleeps")
		g.signal(g.alone, syscall.SIGCONT)
		g.alone = nil
		g.stable("when it has woken")
		g.complete()
		g.together(g.live(), (*node).leave)
	}
}

func (g *group) signal(n *node, s syscall.Signal) {
	g.t.Helper()
	if err := syscall.Kill(n.Pid(), s); err != nil {
		g.t.Fatal(err)
	}
}

// watchTwins looks, until it is told to stop, for work that a worker has and others have as well.
func (g *group) watchTwins(island *node) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			// The worker first: what it gives up after that, others may have.
			his, err := island.instances()
			if err != nil {
				g.t.Error(err)
				return
			}
			if len(his) > 0 {
				g.compareTwins(island, his)
			}
		}
	})
	return func() { close(done); watching.Wait() }
}

// compareTwins looks twice: a worker may have given something up while the others were asked.
func (g *group) compareTwins(island *node, his map[string]bool) {
	for _, n := range g.live() {
		theirs, err := n.instances()
		if err != nil {
			g.t.Error(err)
			return
		}
		still, err := island.instances()
		if err != nil {
			g.t.Error(err)
			return
		}
		for what := range theirs {
			if his[what] && still[what] {
				g.t.Errorf("%s runs on %s and on %s", what, island.name, n.name)
			}
		}
	}
}

// The coordinator's broker dies, and later the one that has the config topic, for a minute in which a worker leaves.
func TestBrokersDie(t *testing.T) {
	t.Parallel()
	brokers := rig.KafkaCluster(t, 3)
	var all []string
	for _, b := range brokers {
		all = append(all, b.Bootstrap())
	}
	g := newGroup(t, setting{kafka: brokers[0].Bootstrap(), replication: 2, properties: map[string]string{
		"bootstrap.servers":                 strings.Join(all, ","),
		"config.storage.replication.factor": "2", "offset.storage.replication.factor": "2", "status.storage.replication.factor": "2",
	}}, 1)
	coordinator := g.coordinatedElsewhere(brokers)
	keeper := brokers[5-coordinator.Node-1] // neither the controller nor the coordinator
	g.createConfigTopic(int32(keeper.Node))
	g.start("java1")
	g.start("go1", "go2")
	g.addFiles(3)
	g.flow()
	g.stable("before any broker dies")

	coordinator.Kill()
	g.movedFrom(coordinator)
	g.stable("with another coordinator")
	g.writeThrough(1, g.live()...)
	if err := coordinator.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.stable("with all brokers back")

	keeper.Kill()
	dead := time.Now()
	g.any(false, false).leave()
	g.stable("without the config topic, and with a worker less")
	for time.Since(dead) < time.Minute {
		if err := g.pass("while the config topic cannot be read"); err != nil {
			t.Fatal(err)
		}
	}
	if err := keeper.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.writeThrough(1, g.live()...)
	g.comeBack(g.gone())
	g.stable("with the config topic back")
	g.complete()
}

// coordinatedElsewhere names the group so that its coordinator is not the controller, which must stay.
func (g *group) coordinatedElsewhere(brokers []*peer.Kafka) *peer.Kafka {
	g.t.Helper()
	for i := 0; ; i++ {
		g.group = fmt.Sprintf("moves%d", i)
		var id int32
		eventually(g.t, "a coordinator", func() error {
			b, err := g.client.Coordinator(g.group)
			if err == nil {
				id = b.ID()
			}
			return err
		})
		if id != 1 {
			return brokers[id-1]
		}
	}
}

// createConfigTopic has one broker keep the config topic, without a copy.
func (g *group) createConfigTopic(broker int32) {
	g.t.Helper()
	compact := "compact"
	if err := g.admin.CreateTopic(g.group+"-configs", &sarama.TopicDetail{
		NumPartitions: -1, ReplicationFactor: -1,
		ReplicaAssignment: map[int32][]int32{0: {broker}}, ConfigEntries: map[string]*string{"cleanup.policy": &compact},
	}, false); err != nil {
		g.t.Fatal(err)
	}
}

// movedFrom waits until another broker coordinates the group.
func (g *group) movedFrom(old *peer.Kafka) {
	g.t.Helper()
	eventually(g.t, "another coordinator", func() error {
		if err := g.client.RefreshCoordinator(g.group); err != nil {
			return err
		}
		b, err := g.client.Coordinator(g.group)
		if err == nil && b.ID() == int32(old.Node) {
			err = fmt.Errorf("it is still broker %d", b.ID())
		}
		return err
	})
}

// A follower has passed requests on to a leader that stops answering and is then killed. Each gets an answer, what was
// refused can be asked again, and everything there is runs once.
func TestLeaderLostInMidForward(t *testing.T) {
	t.Parallel()
	kafka := rig.Kafka(t).Bootstrap()
	for _, first := range []string{"java1", "go0"} {
		t.Run(first, func(t *testing.T) {
			g := newGroup(t, setting{kafka: kafka, group: "forward" + first}, 1)
			leader := g.start(first)[0]
			g.start("go1", "go2")
			g.addFiles(2)
			g.flow()
			g.stable("before the leader is lost")
			if now, err := g.leader(); err != nil || now != leader {
				t.Fatalf("%v leads, %v", now, err)
			}
			g.signal(leader, syscall.SIGSTOP)
			answers := g.createThrough(g.nodes[1], 6)
			time.Sleep(time.Second) // for the requests to reach the leader
			leader.kill()
			for range 6 {
				select {
				case a := <-answers:
					t.Log(a)
				case <-time.After(patience):
					t.Fatal("a request got no answer")
				}
			}
			g.createAgain(g.nodes[2])
			g.stable("without the leader that was lost")
			g.complete()
		})
	}
}

// createThrough asks a worker for n connectors at once.
func (g *group) createThrough(n *node, count int) <-chan string {
	answers := make(chan string, count)
	for i := range count {
		name := fmt.Sprintf("s%d", 10+i)
		c := &connector{name: name, tasks: 1, config: map[string]string{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
			"file": g.file(name), "topic": g.want["s0"].config["topic"],
		}}
		if err := os.WriteFile(g.file(name), nil, 0o644); err != nil {
			g.t.Fatal(err)
		}
		g.late = append(g.late, c)
		go func() {
			status, text, err := n.ask(g.t.Context(), http.MethodPost, "/connectors", map[string]any{"name": name, "config": c.config})
			answers <- fmt.Sprintf("%s: %d %s %v", name, status, text, err)
		}()
	}
	return answers
}

// createAgain makes sure that the connectors of createThrough are there.
func (g *group) createAgain(n *node) {
	g.t.Helper()
	for _, c := range g.late {
		eventually(g.t, "creating "+c.name, func() error {
			status, text, err := n.ask(g.t.Context(), http.MethodPost, "/connectors", map[string]any{"name": c.name, "config": c.config})
			if err == nil && status != http.StatusCreated && !strings.Contains(string(text), "already exists") {
				err = fmt.Errorf("%d %s", status, text)
			}
			return err
		})
		c.config["name"] = c.name
		g.want[c.name] = c
	}
	if !slices.ContainsFunc(g.live(), func(n *node) bool { return !n.java }) {
		g.t.Fatal("no worker is left")
	}
}
