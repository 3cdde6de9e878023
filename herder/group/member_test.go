package group

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka/embedded"
)

const patience = 30 * time.Second

// keys of the requests that tests interfere with.
const (
	joinGroup = 11
	heartbeat = 12
	syncGroup = 14
)

func startBroker(t *testing.T) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// worker is a member that divides work when it leads and takes what it gets.
type worker struct {
	t      *testing.T
	m      *Member
	events chan Event
	stop   func()
}

func startMember(t *testing.T, c *embedded.Cluster, p Protocol, change ...func(*Config)) *worker {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	client, err := sarama.NewClient(c.Addrs(), conf)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{t: t, events: make(chan Event, 1000)}
	cfg := Config{
		Client: client, Group: "g", URL: "http://w/", Protocol: p,
		SessionTimeout: time.Second, RebalanceTimeout: 10 * time.Second,
		HeartbeatInterval: 50 * time.Millisecond, RetryBackoff: 10 * time.Millisecond,
		Events: func(e Event) { w.events <- e },
	}
	for _, f := range change {
		f(&cfg)
	}
	w.m = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.m.Run(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		client.Close()
	})
	t.Cleanup(w.stop)
	return w
}

// next returns the next event of a type, skipping others.
func next[E Event](w *worker) E {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-w.events:
			if e, ok := e.(E); ok {
				return e
			}
		case <-deadline:
			var want E
			w.t.Fatalf("no %T", want)
		}
	}
}

// lead waits until the worker is elected with the given number of members and
// divides a connector with two tasks eagerly.
func (w *worker) lead(members int) Elected {
	w.t.Helper()
	for {
		e := next[Elected](w)
		if len(e.Members) < members {
			w.m.Sync(e.Generation, w.divide(e))
			next[Rebalance](w)
			w.m.Join(Standing{Offset: 5})
			continue
		}
		w.m.Sync(e.Generation, w.divide(e))
		return e
	}
}

func (w *worker) divide(e Elected) map[string]Assignment {
	var ids []string
	for _, a := range e.Members {
		if a.Err != nil {
			w.t.Errorf("metadata of %s: %v", a.ID, a.Err)
		}
		ids = append(ids, a.ID)
	}
	d := AssignEager(ids, Work{Connectors: []string{"c"}, Tasks: nil}.Union(parseItems(w.t, "c:0,c:1")))
	out := map[string]Assignment{}
	for id, s := range d.Shares {
		out[id] = Assignment{Leader: e.Leader, LeaderURL: "http://w/", Offset: 5, Assigned: s.Assigned}
	}
	return out
}

