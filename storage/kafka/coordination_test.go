package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// impatient is a request.timeout.ms that tests can wait for.
const impatient = 300 * time.Millisecond

// member takes part in a group; sessions are told on its channel and last until their context ends.
type member struct {
	c        *kafka.Coordination
	g        sarama.ConsumerGroup
	sessions chan sarama.ConsumerGroupSession
}

func newMember(t *testing.T, c *embedded.Cluster, extra kafka.Properties) *member {
	t.Helper()
	k := client(t, c, kafka.RoleConsumer, kafka.Properties{"request.timeout.ms": "300", "fetch.max.wait.ms": "50", "heartbeat.interval.ms": "50"}.With(extra))
	m := &member{c: k.Coordinate("g"), sessions: make(chan sarama.ConsumerGroupSession, 1)}
	var err error
	if m.g, err = sarama.NewConsumerGroupFromClient("g", m.c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.c.Close() // also ends what waits
		_ = m.g.Close()
	})
	return m
}

// consume is one call of Consume, with an end for tests that fail.
func (m *member) consume(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer m.c.Until(ctx)()
	return m.g.Consume(ctx, []string{"in"}, m)
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.sessions <- s
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-s.Context().Done()
	return nil
}

// onJoin lets then decide about the first join of a member that has its id.
func onJoin(c *embedded.Cluster, then func() (handled bool)) {
	c.Fake.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if r.(*kmsg.JoinGroupRequest).MemberID == "" {
			return nil, nil, false
		}
		c.Fake.DropControl()
		return nil, nil, then()
	})
}

func withTopic(t *testing.T, c *embedded.Cluster) *embedded.Cluster {
	t.Helper()
	if err := c.Fake.CreateTopic("in", 1, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestJoinWaitsForOtherMembers(t *testing.T) {
	t.Parallel()
	keys, trusts := stores(t)
	for name, start := range map[string]func(*testing.T) (*embedded.Cluster, kafka.Properties){
		"plain": func(t *testing.T) (*embedded.Cluster, kafka.Properties) { return cluster(t, embedded.Config{}), nil },
		"TLS": func(t *testing.T) (*embedded.Cluster, kafka.Properties) {
			return tlsCluster(t, keys["JKS"]), kafka.Properties{"security.protocol": "SSL"}.With(keys["JKS"]).With(trusts["JKS"])
		},
		"SASL": func(t *testing.T) (*embedded.Cluster, kafka.Properties) {
			c := cluster(t, embedded.Config{Options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "alice", "secret")}})
			return c, kafka.Properties{
				"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
				"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="secret";`,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, security := start(t)
			withTopic(t, c)
			onJoin(c, func() bool {
				c.Fake.SleepControl(func() { time.Sleep(4 * impatient) })
				return false
			})
			m, ctx := newMember(t, c, security), t.Context()
			ctx, cancel := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- m.consume(ctx) }()
			select {
			case <-m.sessions:
			case err := <-ended:
				t.Fatalf("did not wait: %v", err)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestJoinEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := withTopic(t, cluster(t, embedded.Config{}))
	m := newMember(t, c, nil)
	ctx, cancel := context.WithCancel(t.Context())
	onJoin(c, func() bool { // is never answered
		cancel()
		return true
	})
	if err := m.consume(ctx); err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	// The member may try again, and leave.
	go func() { _ = m.consume(t.Context()) }()
	<-m.sessions
}

// A coordinator that dies without closing its connections has a successor.
func TestJoinGoesToAnotherCoordinator(t *testing.T) {
	t.Parallel()
	c := withTopic(t, cluster(t, embedded.Config{Brokers: 3}))
	first := c.Fake.CoordinatorFor("g")
	onJoin(c, func() bool {
		go func() {
			for c.Fake.CoordinatorFor("g") == first {
				c.Fake.RehashCoordinators()
			}
		}()
		return true
	})
	m := newMember(t, c, nil)
	if err := m.consume(t.Context()); err == nil {
		t.Fatal("the first coordinator has answered")
	}
	go func() { _ = m.consume(t.Context()) }()
	<-m.sessions
}

// Patience is for joins alone: a session ends when heartbeats are not answered.
func TestHeartbeatsAreNotWaitedForAsLong(t *testing.T) {
	t.Parallel()
	c := withTopic(t, cluster(t, embedded.Config{}))
	m := newMember(t, c, nil)
	ended := make(chan error, 1)
	go func() { ended <- m.consume(t.Context()) }()
	s := <-m.sessions
	c.Fake.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake.KeepControl()
		return nil, nil, true
	})
	<-s.Context().Done()
	if cause := context.Cause(s.Context()); errors.Is(cause, context.DeadlineExceeded) {
		t.Errorf("only the test has ended the session: %v", cause)
	}
	<-ended
}
