package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
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
