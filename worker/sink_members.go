package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
)

// members makes a sink task a member of its consumer group. Its goroutine runs
// the group's sessions and asks the loop of the task before partitions come and
// go; each claim has a goroutine that brings messages. Assignments are eager: a
// session ends with all its claims.
type members struct {
	client *kafka.Coordination
	name   string // of the group
	group  sarama.ConsumerGroup
	log    *slog.Logger
	topics []string         // topics
	regex  *configdef.Regex // topics.regex, nil when topics are listed

	missing kafka.Repeats

	messages chan message
	requests chan request

	interrupted, troubled kafka.Repeats
}

// request asks the loop to take over an assignment, or to give it up.
type request struct {
	assigned bool
	session  *session
	done     chan error
}

// session is one assignment.
type session struct {
	sarama.ConsumerGroupSession
	claims map[connect.TopicPartition]*claim
}

func newMembers(t *sinkTask, client *kafka.Client, group string, config map[string]string) (*members, error) {
	m := &members{
		client: client.Coordinate(group), name: group, log: t.log,
		topics:   slices.Compact(slices.Sorted(slices.Values(configdef.Elements(config["topics"])))),
		messages: make(chan message, client.Settings.Consumer.MaxPollRecords), requests: make(chan request),
	}
	if text := strings.TrimSpace(config["topics.regex"]); text != "" {
		var err error
		if m.regex, err = configdef.CompileRegex(text); err != nil {
			return nil, &connect.ConfigError{Key: "topics.regex", Err: err}
		}
	}
	if len(m.topics) == 0 && m.regex == nil {
		return nil, &connect.ConfigError{Key: "topics", Err: errors.New("a sink connector needs topics or topics.regex")}
	}
	conf := client.Config() // this task's alone, because its client.id is
	conf.Consumer.Return.Errors = true
	conf.Consumer.Group.Rebalance.GroupStrategies = strategies(client.Settings.Consumer.Assignors)
	g, err := sarama.NewConsumerGroupFromClient(group, m.client)
	if err != nil {
		return nil, fmt.Errorf("joining consumer group %s: %w", group, err)
	}
	m.group = g
	return m, nil
}

// retryConsume is the wait after a failure to take part in the group.
const retryConsume = time.Second

// run takes part in the group until ctx ends. The error is one that waiting does
// not mend, or nil.
func (m *members) run(ctx context.Context) error {
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)
	go m.heedErrors(refuse)
	for ctx.Err() == nil {
		topics, err := m.subscription()
		if err == nil && len(topics) == 0 {
			sleep(ctx, m.patience(topics))
			continue
		}
		if err == nil {
			// sarama would ask for a long time before it believes a refusal.
			if _, refused := m.client.Coordinator(m.name); kafka.IsAuthorization(refused) {
				err = refused
			} else {
				err = m.consume(ctx, topics)
			}
		}
		var fatal *loopError
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.As(err, &fatal):
			return nil // the loop knows
		case errors.Is(err, errNoOffset), isEndless(err):
			return err
		case kafka.IsAuthorization(err), errors.Is(err, sarama.ErrSASLAuthenticationFailed), errors.Is(err, sarama.ErrInvalidTopic):
			if topics == nil {
				topics = m.topics
			}
			return m.refusal(topics, err)
		default:
			m.interrupted.Log(m.log, slog.LevelWarn, "consuming was interrupted and is tried again", m.client.Settings.Advised(err))
			sleep(ctx, retryConsume)
		}
	}
	if err := context.Cause(ctx); kafka.IsAuthorization(err) || m.lost(err) {
		return m.refusal(m.topics, err)
	}
	return nil
}

func (m *members) refusal(topics []string, err error) error {
	return fmt.Errorf("consuming topics %s as group %s: %w", strings.Join(topics, ", "), m.name, m.explained(err))
}

