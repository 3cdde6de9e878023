package producer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// metadataState says when to ask for leaders and partitions again.
type metadataState struct {
	wanted bool      // before it is due by age
	asking bool      // a refresh is under way
	after  time.Time // no refresh before
	last   time.Time
	failed int // refreshes in a row that left something unknown
}

func (m *metadataState) due(maxAge time.Duration) time.Time {
	if m.wanted {
		return m.after
	}
	return m.last.Add(maxAge)
}

// topicMetadata is the answer for one topic: leaders by partition, or an error.
type topicMetadata struct {
	t       *Topic
	leaders []leader
	err     error
}

type leader struct {
	broker int32 // noBroker when unknown
	addr   string
}

// refresh starts a refresh when one is due.
func (s *sender) refresh(now time.Time) {
	m := &s.meta
	if m.asking || len(s.topics) == 0 || now.Before(m.due(s.cfg.MetadataMaxAge)) {
		return
	}
	m.asking, m.wanted = true, false
	topics := slices.Clone(s.topics)
	client, mail := s.cfg.Client, s.p.mail
	go func() {
		found, err := ask(client, topics)
		mail.post(metadataDone{found, err})
	}()
}

// ask asks a broker about topics. It does so itself, because sarama's own refresh
// holds up an answer until all topics that it was asked for have leaders. When
// the broker does not answer, the client looks for others, for the next time.
func ask(client sarama.Client, topics []*Topic) ([]topicMetadata, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
	}
	b := client.LeastLoadedBroker()
	if b == nil {
		return nil, refreshClient(client, names, errors.New("no broker is known"))
	}
	req := sarama.NewMetadataRequest(client.Config().Version, names)
	req.AllowAutoTopicCreation = client.Config().Metadata.AllowAutoTopicCreation
	r, err := b.GetMetadata(req)
	if err == nil && len(r.Brokers) == 0 {
		err = errors.New("the answer names no brokers")
	}
	if err != nil {
		_ = b.Close()
		return nil, refreshClient(client, names, fmt.Errorf("asking broker %s: %w", b.Addr(), err))
	}
	return readMetadata(r, topics), nil
}

func refreshClient(client sarama.Client, names []string, err error) error {
	if e := client.RefreshMetadata(names...); errors.Is(e, sarama.ErrClosedClient) || kafka.IsAuthentication(e) {
		return e
	}
	return err
}

func readMetadata(r *sarama.MetadataResponse, topics []*Topic) []topicMetadata {
	addrs := map[int32]string{}
	for _, b := range r.Brokers {
		addrs[b.ID()] = b.Addr()
	}
	byName := map[string]*sarama.TopicMetadata{}
	for _, t := range r.Topics {
		byName[t.Name] = t
	}
	found := make([]topicMetadata, len(topics))
	for i, t := range topics {
		found[i] = topicMetadata{t: t, err: sarama.ErrUnknownTopicOrPartition}
		if m := byName[t.name]; m != nil {
			found[i].leaders, found[i].err = leaders(m, addrs)
		}
	}
	return found
}

// leaders lists a topic's leaders by partition. Partitions without one are there,
// so that keys find their partition in any case.
func leaders(m *sarama.TopicMetadata, addrs map[int32]string) ([]leader, error) {
	if m.Err != sarama.ErrNoError {
		return nil, m.Err
	}
	out := make([]leader, len(m.Partitions))
	seen := make([]bool, len(out))
	for _, p := range m.Partitions {
		if p.ID < 0 || int(p.ID) >= len(out) || seen[p.ID] {
			return nil, fmt.Errorf("the cluster lists %d partitions of topic %s, partition %d among them", len(out), m.Name, p.ID)
		}
		seen[p.ID] = true
		out[p.ID].broker = noBroker
		if addr := addrs[p.Leader]; addr != "" {
			out[p.ID] = leader{p.Leader, addr}
		}
	}
	return out, nil
}