func TestMemberAlone(t *testing.T) {
	c := startBroker(t)
	w := startMember(t, c, Sessioned)
	held := Assignment{Protocol: Sessioned, Leader: "x", Offset: 4, Assigned: parseItems(t, "old,old:0")}
	w.m.Join(Standing{Offset: 5, Current: &held})
	e := w.lead(1)
	if e.Protocol != Sessioned || e.Members[0].Offset != 5 || e.Members[0].URL != "http://w/" || !reflect.DeepEqual(e.Members[0].Current, &held) {
		t.Errorf("elected with %+v", e)
	}
	a := next[Assigned](w)
	if a.Member != e.Leader || a.Generation != e.Generation || !reflect.DeepEqual(a.Assignment.Assigned, parseItems(t, "c,c:0,c:1")) {
		t.Errorf("assigned %+v", a)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	c := startBroker(t)
	one := startMember(t, c, Sessioned)
	one.m.Join(Standing{Offset: 5})
	one.lead(1)
	next[Assigned](one)
	two := startMember(t, c, Compatible)
	two.m.Join(Standing{Offset: 5})
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	e := one.lead(2)
	if e.Protocol != Compatible {
		t.Errorf("the group of a sessioned and a compatible worker is %v", e.Protocol)
	}
	first, second := next[Assigned](one), next[Assigned](two)
	if got := first.Assignment.Assigned.Union(second.Assignment.Assigned); !reflect.DeepEqual(got, parseItems(t, "c,c:0,c:1")) {
		t.Errorf("both have %v", got)
	}
	if second.Assignment.Leader != first.Member || second.Generation != first.Generation {
		t.Errorf("the follower got %+v, the leader %+v", second, first)
	}
	two.stop() // leaves: the other hears of it before the session could run out
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	if e := one.lead(1); len(e.Members) != 1 {
		t.Errorf("%d members after one left", len(e.Members))
	}
}

func TestLeaderTakesOver(t *testing.T) {
	c := startBroker(t)
	one, two := startMember(t, c, Eager), startMember(t, c, Eager)
	one.m.Join(Standing{Offset: 5})
	one.lead(1)
	next[Assigned](one)
	two.m.Join(Standing{Offset: 5})
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	one.lead(2)
	next[Assigned](two)
	one.stop()
	next[Rebalance](two)
	two.m.Join(Standing{Offset: 5})
	if e := two.lead(1); e.Protocol != Eager {
		t.Errorf("protocol %v", e.Protocol)
	}
	next[Assigned](two)
}

// failOnce answers the next request of a kind with an error.
func failOnce(c *embedded.Cluster, key int16, err *kerr.Error) (failed chan struct{}) {
	failed = make(chan struct{})
	c.Fake.ControlKey(key, func(req kmsg.Request) (kmsg.Response, error, bool) {
		close(failed)
		resp := req.ResponseKind()
		switch r := resp.(type) {
		case *kmsg.JoinGroupResponse:
			r.ErrorCode = err.Code
		case *kmsg.SyncGroupResponse:
			r.ErrorCode = err.Code
		case *kmsg.HeartbeatResponse:
			r.ErrorCode = err.Code
		}
		return resp, nil, true
	})
	return failed
}

func TestJoinErrorsAreRetried(t *testing.T) {
	for _, kind := range []*kerr.Error{
		kerr.UnknownMemberID, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.RebalanceInProgress,
	} {
		t.Run(kind.Message, func(t *testing.T) {
			c := startBroker(t)
			failed := failOnce(c, joinGroup, kind)
			w := startMember(t, c, Sessioned)
			w.m.Join(Standing{Offset: 5})
			w.lead(1)
			next[Assigned](w)
			<-failed
		})
	}
}

func TestMissingRightsAreAProblem(t *testing.T) {
	c := startBroker(t)
	failOnce(c, joinGroup, kerr.GroupAuthorizationFailed)
	w := startMember(t, c, Sessioned)
	w.m.Join(Standing{Offset: 5})
	if p := next[Problem](w); p.Err == nil {
		t.Error("a problem without an error")
	}
	w.lead(1) // and it goes on trying
	next[Assigned](w)
}

func TestHeartbeatErrorsLeadToANewRound(t *testing.T) {
	for _, kind := range []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration} {
		t.Run(kind.Message, func(t *testing.T) {
			c := startBroker(t)
			w := startMember(t, c, Sessioned)
			w.m.Join(Standing{Offset: 5})
			w.lead(1)
			before := next[Assigned](w)
			failOnce(c, heartbeat, kind)
			next[Rebalance](w)
			w.m.Join(Standing{Offset: 5, Current: &before.Assignment})
			w.lead(1)
			after := next[Assigned](w)
			if (after.Member == before.Member) == (kind == kerr.UnknownMemberID) {
				t.Errorf("member id %s, before %s", after.Member, before.Member)
			}
		})
	}
}