// explained adds to a refusal which right is missing.
func (m *members) explained(err error) error {
	if m.lost(err) {
		return fmt.Errorf("%w: %w", errNoOffset, err)
	}
	if errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
		return m.client.Settings.Needs(err, "READ on the group "+m.name)
	}
	return m.client.Settings.Needs(m.client.Settings.Advised(err), "READ and DESCRIBE on the topics, and CREATE where one is not there")
}

// patience is the wait between looks for topics besides those that are consumed.
func (m *members) patience(consumed []string) time.Duration {
	if m.regex == nil && len(consumed) < len(m.topics) {
		return retryConsume
	}
	return min(m.client.Settings.MetadataMaxAge, time.Minute)
}

// consume is one or more generations with the same subscription.
func (m *members) consume(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if m.regex != nil || len(topics) < len(m.topics) {
		go m.watch(ctx, topics, cancel)
	}
	defer m.client.Until(ctx)()
	err := m.group.Consume(ctx, topics, &handler{m: m})
	if _, ok := errors.AsType[*loopError](err); ok || ctx.Err() == nil {
		return err
	}
	return nil // was interrupted while it waited for other members
}

// subscription lists the topics to consume, in order: those that are there. By
// being asked for, listed ones that are not there may come into being.
func (m *members) subscription() ([]string, error) {
	known, err := m.lookUp()
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	var topics, missing []string
	for _, t := range known {
		switch {
		case t.Err == sarama.ErrNoError || t.Err == sarama.ErrLeaderNotAvailable:
			wanted, err := m.wants(t.Name)
			if err != nil {
				return nil, fmt.Errorf("topics.regex on topic %s: %w", t.Name, err)
			}
			if wanted {
				topics = append(topics, t.Name)
			}
		case m.regex != nil:
		case t.Err == sarama.ErrUnknownTopicOrPartition:
			missing = append(missing, t.Name)
		default:
			return nil, fmt.Errorf("topic %s: %w", t.Name, t.Err)
		}
	}
	slices.Sort(topics)
	m.tellMissing(missing)
	return topics, nil
}

// wants reports whether a topic that is there is one of those to consume.
func (m *members) wants(topic string) (bool, error) {
	if m.regex == nil {
		return true, nil
	}
	if isInternal(topic) {
		return false, nil
	}
	return m.regex.Matches(topic)
}

// isEndless reports that topics.regex does not come to an end, which waiting does not mend.
func isEndless(err error) bool {
	_, ok := errors.AsType[*configdef.EndlessError](err)
	return ok
}

// tellMissing warns of listed topics that are not there.
func (m *members) tellMissing(topics []string) {
	if len(topics) == 0 {
		m.missing.Over()
		return
	}
	slices.Sort(topics)
	m.missing.Log(m.log, slog.LevelWarn, "topics are not consumed yet", fmt.Errorf("%s: %w", strings.Join(topics, ", "), kafka.ErrNoTopic))
}

// isInternal reports whether a pattern must not match a topic
// (exclude.internal.topics).
func isInternal(topic string) bool {
	return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state"
}

// watch ends the session when there are other topics to consume.
func (m *members) watch(ctx context.Context, topics []string, end context.CancelFunc) {
	for sleep(ctx, m.patience(topics)) {
		if now, err := m.subscription(); isEndless(err) || err == nil && !slices.Equal(now, topics) {
			end()
			return
		}
	}
}

// heedErrors logs what goes wrong while consuming. Records that may not be read end the task, as in Java: sarama would ask
// for them for ever.
func (m *members) heedErrors(refuse context.CancelCauseFunc) {
	for err := range m.group.Errors() {
		switch {
		case kafka.IsAuthorization(err) || m.lost(err):
			refuse(err)
		case errors.Is(err, kafka.ErrSessionOver): // it connects anew
		default:
			m.troubled.Log(m.log, slog.LevelWarn, "consumer group", m.client.Settings.Advised(err))
		}
	}
}

