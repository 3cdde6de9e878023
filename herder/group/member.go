package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// Config of a Member. Durations of 0 mean Connect's defaults.
type Config struct {
	Client   sarama.Client // finds the coordinator; the member dials connections of its own
	Group    string        // group.id
	URL      string        // advertised address of this worker's REST API, ending in /
	Protocol Protocol      // connect.protocol: the best to offer

	SessionTimeout    time.Duration // session.timeout.ms, 10 s
	RebalanceTimeout  time.Duration // rebalance.timeout.ms, 60 s
	HeartbeatInterval time.Duration // heartbeat.interval.ms, 3 s
	RetryBackoff      time.Duration // retry.backoff.ms, 100 ms; doubled up to RetryBackoffMax
	RetryBackoffMax   time.Duration // retry.backoff.max.ms, 1 s

	// Events takes what happens, in order, from the member's goroutine. It must
	// not wait for the member.
	Events func(Event)
	Logger *slog.Logger
}

// Event is something that happened in the group: an Elected, Assigned,
// Rebalance, Lost or Problem.
type Event interface{ groupEvent() }

// Elected asks the owner to divide the work of the group and to call Sync.
type Elected struct {
	Leader     string // member id of this worker
	Generation int32
	Protocol   Protocol
	Members    []Applicant // by member id
}

// Applicant is a member with what it told the leader. Err says why its
// metadata could not be read: such a member gets no work.
type Applicant struct {
	ID string
	Metadata
	Err error
}

// Assigned is the end of a round. The protocol is that which the group uses.
type Assigned struct {
	Member     string // member id of this worker
	Generation int32
	Protocol   Protocol
	Assignment Assignment
}

// Rebalance asks the owner to call Join again. Failed says that a round ended
// without an assignment, so that a Join that led to it counts for nothing;
// otherwise one that is on its way will do.
type Rebalance struct {
	Reason string
	Failed bool
}

// Lost says that the coordinator was out of reach for a whole session.
type Lost struct{ Reason string }

// Problem is a failure that needs a person, such as missing rights. The member
// goes on trying.
type Problem struct{ Err error }

func (Elected) groupEvent()   {}
func (Assigned) groupEvent()  {}
func (Rebalance) groupEvent() {}
func (Lost) groupEvent()      {}
func (Problem) groupEvent()   {}

// Standing is what a member brings to a round.
type Standing struct {
	Offset  int64       // position in the config topic; -1 for none
	Current *Assignment // work held; nil for none
}

// Member keeps a worker in its group. One goroutine, that of Run, owns all
// state; calls to Kafka run in short-lived goroutines that report back to it.
// The other methods only leave a message and may be called from anywhere.
type Member struct {
	cfg      Config
	commands chan any
	done     chan reply // ends of calls to Kafka
	stopped  chan struct{}
	log      *slog.Logger

	// Owned by Run.
	link       *link
	call       uint64 // number of the newest join, sync or connect call
	busy       string // what that call does; "" when none is under way
	beating    bool   // a heartbeat is under way
	standing   *Standing
	id         string
	generation int32 // -1 when not in the group
	protocol   Protocol
	told       bool      // Rebalance was sent for this generation
	assigned   bool      // Assigned was sent for this generation
	working    bool      // an assignment was given and not lost since
	contact    time.Time // when the coordinator last took us for a member
	backoff    time.Duration
	retry      *time.Timer
	expiry     *time.Timer // runs out when the session may have
	waiting    kafka.Repeats
}

// reply is the end of a call. then runs on the owner's goroutine.
type reply struct {
	call uint64 // 0 for a heartbeat
	then func()
}

// New returns a member that does nothing until Run.
func New(cfg Config) *Member {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.SessionTimeout, 10*time.Second)
	def(&cfg.RebalanceTimeout, time.Minute)
	def(&cfg.HeartbeatInterval, 3*time.Second)
	def(&cfg.RetryBackoff, 100*time.Millisecond)
	def(&cfg.RetryBackoffMax, time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Member{
		cfg: cfg, commands: make(chan any, 16), done: make(chan reply), stopped: make(chan struct{}),
		log: cfg.Logger.With("group", cfg.Group), generation: -1,
	}
}

type syncCommand struct {
	generation  int32
	assignments map[string]Assignment
}

// Join enters the group or the next round of it. While a round is under way it
// only changes what a retry will bring.
func (m *Member) Join(s Standing) { m.tell(s) }

