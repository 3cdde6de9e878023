//go:build real

package cluster

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/rig"
)

// Workers of both kinds in one group lead in turn, join, leave and are killed, and whatever happens to the one kind
// happens to the other. MIXED_ROUNDS adds rounds in which it happens at random, MIXED_SEED repeats them.
func TestMixed(t *testing.T) {
	t.Parallel()
	kafka, mysql := rig.Kafka(t).Bootstrap(), rig.MySQL(t)
	for _, s := range []setting{
		{group: "once", exactlyOnce: true, mysql: mysql},
		{group: "atleast", mysql: mysql},
	} {
		s.kafka = kafka
		t.Run(s.group, func(t *testing.T) { playMixed(t, s, "java1", "java2") })
	}
}

// One of the workers is five years older: the group agrees on what that release knows.
func TestMixedWithAnOldWorker(t *testing.T) {
	t.Parallel()
	playMixed(t, setting{kafka: rig.Kafka(t).Bootstrap(), group: "old"}, "old1", "java2")
}

func playMixed(t *testing.T, s setting, java1, java2 string) {
	seed := uint64(number(t, "MIXED_SEED", int(time.Now().UnixNano()%1e6)))
	t.Logf("MIXED_SEED=%d", seed)
	g := newGroup(t, s, seed)
	g.start(java1)
	g.start(java2, "go1", "go2")
	g.addFiles(6)
	if s.mysql != nil {
		g.addMySQL()
	}
	g.flow()
	g.stable("at the beginning, with Java's leader")
	g.writeThrough(1, g.live()...)

	g.handOver(false)
	g.any(false, false).kill()
	g.stable("without a follower and Java's leaders, which were killed")
	g.comeBack(g.gone())
	g.stable("with Millrace's leader")
	g.writeThrough(2, g.live()...)

	for range number(t, "MIXED_ROUNDS", 0) {
		g.happen()
	}

	g.withoutKind(true)
	g.writeThrough(1, g.live()...)
	g.comeBack(g.gone())
	g.stable("with Java's workers back")
	g.withoutKind(false)
	g.writeThrough(1, g.live()...)
	g.comeBack(g.gone())
	g.stable("at the end")
	g.complete()
}

// handOver kills whoever leads until a worker of the wanted kind does.
func (g *group) handOver(java bool) {
	g.t.Helper()
	for {
		var leader *node
		eventually(g.t, "the cluster has a leader", func() (err error) {
			leader, err = g.leader()
			return err
		})
		if leader.java == java {
			return
		}
		leader.kill()
	}
}

// any picks a live worker of a kind that leads, or one that follows.
func (g *group) any(java, leads bool) *node {
	g.t.Helper()
	leader, err := g.leader()
	if err != nil {
		g.t.Fatal(err)
	}
	all := slices.DeleteFunc(g.of(java), func(n *node) bool { return (n == leader) != leads })
	return all[g.random.IntN(len(all))]
}

func (g *group) gone() []*node {
	return slices.DeleteFunc(slices.Clone(g.nodes), func(n *node) bool { return n.Running() })
}

// withoutKind lets all workers of a kind leave: the others go on.
func (g *group) withoutKind(java bool) {
	g.t.Helper()
	g.together(g.of(java), (*node).leave)
	kind := map[bool]string{true: "Java's", false: "Millrace's"}
	g.stable("without " + kind[java] + " workers")
}

func (g *group) comeBack(nodes []*node) { g.together(nodes, (*node).comeBack) }

// happen lets something happen to random workers; one remains.
func (g *group) happen() {
	g.t.Helper()
	live := g.live()
	g.random.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
	victims := live[:g.random.IntN(len(live))]
	var back []*node
	for _, n := range g.gone() {
		if g.random.IntN(2) == 0 {
			back = append(back, n)
		}
	}
	kill := g.random.IntN(2) == 0
	if kill {
		g.together(victims, (*node).kill)
	} else {
		g.together(victims, (*node).leave)
	}
	g.comeBack(back)
	g.stable("after a random round")
	g.writeThrough(1, g.live()...)
}

func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