func TestSyncErrorsLeadToANewRound(t *testing.T) {
	for _, kind := range []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.NotCoordinator} {
		t.Run(kind.Message, func(t *testing.T) {
			c := startBroker(t)
			failOnce(c, syncGroup, kind)
			w := startMember(t, c, Sessioned)
			w.m.Join(Standing{Offset: 5})
			w.lead(1)
			next[Rebalance](w)
			w.m.Join(Standing{Offset: 6})
			if e := w.lead(1); e.Members[0].Offset != 6 {
				t.Errorf("the new round was joined with offset %d", e.Members[0].Offset)
			}
			next[Assigned](w)
		})
	}
}

func TestMovedCoordinatorKeepsMembership(t *testing.T) {
	c := startBroker(t)
	w := startMember(t, c, Sessioned)
	w.m.Join(Standing{Offset: 5})
	w.lead(1)
	next[Assigned](w)
	<-failOnce(c, heartbeat, kerr.NotCoordinator)
	// The next heartbeat finds the coordinator again and is answered normally.
	beat := make(chan struct{})
	c.Fake.ControlKey(heartbeat, func(kmsg.Request) (kmsg.Response, error, bool) {
		close(beat)
		return nil, nil, false
	})
	<-beat
	w.stop()
	close(w.events)
	for e := range w.events {
		t.Errorf("unexpected %T", e)
	}
}

func TestLostAfterASilentSession(t *testing.T) {
	c := startBroker(t)
	w := startMember(t, c, Sessioned)
	w.m.Join(Standing{Offset: 5})
	w.lead(1)
	before := next[Assigned](w)
	release := make(chan struct{})
	c.Fake.ControlKey(heartbeat, func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		select {
		case <-release:
			return nil, nil, false
		default:
			return nil, context.DeadlineExceeded, true // closes the connection
		}
	})
	next[Lost](w)
	close(release)
	w.m.Join(Standing{Offset: 5})
	w.lead(1)
	if after := next[Assigned](w); after.Member == before.Member {
		t.Error("a lost member came back under its old id")
	}
}

// The session ends when it ends, not at the next heartbeat: others get the work then.
func TestLostBetweenHeartbeats(t *testing.T) {
	w := startMember(t, startBroker(t), Sessioned, func(cfg *Config) { cfg.HeartbeatInterval = time.Hour })
	w.m.Join(Standing{Offset: 5})
	w.lead(1)
	next[Assigned](w)
	next[Lost](w)
}

func TestAStaleSyncIsDropped(t *testing.T) {
	c := startBroker(t)
	w := startMember(t, c, Sessioned)
	w.m.Join(Standing{Offset: 5})
	e := next[Elected](w)
	w.m.Sync(e.Generation-1, nil)
	w.m.Sync(e.Generation, w.divide(e))
	if a := next[Assigned](w); a.Assignment.Assigned.Empty() {
		t.Error("an outdated sync was sent")
	}
}

func TestUnreadableMetadataIsReported(t *testing.T) {
	got := applicants([]sarama.GroupMember{{MemberId: "b", Metadata: []byte{0}}, {MemberId: "a", Metadata: AppendMetadata(nil, Metadata{URL: "u"})}})
	if !slices.IsSortedFunc(got, func(x, y Applicant) int { return len(x.ID) - len(y.ID) }) || got[0].ID != "a" || got[0].Err != nil || got[1].Err == nil {
		t.Errorf("%+v", got)
	}
}

func TestLeaveAndComeBack(t *testing.T) {
	c := startBroker(t)
	one, two := startMember(t, c, Sessioned), startMember(t, c, Sessioned)
	one.m.Join(Standing{Offset: 5})
	one.lead(1)
	next[Assigned](one)
	two.m.Join(Standing{Offset: 5})
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	one.lead(2)
	before := next[Assigned](two)
	two.m.Leave("it cannot read the config topic")
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	one.lead(1)
	next[Assigned](one)
	two.m.Join(Standing{Offset: 5})
	next[Rebalance](one)
	one.m.Join(Standing{Offset: 5})
	one.lead(2)
	if after := next[Assigned](two); after.Member == before.Member {
		t.Error("back under the id with which it had left")
	}
}
