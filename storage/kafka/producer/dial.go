package producer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/storage/kafka"
)

// link is an authenticated connection to a broker. sarama dialled it, and goes
// on holding it without using it.
type link struct {
	net.Conn
	broker  *sarama.Broker
	version int16     // of Produce
	until   time.Time // when another one must be made; zero for never
}

// dial lets sarama open a connection, so that all its ways to authenticate work
// here too, and keeps the connection itself, which sarama does not give away: it
// asks the dialler for it. TLS is made below the dialler (kafka.Settings.Sarama), because
// sarama would wrap the connection where nobody else sees it. Before SASL's session lifetime
// (connections.max.reauth.ms) is over the connection ends; the next one authenticates anew.
func dial(ctx context.Context, conf *sarama.Config, addr string) (*link, error) {
	c := *conf
	d := &captureDialer{ctx: ctx, under: conf}
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, d
	b := sarama.NewBroker(addr)
	stop := context.AfterFunc(ctx, d.abort)
	defer stop()
	if err := b.Open(&c); err != nil {
		return nil, fmt.Errorf("connecting to broker %s: %w", addr, err)
	}
	if _, err := b.Connected(); err != nil {
		d.abort()
		return nil, fmt.Errorf("connecting to broker %s: %w", addr, err)
	}
	versions, err := b.ApiVersions(&sarama.ApiVersionsRequest{ClientSoftwareName: "millrace", ClientSoftwareVersion: "1"})
	if err == nil {
		var v int16
		if v, err = produceVersion(versions); err == nil {
			return &link{Conn: d.conn, broker: b, version: v, until: d.sessionEnd()}, nil
		}
	}
	_ = b.Close()
	return nil, fmt.Errorf("asking broker %s for its versions: %w", addr, err)
}

// produceVersion is the newest version that both sides speak.
func produceVersion(r *sarama.ApiVersionsResponse) (int16, error) {
	for _, k := range r.ApiKeys {
		if k.ApiKey != produceKey {
			continue
		}
		if k.MinVersion > maxProduce || k.MaxVersion < minProduce {
			return 0, fmt.Errorf("it offers versions %d to %d of Produce, of which none is in %d to %d", k.MinVersion, k.MaxVersion, minProduce, maxProduce)
		}
		return min(k.MaxVersion, maxProduce), nil
	}
	return 0, errors.New("it does not offer Produce")
}

// close ends the connection on both sides' books.
func (l *link) close() {
	_ = l.Conn.Close()
	_ = l.broker.Close()
}

// captureDialer dials as a sarama configuration says and keeps the connection.
type captureDialer struct {
	ctx   context.Context // of the one connection that it makes
	under *sarama.Config

	mu    sync.Mutex
	conn  net.Conn
	until time.Time // see link
}

func (d *captureDialer) Dial(network, addr string) (net.Conn, error) {
	conn, err := d.dial(network, addr)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		_ = conn.Close()
		return nil, d.ctx.Err()
	}
	d.conn = conn
	return conn, nil
}

func (d *captureDialer) dial(network, addr string) (net.Conn, error) {
	conn, err := d.connect(network, addr)
	if err != nil || !d.under.Net.SASL.Enable {
		return conn, err
	}
	return kafka.WatchLogins(conn, d.authenticated), nil
}

// authenticated notes how long a login holds. Like Java's client, connections do not
// all end at the same part of it.
func (d *captureDialer) authenticated(rs *kmsg.SASLAuthenticateResponse) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if life := time.Duration(rs.SessionLifetimeMillis) * time.Millisecond; life > 0 {
		d.until = time.Now().Add(time.Duration(float64(life) * (0.8 + 0.1*rand.Float64())))
	}
}

// sessionEnd is when the connection should be made anew.
func (d *captureDialer) sessionEnd() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.conn.(interface{ SessionEnd() time.Time }); ok { // authenticated by the dialler below
		return s.SessionEnd()
	}
	return d.until
}

func (d *captureDialer) connect(network, addr string) (net.Conn, error) {
	n := &d.under.Net
	if n.Proxy.Enable {
		if dialer, ok := n.Proxy.Dialer.(interface {
			DialContext(ctx context.Context, network, addr string) (net.Conn, error)
		}); ok {
			return dialer.DialContext(d.ctx, network, addr)
		}
		return n.Proxy.Dialer.Dial(network, addr)
	}
	dialer := net.Dialer{Timeout: n.DialTimeout, KeepAlive: n.KeepAlive, LocalAddr: n.LocalAddr}
	return dialer.DialContext(d.ctx, network, addr)
}

// abort closes the connection, which makes sarama give up on it.
func (d *captureDialer) abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close()
	}
}
