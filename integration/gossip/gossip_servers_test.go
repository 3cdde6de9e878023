//go:build servers

package gossip

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

const (
	session = 6 * time.Second // session.timeout.ms
	tasks   = 6
	secret  = "a secret of the test's own"
)

// bed is three workers and a connector whose tasks are spread over them.
type bed struct {
	t       *testing.T
	workers []*peer.Worker
}

// newBed starts the workers; what gossip needs is left out unless wanted.
func newBed(t *testing.T, delay time.Duration, gossip bool, more map[string]string) *bed {
	t.Helper()
	b := &bed{t: t}
	bootstrap := rig.FakeKafka(t)
	var addresses []string
	for range 3 {
		addresses = append(addresses, "127.0.0.1:"+strconv.Itoa(rig.FreePort(t)))
	}
	for _, address := range addresses {
		own := map[string]string{
			"session.timeout.ms": fmt.Sprint(session.Milliseconds()), "heartbeat.interval.ms": "500",
			"scheduled.rebalance.max.delay.ms": fmt.Sprint(delay.Milliseconds()), "offset.flush.interval.ms": "500",
		}
		if gossip {
			own["gossip.bind"], own["gossip.join"], own["gossip.secret"] = address, strings.Join(addresses, ","), secret
		}
		maps.Copy(own, more)
		b.workers = append(b.workers, rig.Worker(t, peer.WorkerConfig{Port: rig.FreePort(t), Bootstrap: bootstrap, Properties: own}))
	}
	rig.CreateConnector(t, b.workers[0].URL(), "source", map[string]string{
		"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector", "tasks.max": fmt.Sprint(tasks), "topic": "t", "throughput": "1",
	})
	rig.Eventually(t, "every worker has tasks", func() error {
		if owners := b.owners(b.workers[0]); len(owners) != 3 || len(owners[""]) > 0 {
			return fmt.Errorf("tasks run on %v", owners)
		}
		return nil
	})
	rig.Eventually(t, "all workers have ended the same round", func() error {
		epochs := map[string]bool{}
		for _, w := range b.workers {
			if !strings.HasSuffix(metric(t, w, "kafka_connect_connect_worker_rebalance_metrics_rebalancing"), " 0") {
				return fmt.Errorf("%s rebalances", id(w))
			}
			epochs[metric(t, w, "kafka_connect_connect_worker_rebalance_metrics_epoch")] = true
		}
		if len(epochs) > 1 {
			return fmt.Errorf("they are at %v", epochs)
		}
		return nil
	})
	return b
}

// owners lists the running tasks of each worker, under "" those that do not run.
func (b *bed) owners(ask *peer.Worker) map[string][]int {
	b.t.Helper()
	status, err := peer.StatusOf(b.t.Context(), ask.URL(), "source")
	if err != nil {
		b.t.Fatal(err)
	}
	owners := map[string][]int{}
	for _, task := range status.Tasks {
		if task.State != "RUNNING" {
			task.Worker = ""
		}
		owners[task.Worker] = append(owners[task.Worker], task.ID)
	}
	return owners
}

func id(w *peer.Worker) string { return "127.0.0.1:" + strconv.Itoa(w.Port) }

// others are the workers but one that is neither the leader nor the one to ask.
func (b *bed) pick() (ask, victim *peer.Worker) {
	leader := metric(b.t, b.workers[0], "kafka_connect_connect_worker_rebalance_metrics_leader_name")
	for _, w := range b.workers {
		if strings.Contains(leader, ":"+strconv.Itoa(w.Port)+"/") {
			ask = w
		} else {
			victim = w
		}
	}
	if ask == nil {
		b.t.Fatalf("no worker leads: %q", leader)
	}
	return ask, victim
}

// metric gives the lines of a metric.
func metric(t *testing.T, w *peer.Worker, name string) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(string(rig.Call(t, http.MethodGet, w.URL()+"/metrics", "", http.StatusOK))) {
		if strings.HasPrefix(line, name) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}

// moved waits until no task counts as the victim's, and says how long it took.
func (b *bed) moved(ask, victim *peer.Worker, since time.Time) time.Duration {
	b.t.Helper()
	rig.Eventually(b.t, "the tasks run elsewhere", func() error {
		owners := b.owners(ask)
		if len(owners[id(victim)])+len(owners[""]) > 0 {
			return fmt.Errorf("tasks run on %v", owners)
		}
		return nil
	})
	return time.Since(since)
}

// A worker that is killed is waited for without gossip, and with it only as long
// as Kafka's group counts it in.
func TestWorkOfAKilledWorkerMoves(t *testing.T) {
	t.Parallel()
	const delay = 15 * time.Second
	for _, gossip := range []bool{false, true} {
		t.Run(fmt.Sprintf("gossip=%t", gossip), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, delay, gossip, nil)
			ask, victim := b.pick()
			start := time.Now()
			victim.Kill()
			took := b.moved(ask, victim, start)
			t.Logf("with gossip=%t, session.timeout.ms=%d and scheduled.rebalance.max.delay.ms=%d the tasks of a killed worker run elsewhere after %.1f s",
				gossip, session.Milliseconds(), delay.Milliseconds(), took.Seconds())
			if waited := took >= delay; waited == gossip {
				t.Errorf("it took %v, the delay is %v", took, delay)
			}
		})
	}
}

// A worker that is stopped by an operator is not waited for at all.
func TestWorkOfAWorkerThatLeavesMovesAtOnce(t *testing.T) {
	t.Parallel()
	const delay = 5 * time.Minute // more than the test waits for anything
	b := newBed(t, delay, true, nil)
	ask, victim := b.pick()
	start := time.Now()
	if err := victim.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the tasks of a worker that was stopped run elsewhere after %.1f s", b.moved(ask, victim, start).Seconds())
	for _, w := range b.workers {
		if strings.Contains(w.LogTail(1<<20), secret) {
			t.Errorf("%s shows the secret in its log", w.Name())
		}
	}
}

// However sure gossip is that a worker is dead: as long as Kafka's group counts it
// in, it keeps its work, and goes on with it when it was only asleep.
func TestGossipAloneMovesNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, 0, true, map[string]string{"session.timeout.ms": "60000"})
	ask, victim := b.pick()
	before := b.owners(ask)
	alive := func(want string) func() error {
		return func() error {
			line := metric(t, ask, `millrace_gossip_worker_alive{worker="http://`+id(victim)+`/"}`)
			if !strings.HasSuffix(line, " "+want) {
				return fmt.Errorf("the metrics say %q", line)
			}
			return nil
		}
	}
	rig.Eventually(t, "the worker is alive", alive("1"))
	signal(t, victim, syscall.SIGSTOP)
	rig.Eventually(t, "gossip takes the sleeping worker for dead", alive("0"))
	time.Sleep(time.Second) // time enough for a leader that acts on it
	if now := b.owners(ask); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("tasks ran on %v, then, with one worker asleep, on %v", before, now)
	}
	signal(t, victim, syscall.SIGCONT)
	rig.Eventually(t, "the worker is alive again", alive("1"))
	if after := b.owners(ask); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("tasks ran on %v, then on %v", before, after)
	}
}

func signal(t *testing.T, w *peer.Worker, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(w.Pid(), s); err != nil {
		t.Fatal(err)
	}
	if s == syscall.SIGSTOP { // lest a failed test leave it asleep
		t.Cleanup(func() { _ = syscall.Kill(w.Pid(), syscall.SIGCONT) })
	}
}