func (s *sender) onMetadata(e metadataDone) {
	now := time.Now()
	m := &s.meta
	m.asking, m.last = false, now
	missing := e.err
	if missing != nil {
		missing = s.cfg.Advised(missing)
	}
	if kafka.IsAuthentication(missing) {
		s.fail(missing)
		return
	}
	for _, f := range e.topics {
		if err := s.update(f); err != nil {
			missing = err
		}
	}
	s.placeLeaderless()
	if missing == nil && len(s.leaderless) == 0 {
		m.failed = 0
		return
	}
	m.failed++
	m.wanted = true
	first, quiet := s.cfg.RetryBackoff, 1
	if e.err == nil {
		first, quiet = min(first, firstLook), 4
	}
	m.after = now.Add(backoff(first, s.cfg.RetryBackoffMax, m.failed))
	if m.failed&(m.failed-1) == 0 && m.failed > quiet {
		s.log.Warn("waiting for topics or leaders of partitions", "partitions", len(s.leaderless), "attempts", m.failed, "error", missing)
	}
}

// firstLook is the first wait for a topic or leader that a broker does not know of
// yet. A topic that was just created is there within milliseconds; the waits double.
const firstLook = 5 * time.Millisecond

// placeLeaderless schedules anew the partitions that had no leader.
func (s *sender) placeLeaderless() {
	waiting := s.leaderless
	s.leaderless = nil
	for _, p := range waiting {
		p.queued = false
		s.schedule(p)
	}
}

// update takes over what was found about a topic. The error says that something
// is missing yet.
func (s *sender) update(f topicMetadata) error {
	t := f.t
	if !slices.Contains(s.topics, t) {
		return nil // nobody waits for it any more
	}
	opened := t.parts.Load() != nil
	if f.err != nil {
		if !opened && isHopeless(f.err) {
			t.failed = fmt.Errorf("finding the partitions of topic %s: %w", t.name, f.err)
			if errors.Is(f.err, sarama.ErrTopicAuthorizationFailed) {
				t.failed = fmt.Errorf("%w (%s needs DESCRIBE on the topic, and CREATE if it does not exist)", t.failed, cmp.Or(s.cfg.User, "the producer's user"))
			}
			s.dropTopic(t)
			close(t.ready)
			return nil
		}
		return f.err
	}
	for len(t.known) < len(f.leaders) {
		t.known = append(t.known, &partition{topic: t, id: int32(len(t.known)), leader: noBroker})
	}
	for i, l := range f.leaders {
		s.setLeader(t.known[i], l)
	}
	if len(f.leaders) == 0 {
		return fmt.Errorf("topic %s has no partitions yet", t.name)
	}
	parts := slices.Clone(t.known[:len(f.leaders)]) // fewer than before when the topic was made anew
	t.parts.Store(&parts)
	if !opened {
		close(t.ready)
	}
	return nil
}

// dropTopic forgets a topic that was never opened.
func (s *sender) dropTopic(t *Topic) {
	s.topics = slices.DeleteFunc(s.topics, func(o *Topic) bool { return o == t })
}

func (s *sender) setLeader(p *partition, l leader) {
	if l.broker == noBroker {
		return
	}
	p.leader = l.broker
	b := s.brokers[l.broker]
	if b == nil {
		b = &broker{id: l.broker, addr: l.addr}
		s.brokers[l.broker] = b
	}
	b.addr = l.addr // the next connection goes there
}

// lostLeader notes that a partition's leader is not what it was taken for. The
// old one stays until metadata names another: it may be the leader again.
func (s *sender) lostLeader(p *partition) { s.meta.wanted = true }

// isHopeless reports whether asking again for a topic is of no use.
func isHopeless(err error) bool {
	return errors.Is(err, sarama.ErrInvalidTopic) || errors.Is(err, sarama.ErrTopicAuthorizationFailed)
}