// Sync gives the leader's assignments, one for each member. Those of an
// outdated generation are dropped.
func (m *Member) Sync(generation int32, assignments map[string]Assignment) {
	m.tell(syncCommand{generation, assignments})
}

// Leave leaves the group until the next Join.
func (m *Member) Leave(reason string) { m.tell(leaveCommand(reason)) }

type leaveCommand string

func (m *Member) tell(command any) {
	select {
	case m.commands <- command:
	case <-m.stopped:
	}
}

func (m *Member) report(r reply) {
	select {
	case m.done <- r:
	case <-m.stopped:
	}
}

// Run serves until ctx ends, then leaves the group. It dials the coordinator
// and takes a member id at once, before the first Join.
func (m *Member) Run(ctx context.Context) {
	defer close(m.stopped)
	beat := time.NewTicker(m.cfg.HeartbeatInterval)
	defer beat.Stop()
	m.retry = time.NewTimer(0)
	defer m.retry.Stop()
	m.expiry = time.NewTimer(m.cfg.SessionTimeout)
	defer m.expiry.Stop()
	for {
		m.expiry.Reset(m.untilExpiry())
		select {
		case <-ctx.Done():
			m.leave("the worker is shutting down")
			return
		case c := <-m.commands:
			m.command(c)
		case r := <-m.done:
			if r.call == 0 || r.call == m.call {
				r.then()
			}
		case <-beat.C:
			m.heartbeat()
		case <-m.expiry.C:
			m.expire()
		case <-m.retry.C:
			m.advance()
		}
	}
}

func (m *Member) command(c any) {
	switch c := c.(type) {
	case Standing:
		m.standing = &c
		m.advance()
	case leaveCommand:
		m.leave(string(c))
		m.id, m.generation, m.standing, m.told, m.working = "", -1, nil, true, false
	case syncCommand:
		switch {
		case c.generation != m.generation: // the owner has been told
		case m.link == nil || m.busy != "":
			m.again("the coordinator moved during the round")
		default:
			m.sync(c.assignments)
		}
	}
}

// advance takes the next step towards membership unless one is under way.
func (m *Member) advance() {
	switch {
	case m.busy != "":
	case m.link == nil:
		m.connect()
	case m.id == "" || m.standing != nil:
		m.join()
	}
}

// start runs work in a goroutine and what it returns on the owner's.
func (m *Member) start(what string, work func() func()) {
	m.call++
	m.busy = what
	n := m.call
	go func() {
		then := work()
		m.report(reply{n, func() { m.busy = ""; then() }})
	}()
}

func (m *Member) connect() {
	m.start("connect", func() func() {
		l, err := dial(m.cfg)
		return func() {
			if err != nil {
				m.later(fmt.Errorf("connecting to the group coordinator: %w", m.explained(err)))
				return
			}
			m.link = l
			m.advance()
		}
	})
}

// later retries after a growing pause.
func (m *Member) later(err error) {
	m.backoff = min(max(2*m.backoff, m.cfg.RetryBackoff), m.cfg.RetryBackoffMax)
	if !errors.Is(err, kafka.ErrSessionOver) { // then a new connection is all that it takes
		m.waiting.Log(m.log, slog.LevelWarn, "not in the worker group yet, will retry", err)
	}
	m.retry.Reset(m.backoff)
	m.expire()
}

// explained adds to a refusal which right is missing, or what to look at.
func (m *Member) explained(err error) error {
	if c, ok := m.cfg.Client.(*kafka.Client); ok {
		return c.Settings.Needs(c.Settings.Advised(err), "READ on the group "+m.cfg.Group+" (group.id)")
	}
	return err
}

// drop closes the connections; a call under way ends unheard.
func (m *Member) drop() {
	if m.link != nil {
		m.link.close()
		m.link = nil
	}
	m.call++
	m.busy = ""
}

func (m *Member) join() {
	s := Standing{Offset: -1}
	if m.standing != nil {
		s = *m.standing
	}
	req := m.joinRequest(s)
	l := m.link
	m.start("join", func() func() {
		resp, err := l.rounds.JoinGroup(req)
		return func() { m.joined(resp, err) }
	})
}

