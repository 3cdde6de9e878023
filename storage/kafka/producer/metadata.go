package producer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
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

// ask refreshes the client's metadata and reads what it has about topics.
func ask(client sarama.Client, topics []*Topic) ([]topicMetadata, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
	}
	err := client.RefreshMetadata(names...)
	if errors.Is(err, sarama.ErrOutOfBrokers) || errors.Is(err, sarama.ErrClosedClient) {
		return nil, err
	}
	found := make([]topicMetadata, len(topics))
	for i, t := range topics {
		found[i] = topicMetadata{t: t}
		found[i].leaders, found[i].err = leaders(client, t.name)
	}
	return found, nil
}

func leaders(client sarama.Client, topic string) ([]leader, error) {
	ids, err := client.Partitions(topic)
	if err != nil {
		return nil, err
	}
	out := make([]leader, len(ids))
	for i, id := range ids {
		if int(id) != i {
			return nil, fmt.Errorf("the cluster lists partition %d of topic %s, but not those before it", id, topic)
		}
		out[i].broker = noBroker
		if b, err := client.Leader(topic, id); err == nil {
			out[i] = leader{b.ID(), b.Addr()}
		}
	}
	return out, nil
}

func (s *sender) onMetadata(e metadataDone) {
	now := time.Now()
	m := &s.meta
	m.asking, m.last = false, now
	missing := e.err
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
	m.after = now.Add(backoff(s.cfg.RetryBackoff, s.cfg.RetryBackoffMax, m.failed))
	if m.failed&(m.failed-1) == 0 && m.failed > 1 {
		s.log.Warn("waiting for leaders of partitions", "partitions", len(s.leaderless), "attempts", m.failed, "error", missing)
	}
}

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
	opened := t.parts.Load() != nil
	if f.err != nil {
		if !opened && isHopeless(f.err) {
			t.failed = fmt.Errorf("finding the partitions of topic %s: %w", t.name, f.err)
			s.topics = slices.DeleteFunc(s.topics, func(o *Topic) bool { return o == t })
			close(t.ready)
			return nil
		}
		return f.err
	}
	parts := slices.Clone(t.partitions())
	for len(parts) < len(f.leaders) {
		parts = append(parts, &partition{topic: t, id: int32(len(parts)), leader: noBroker})
	}
	for n := len(parts); n > len(f.leaders) && parts[n-1].unused(); n-- {
		parts = parts[:n-1] // the topic was made anew
	}
	for i, l := range f.leaders {
		s.setLeader(parts[i], l)
	}
	if len(parts) == 0 {
		return fmt.Errorf("topic %s has no partitions yet", t.name)
	}
	t.parts.Store(&parts)
	if !opened {
		close(t.ready)
	}
	return nil
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

func isAuthentication(err error) bool {
	return errors.Is(err, sarama.ErrSASLAuthenticationFailed) || errors.Is(err, sarama.ErrUnsupportedSASLMechanism)
}