// lookUp asks a broker for the listed topics, or for every one that the principal may see.
func (m *members) lookUp() ([]*sarama.TopicMetadata, error) {
	b := m.client.LeastLoadedBroker()
	if b == nil {
		return nil, errors.New("no broker is known")
	}
	var topics []string
	if m.regex == nil {
		topics = m.topics
	}
	rq := sarama.NewMetadataRequest(m.client.Config().Version, topics)
	rq.AllowAutoTopicCreation = m.regex == nil && m.client.Settings.Consumer.AutoCreate
	r, err := b.GetMetadata(rq)
	if err != nil {
		_ = b.Close()                           // after a failed read the connection is of no more use
		_ = m.client.RefreshMetadata(topics...) // gives up brokers that do not answer: the next look asks another
		return nil, err
	}
	return r.Topics, nil
}

// strategies translates partition.assignment.strategy. Cooperative assignment is
// left out: members that offer it offer an eager one as well by default.
func strategies(assignors []string) []sarama.BalanceStrategy {
	var out []sarama.BalanceStrategy
	for _, class := range assignors {
		switch class {
		case "org.apache.kafka.clients.consumer.RangeAssignor":
			out = append(out, sarama.NewBalanceStrategyRange())
		case "org.apache.kafka.clients.consumer.RoundRobinAssignor":
			out = append(out, sarama.NewBalanceStrategyRoundRobin())
		case "org.apache.kafka.clients.consumer.StickyAssignor":
			out = append(out, sarama.NewBalanceStrategySticky())
		}
	}
	if len(out) == 0 {
		out = append(out, sarama.NewBalanceStrategyRange())
	}
	return out
}

// loopError is an error that the loop has seen already.
type loopError struct{ error }

func (e *loopError) Unwrap() error { return e.error }

// ask lets the loop take over or give up a session. The loop always answers: it
// ends after run has.
func (m *members) ask(s *session, assigned bool) error {
	r := request{assigned: assigned, session: s, done: make(chan error, 1)}
	m.requests <- r
	if err := <-r.done; err != nil {
		return &loopError{err}
	}
	return nil
}

// handler implements sarama.ConsumerGroupHandler for one call of Consume.
type handler struct {
	m *members
	s *session
}

// Setup begins a session.
func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	if err := h.m.begin(s); err != nil {
		return err
	}
	h.s = &session{s, map[connect.TopicPartition]*claim{}}
	for topic, partitions := range s.Claims() {
		for _, p := range partitions {
			tp := connect.TopicPartition{Topic: topic, Partition: p}
			h.s.claims[tp] = newClaim(tp)
		}
	}
	h.m.interrupted.Over()
	h.m.troubled.Over()
	h.m.log.Info("partitions were assigned", "partitions", len(h.s.claims), "generation", s.GenerationID())
	return h.m.ask(h.s, true)
}

// Cleanup ends a session, when all claims have. Offsets can still be committed.
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	if h.s == nil {
		return nil // its beginning failed
	}
	return h.m.ask(h.s, false)
}

// ConsumeClaim brings the messages of one partition to the loop, those from
// another offset after a seek.
func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, source sarama.ConsumerGroupClaim) error {
	c := h.s.claims[connect.TopicPartition{Topic: source.Topic(), Partition: source.Partition()}]
	f := &feed{m: h.m, c: c, from: source.Messages()}
	defer f.close()
	return f.run(s.Context())
}

// drain drops messages that nobody sends any more.
func (m *members) drain() {
	for {
		select {
		case <-m.messages:
		default:
			return
		}
	}
}

// commit commits offsets of a session.
func (s *session) commit(offsets map[*claim]int64) {
	if len(offsets) == 0 {
		return
	}
	for c, offset := range offsets {
		if offset < c.committed {
			s.ResetOffset(c.tp.Topic, c.tp.Partition, offset, "")
		} else {
			s.MarkOffset(c.tp.Topic, c.tp.Partition, offset, "")
		}
		c.committed = offset
	}
	s.Commit()
}

// close leaves the group.
func (m *members) close() error { return errors.Join(m.group.Close(), m.client.Close()) }