func (m *Member) joinRequest(s Standing) *sarama.JoinGroupRequest {
	req := sarama.NewJoinGroupRequest(m.cfg.Client.Config().Version)
	req.GroupId, req.MemberId, req.ProtocolType = m.cfg.Group, m.id, protocolType
	req.SessionTimeout = int32(m.cfg.SessionTimeout.Milliseconds())
	req.RebalanceTimeout = int32(m.cfg.RebalanceTimeout.Milliseconds())
	for _, p := range m.cfg.Protocol.offered() {
		md := Metadata{Protocol: p, URL: m.cfg.URL, Offset: s.Offset, Current: s.Current}
		req.OrderedGroupProtocols = append(req.OrderedGroupProtocols, &sarama.GroupProtocol{
			Name: p.name(), Metadata: AppendMetadata(nil, md),
		})
	}
	return req
}

func (m *Member) joined(resp *sarama.JoinGroupResponse, err error) {
	if err != nil {
		m.drop()
		m.later(fmt.Errorf("joining: %w", err))
		return
	}
	switch resp.Err {
	case sarama.ErrNoError:
		m.enter(resp)
	case sarama.ErrMemberIdRequired:
		m.id = resp.MemberId
		m.advance() // with the id, if somebody has called Join
	case sarama.ErrUnknownMemberId:
		m.id, m.generation = "", -1
		m.advance()
	case sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
		m.drop()
		m.later(fmt.Errorf("joining: %w", resp.Err))
	case sarama.ErrRebalanceInProgress, sarama.ErrOffsetsLoadInProgress:
		m.later(fmt.Errorf("joining: %w", resp.Err))
	default:
		err := m.explained(resp.Err)
		m.cfg.Events(Problem{fmt.Errorf("joining the worker group %q: %w", m.cfg.Group, err)})
		m.later(fmt.Errorf("joining: %w", err))
	}
}

// enter goes on after a successful join: the leader waits for Sync, others sync.
func (m *Member) enter(resp *sarama.JoinGroupResponse) {
	p, err := protocolNamed(resp.GroupProtocol)
	if err != nil {
		m.cfg.Events(Problem{err})
		m.later(err)
		return
	}
	m.id, m.generation, m.protocol = resp.MemberId, resp.GenerationId, p
	m.standing, m.told, m.assigned, m.backoff, m.contact = nil, false, false, 0, time.Now()
	if resp.LeaderId != resp.MemberId {
		m.sync(nil)
		return
	}
	m.cfg.Events(Elected{Leader: m.id, Generation: m.generation, Protocol: p, Members: applicants(resp.Members)})
}

func (m *Member) sync(assignments map[string]Assignment) {
	kind, name := protocolType, m.protocol.name()
	req := &sarama.SyncGroupRequest{
		Version: 5, GroupId: m.cfg.Group, MemberId: m.id, GenerationId: m.generation,
		ProtocolType: &kind, ProtocolName: &name,
	}
	for id, a := range assignments {
		a.Protocol = m.protocol
		req.GroupAssignments = append(req.GroupAssignments, sarama.SyncGroupRequestAssignment{
			MemberId: id, Assignment: AppendAssignment(nil, a),
		})
	}
	l := m.link
	m.start("sync", func() func() {
		resp, err := l.rounds.SyncGroup(req)
		return func() { m.synced(resp, err) }
	})
}

func (m *Member) synced(resp *sarama.SyncGroupResponse, err error) {
	if err != nil {
		m.drop()
		m.again(fmt.Sprintf("syncing failed: %v", err))
		return
	}
	switch resp.Err {
	case sarama.ErrNoError:
	case sarama.ErrUnknownMemberId:
		m.id = ""
		fallthrough
	case sarama.ErrIllegalGeneration:
		m.generation = -1
		fallthrough
	default:
		if moved(resp.Err) {
			m.drop()
		}
		m.again(resp.Err.Error())
		return
	}
	a, err := DecodeAssignment(resp.MemberAssignment)
	if err != nil {
		m.cfg.Events(Problem{fmt.Errorf("reading what the leader of the worker group %q assigned: %w", m.cfg.Group, err)})
		m.again(err.Error())
		return
	}
	m.contact, m.working, m.assigned = time.Now(), true, true
	// A Join that came meanwhile does not know of this assignment. If the group
	// rebalances already, the next heartbeat says so again.
	m.standing, m.told = nil, false
	m.cfg.Events(Assigned{Member: m.id, Generation: m.generation, Protocol: m.protocol, Assignment: a})
}

// again asks the owner to join, once per generation.
func (m *Member) again(reason string) {
	if m.told {
		return
	}
	m.told = true
	m.cfg.Events(Rebalance{Reason: reason, Failed: !m.assigned})
}

func moved(err error) bool {
	return errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable)
}
