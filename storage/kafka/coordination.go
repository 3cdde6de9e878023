package kafka

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Coordination is a client for a member of a consumer group. Like Java's, it
// talks to the group's coordinator on a connection of its own, where the answer
// to a JoinGroup may take as long as a rebalance (AbstractCoordinator's
// joinGroupTimeoutMs) and any other request.timeout.ms, as on all connections:
// a coordinator that does not answer heartbeats or commits is noticed by then.
type Coordination struct {
	*Client
	group string
	conf  *sarama.Config
	extra time.Duration // that a JoinGroup may take beyond request.timeout.ms

	brokers sync.Mutex
	broker  *sarama.Broker
	closed  bool

	waits sync.Mutex // never held while a broker's methods are called
	conn  *patient   // on which an answer waits for other members, or nil
	more  time.Duration
	until context.Context
	probe *time.Timer // looks whether the coordinator is still the one that was asked
}

var _ sarama.Client = (*Coordination)(nil)

// joinLapse is Java's JOIN_GROUP_TIMEOUT_LAPSE.
const joinLapse = 5 * time.Second

// Coordinate makes the client of a member. Close ends its own connection; the
// client remains.
func (c *Client) Coordinate(group string) *Coordination {
	conf := *c.Config()
	d := &Coordination{
		Client: c, group: group, conf: &conf, until: context.Background(),
		extra: max(c.Settings.Consumer.MaxPollInterval+joinLapse-c.Settings.RequestTimeout, 0),
	}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, &patientDialer{d, c.Config()}
	return d
}

// Until ends waits for other members, in JoinGroup and SyncGroup, when ctx ends:
// sarama heeds no context meanwhile. stop takes that back.
func (d *Coordination) Until(ctx context.Context) (stop func()) {
	d.waits.Lock()
	d.until = ctx
	d.waits.Unlock()
	end := context.AfterFunc(ctx, d.cut)
	return func() { end() }
}

// Coordinator connects to the group's coordinator.
func (d *Coordination) Coordinator(group string) (*sarama.Broker, error) {
	known, err := d.Client.Coordinator(group)
	if err != nil {
		return nil, err
	}
	d.brokers.Lock()
	defer d.brokers.Unlock()
	if d.closed {
		return nil, sarama.ErrClosedClient
	}
	if d.broker != nil && d.broker.Addr() != known.Addr() {
		go closeBroker(d.broker) // may wait for an answer
		d.broker = nil
	}
	if d.broker == nil {
		d.broker = sarama.NewBroker(known.Addr())
	}
	_ = d.broker.Open(d.conf) // is open already, or fails at the first request
	return d.broker, nil
}

// Close ends the connection to the coordinator, and what waits on it. The error
// is nil.
func (d *Coordination) Close() error {
	d.cut()
	d.brokers.Lock()
	defer d.brokers.Unlock()
	d.closed = true
	if d.broker != nil {
		go closeBroker(d.broker)
	}
	return nil
}

func closeBroker(b *sarama.Broker) { _ = b.Close() }

// cut ends a wait for other members.
func (d *Coordination) cut() {
	d.waits.Lock()
	defer d.waits.Unlock()
	if d.conn != nil {
		_ = d.conn.Conn.SetReadDeadline(time.Now())
	}
}

// begin notes a request that is sent on a connection.
func (d *Coordination) begin(p *patient, api uint16) {
	d.waits.Lock()
	defer d.waits.Unlock()
	if d.probe != nil {
		d.probe.Stop()
	}
	d.conn, d.more = nil, 0
	switch api {
	case joinGroup:
		d.conn, d.more = p, d.extra
		d.probe = time.AfterFunc(d.Settings.RequestTimeout, func() { d.look(p) })
	case syncGroup:
		d.conn = p
	}
}

// look ends a join that waits for a broker that the cluster does not take for
// the coordinator any more: it died without closing its connections.
func (d *Coordination) look(p *patient) {
	moved := false
	if err := d.RefreshCoordinator(d.group); err == nil {
		now, err := d.Client.Coordinator(d.group)
		moved = err == nil && now.Addr() != p.addr
	}
	d.waits.Lock()
	defer d.waits.Unlock()
	switch {
	case d.conn != p || d.more == 0:
	case moved:
		_ = p.Conn.SetReadDeadline(time.Now())
	default:
		d.probe.Reset(d.Settings.RequestTimeout)
	}
}

// deadline is when the wait for an answer ends.
func (d *Coordination) deadline(p *patient, t time.Time) time.Time {
	switch {
	case d.conn != p:
		return t
	case d.until.Err() != nil:
		return time.Now()
	}
	return t.Add(d.more)
}

// patient is a connection to a coordinator. It sees what sarama writes, each
// request by one Write, and how long it wants to wait for the answer.
type patient struct {
	net.Conn
	d    *Coordination
	addr string
}

const joinGroup, syncGroup = 11, 14 // keys of their APIs

func (p *patient) Write(b []byte) (int, error) {
	const key = 4 // stands behind the size
	if len(b) >= key+2 {
		p.d.begin(p, binary.BigEndian.Uint16(b[key:]))
	}
	return p.Conn.Write(b)
}

func (p *patient) SetReadDeadline(t time.Time) error {
	p.d.waits.Lock()
	defer p.d.waits.Unlock()
	return p.Conn.SetReadDeadline(p.d.deadline(p, t))
}

func (p *patient) Close() error {
	p.d.waits.Lock()
	if p.d.conn == p {
		p.d.conn = nil
	}
	p.d.waits.Unlock()
	return p.Conn.Close()
}

// patientDialer connects as the client does and makes TLS, so that requests can
// be seen.
type patientDialer struct {
	d    *Coordination
	conf *sarama.Config // the client's
}

// Dial implements proxy.Dialer.
func (p *patientDialer) Dial(network, addr string) (net.Conn, error) {
	conn, err := p.connect(network, addr)
	if err != nil {
		return nil, err
	}
	return &patient{Conn: conn, d: p.d, addr: addr}, nil
}

func (p *patientDialer) connect(network, addr string) (net.Conn, error) {
	c := &p.conf.Net
	if c.Proxy.Enable { // makes TLS itself
		return c.Proxy.Dialer.Dial(network, addr)
	}
	plain := net.Dialer{Timeout: c.DialTimeout, KeepAlive: c.KeepAlive, LocalAddr: c.LocalAddr}
	return plain.Dial(network, addr)
}
