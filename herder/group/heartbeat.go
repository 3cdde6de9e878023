package group

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const protocolType = "connect"

// heartbeat keeps the session alive. It goes on while a join waits for other
// members, which the coordinator answers with "rebalance in progress": so a
// coordinator that died silently is noticed within a session.
func (m *Member) heartbeat() {
	m.expire()
	if m.link == nil || m.generation < 0 || m.beating {
		return
	}
	l, gen, sent := m.link, m.generation, time.Now()
	req := &sarama.HeartbeatRequest{Version: 4, GroupId: m.cfg.Group, MemberId: m.id, GenerationId: gen}
	m.beating = true
	go func() {
		resp, err := l.beats.Heartbeat(req)
		m.report(reply{0, func() {
			m.beating = false
			if l == m.link {
				m.beaten(gen, sent, resp, err)
			}
		}})
	}()
}

func (m *Member) beaten(gen int32, sent time.Time, resp *sarama.HeartbeatResponse, err error) {
	if err != nil {
		m.lostLink(fmt.Errorf("heartbeat failed: %w", err))
		return
	}
	if moved(resp.Err) {
		m.lostLink(resp.Err)
		return
	}
	if gen != m.generation || m.busy == "join" || m.busy == "sync" {
		m.contact = sent // an answer to an earlier round
		return
	}
	switch resp.Err {
	case sarama.ErrNoError:
		m.contact = sent
	case sarama.ErrRebalanceInProgress:
		m.contact = sent
		m.again("the group rebalances")
	case sarama.ErrUnknownMemberId:
		m.id, m.generation = "", -1
		m.again("the coordinator does not know this member any more")
	case sarama.ErrIllegalGeneration:
		m.generation = -1
		m.again("the group went on without this member")
	case sarama.ErrOffsetsLoadInProgress:
	default:
		m.cfg.Events(Problem{fmt.Errorf("heartbeat in the worker group %q: %w", m.cfg.Group, resp.Err)})
	}
}

// lostLink looks for the coordinator again. A join that was under way is
// repeated; a sync is not, since only the owner knows what to bring.
func (m *Member) lostLink(reason error) {
	wasSyncing := m.busy == "sync"
	m.drop()
	if wasSyncing {
		m.again(reason.Error())
	}
	m.later(m.explained(reason))
}

// limit is how long the coordinator may be out of reach: a session. One that has
// forgotten this member may keep a new join waiting for as long as a rebalance
// may take.
func (m *Member) limit() time.Duration {
	if m.generation < 0 && m.busy == "join" {
		return m.cfg.SessionTimeout + m.cfg.RebalanceTimeout
	}
	return m.cfg.SessionTimeout
}

// untilExpiry is the time until expire has something to tell.
func (m *Member) untilExpiry() time.Duration {
	if !m.working {
		return m.cfg.SessionTimeout
	}
	return max(time.Until(m.contact.Add(m.limit())), 0)
}

// expire tells the owner when the coordinator was out of reach for too long: by
// then, and no later, it gives the work to others.
func (m *Member) expire() {
	limit := m.limit()
	if !m.working || time.Since(m.contact) < limit {
		return
	}
	m.drop()
	m.id, m.generation, m.standing, m.told, m.working = "", -1, nil, true, false
	m.retry.Reset(m.cfg.RetryBackoff)
	m.cfg.Events(Lost{fmt.Sprintf("the group coordinator was out of reach for %v", limit)})
}

// leave tells the coordinator, so that it need not wait for the session to end.
func (m *Member) leave(reason string) {
	defer m.drop()
	if m.link == nil || m.id == "" {
		return
	}
	req := &sarama.LeaveGroupRequest{
		Version: 5, GroupId: m.cfg.Group, MemberId: m.id,
		Members: []sarama.MemberIdentity{{MemberId: m.id, Reason: &reason}},
	}
	resp, err := m.link.beats.LeaveGroup(req)
	if err == nil && resp.Err != sarama.ErrNoError {
		err = resp.Err
	}
	if err != nil {
		m.log.Warn("leaving the worker group failed, its session will run out", "error", err)
	}
}

func applicants(members []sarama.GroupMember) []Applicant {
	out := make([]Applicant, len(members))
	for i, gm := range members {
		md, err := DecodeMetadata(gm.Metadata)
		out[i] = Applicant{ID: gm.MemberId, Metadata: md, Err: err}
	}
	slices.SortFunc(out, func(a, b Applicant) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// link is two connections to the coordinator: sarama holds a connection's lock
// until the answer is there, and a join is answered only when all members have
// joined, so heartbeats need a connection of their own.
type link struct {
	rounds, beats *sarama.Broker
}

func dial(cfg Config) (*link, error) {
	if err := cfg.Client.RefreshCoordinator(cfg.Group); err != nil {
		return nil, err
	}
	at, err := cfg.Client.Coordinator(cfg.Group)
	if err != nil {
		return nil, err
	}
	rounds, err := open(cfg, at.Addr(), cfg.RebalanceTimeout+30*time.Second)
	if err != nil {
		return nil, err
	}
	beats, err := open(cfg, at.Addr(), cfg.SessionTimeout)
	if err != nil {
		go rounds.Close()
		return nil, err
	}
	return &link{rounds, beats}, nil
}

// open dials a connection that waits longer for answers than clients usually do.
func open(cfg Config, addr string, timeout time.Duration) (*sarama.Broker, error) {
	conf := *cfg.Client.Config()
	conf.Net.ReadTimeout = timeout
	b := sarama.NewBroker(addr)
	if err := b.Open(&conf); err != nil {
		return nil, err
	}
	if _, err := b.Connected(); err != nil {
		return nil, err
	}
	return b, nil
}

// close does not wait: a connection with a call under way closes after it.
func (l *link) close() {
	go l.rounds.Close()
	go l.beats.Close()
}
