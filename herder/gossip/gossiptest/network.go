// Package gossiptest is a network in memory for tests of gossip. Nodes can be cut
// off and killed. It works with testing/synctest.
package gossiptest

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Network joins transports. Its methods may be called from any goroutine.
type Network struct {
	mu    sync.Mutex
	nodes map[string]*Transport // by host:port
	cut   map[string]bool       // neither hears nor is heard
}

// New makes a network without nodes.
func New() *Network { return &Network{nodes: map[string]*Transport{}, cut: map[string]bool{}} }

// Add makes the transport of a node at an address such as 10.0.0.1:7946.
func (n *Network) Add(address string) *Transport {
	t := &Transport{
		net: n, at: netip.MustParseAddrPort(address),
		packets: make(chan *memberlist.Packet, 256), streams: make(chan net.Conn, 16),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[address] = t
	return t
}

// Cut takes a node off the network, Mend puts it back.
func (n *Network) Cut(address string) { n.setCut(address, true) }

// Mend undoes Cut.
func (n *Network) Mend(address string) { n.setCut(address, false) }

func (n *Network) setCut(address string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[address] = cut
}

// find gives the node at an address; nil when it cannot be reached from another.
func (n *Network) find(from, to string) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[from] || n.cut[to] {
		return nil
	}
	return n.nodes[to]
}

// Transport is one node's side of a Network; it implements memberlist.Transport.
type Transport struct {
	net     *Network
	at      netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo delivers a packet, or loses it.
func (t *Transport) WriteTo(b []byte, address string) (time.Time, error) {
	now := time.Now()
	if to := t.net.find(t.at.String(), address); to != nil {
		p := &memberlist.Packet{Buf: append([]byte(nil), b...), From: net.UDPAddrFromAddrPort(t.at), Timestamp: now}
		select {
		case to.packets <- p:
		default:
		}
	}
	return now, nil
}

// PacketCh implements memberlist.Transport.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout implements memberlist.Transport.
func (t *Transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	to := t.net.find(t.at.String(), address)
	if to == nil {
		time.Sleep(timeout)
		return nil, errors.New("no route to " + address)
	}
	here, there := net.Pipe()
	select {
	case to.streams <- named{there, t.at}:
		return named{here, to.at}, nil
	case <-time.After(timeout):
		return nil, errors.New(address + " takes no connection")
	}
}

// named gives a pipe the address of its other end.
type named struct {
	net.Conn
	at netip.AddrPort
}

// RemoteAddr implements net.Conn.
func (c named) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.at) }

// StreamCh implements memberlist.Transport.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown takes the node off the network for good.
func (t *Transport) Shutdown() error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if t.net.nodes[t.at.String()] == t {
		delete(t.net.nodes, t.at.String())
	}
	return nil
}
