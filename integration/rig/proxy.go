package rig

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// Proxy passes connections on to a server until it is cut. What is sent while it is cut arrives once it is healed, as on
// a network that repeats what got lost.
type Proxy struct {
	Port int

	listener net.Listener

	mu     sync.Mutex
	target string
	open   chan struct{} // closed while bytes flow
	conns  map[net.Conn]bool
	ended  bool
	rate   float64 // bytes per second towards the server; 0 for no limit
	next   time.Time
}

// NewProxy starts a proxy of a port of its own; Connect tells it where to.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	port, err := peer.FreePort()
	check(t, err)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	check(t, err)
	p := &Proxy{Port: port, listener: l, open: make(chan struct{}), conns: make(map[net.Conn]bool)}
	close(p.open)
	go p.accept()
	t.Cleanup(p.close)
	return p
}

// Address is where clients connect to.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Addr is Address as net's type.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// Connect names the server for connections to come.
func (p *Proxy) Connect(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Cut stops all bytes, of new connections too, and closes nothing.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
}

// Heal lets bytes flow again.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// Throttle lets so many bytes per second through to the server, over all connections; 0 is no limit.
func (p *Proxy) Throttle(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.next = float64(bytesPerSecond), time.Now()
}

// toll waits until n more bytes may pass.
func (p *Proxy) toll(n int) {
	p.mu.Lock()
	var pause time.Duration
	if now := time.Now(); p.rate > 0 {
		if p.next.Before(now) {
			p.next = now
		}
		p.next = p.next.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
		pause = p.next.Sub(now)
	}
	p.mu.Unlock()
	time.Sleep(pause)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	p.wait()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			p.pass(way[0], way[1], way[0] == client)
			// One end has gone: so does the other, whichever noticed it.
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
}

func (p *Proxy) pass(from io.Reader, to io.Writer, up bool) {
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		p.wait()
		if up {
			p.toll(n)
		}
		if _, werr := to.Write(chunk[:n]); err != nil || werr != nil {
			return
		}
	}
}

func (p *Proxy) wait() {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	<-open
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.ended = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.Heal()
}
