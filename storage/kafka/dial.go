package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// dial connects and makes TLS, if there is a configuration for it, in the time that the dialer has.
func dial(ctx context.Context, d *net.Dialer, cfg *tls.Config, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return withTLS(ctx, conn, cfg, addr)
}

// withTLS makes TLS on a connection to addr, which it closes when that fails;
// without a configuration it does nothing.
func withTLS(ctx context.Context, conn net.Conn, cfg *tls.Config, addr string) (net.Conn, error) {
	if cfg == nil {
		return conn, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	t := tls.Client(conn, forHost(cfg, host))
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return t, nil
}

const loginPause = time.Second

// loginPauses leave a broker alone for a second after a login that failed: brokers of
// MSK admit only a few new connections each second, and what was refused is refused
// again until somebody mends it. The zero value is ready.
type loginPauses struct {
	mu     sync.Mutex
	failed map[string]time.Time // by address: the last login that failed
}

// wait returns when the next login to the address may be tried.
func (p *loginPauses) wait(addr string) {
	p.mu.Lock()
	pause := time.Until(p.failed[addr].Add(loginPause))
	p.mu.Unlock()
	time.Sleep(pause)
}

// heard says how a login has ended.
func (p *loginPauses) heard(addr string, good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if good {
		delete(p.failed, addr)
		return
	}
	if p.failed == nil {
		p.failed = map[string]time.Time{}
	}
	p.failed[addr] = time.Now()
}
