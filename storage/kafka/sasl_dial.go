package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const saslAnswer = 1 << 20 // bytes; no answer of a handshake is longer

// saslMechanism is a mechanism that sarama does not know, or not as Java's clients do.
type saslMechanism struct {
	name      string
	elsewhere string // what to do when a broker does not offer it; may be ""
	// begin prepares an exchange with the broker that has this host.
	begin func(ctx context.Context, host string) (saslExchange, error)
}

// saslExchange is the client's side of one authentication.
type saslExchange interface {
	// next answers a challenge, nil at first; a nil answer ends the exchange.
	next(challenge []byte) (answer []byte, err error)
	// refused is the error for a broker that ends the exchange for a reason.
	refused(reason string) error
}

// saslDialer connects, makes TLS and authenticates, with a pause after an attempt that
// failed.
type saslDialer struct {
	mechanism saslMechanism
	tls       *tls.Config // nil without TLS
	net       net.Dialer
	timeout   time.Duration // of the handshakes
	clientID  string
	pauses    loginPauses
}

// dialled has the dialler authenticate by a mechanism, on top of TLS that it makes
// itself, before sarama gets the connection.
func (r saslReader) dialled(m saslMechanism) func(*sarama.Config) {
	return func(c *sarama.Config) {
		c.Net.SASL.Enable = false
		c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, newSASLDialer(m, r.settings)
	}
}

func newSASLDialer(m saslMechanism, s *Settings) *saslDialer {
	return &saslDialer{mechanism: m, tls: s.TLS, net: net.Dialer{Timeout: s.ConnectTimeout}, timeout: s.RequestTimeout, clientID: s.ClientID}
}

// Dial implements proxy.Dialer. The connection ends before the session of its
// authentication does (connections.max.reauth.ms); its user connects anew.
func (d *saslDialer) Dial(network, addr string) (net.Conn, error) {
	d.pauses.wait(addr)
	conn, err := d.connect(network, addr)
	d.pauses.heard(addr, err == nil)
	return conn, err
}

func (d *saslDialer) connect(network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	conn, err := d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if conn, err = withTLS(ctx, conn, d.tls, addr); err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline)
	var lifetime time.Duration
	if err == nil {
		lifetime, err = d.authenticate(ctx, conn, host)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newSession(conn, lifetime), nil
}

// authenticate speaks SASL (KIP-152) and returns how long it holds; 0 means for ever.
func (d *saslDialer) authenticate(ctx context.Context, conn net.Conn, host string) (time.Duration, error) {
	exchange, err := d.mechanism.begin(ctx, host)
	if err != nil {
		return 0, err
	}
	hello := kmsg.NewPtrSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, d.mechanism.name
	offered := kmsg.NewPtrSASLHandshakeResponse()
	offered.Version = 1
	if err := d.ask(conn, hello, offered); err != nil {
		return 0, err
	}
	if offered.ErrorCode != 0 {
		return 0, fmt.Errorf("sasl.mechanism: the broker offers %s and not %s%s: %w",
			strings.Join(offered.SupportedMechanisms, ", "), d.mechanism.name, d.mechanism.elsewhere, sarama.KError(offered.ErrorCode))
	}
	return d.converse(conn, exchange)
}

func (d *saslDialer) converse(conn net.Conn, exchange saslExchange) (lifetime time.Duration, err error) {
	for challenge := []byte(nil); ; {
		answer, err := exchange.next(challenge)
		if err != nil || answer == nil {
			return lifetime, err
		}
		rq, rs := kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
		rq.Version, rq.SASLAuthBytes, rs.Version = 1, answer, 1
		if err := d.ask(conn, rq, rs); err != nil {
			return 0, err
		}
		if rs.ErrorCode != 0 {
			reason := sarama.KError(rs.ErrorCode).Error()
			if rs.ErrorMessage != nil {
				reason = *rs.ErrorMessage
			}
			return 0, exchange.refused(reason)
		}
		challenge, lifetime = rs.SASLAuthBytes, time.Duration(rs.SessionLifetimeMillis)*time.Millisecond
		if challenge == nil {
			challenge = []byte{}
		}
	}
}

// ask sends a request and reads its answer into rs.
func (d *saslDialer) ask(conn net.Conn, rq kmsg.Request, rs kmsg.Response) error {
	const correlation = 1
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(d.clientID)).AppendRequest(nil, rq, correlation)); err != nil {
		return err
	}
	var head [8]byte // size, correlation id
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > saslAnswer || binary.BigEndian.Uint32(head[4:]) != correlation {
		return errors.New("the broker's answer is not Kafka's protocol: does security.protocol fit its listener?")
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	return rs.ReadFrom(body)
}

// session is a connection that refuses to send once its authentication is about to
// end: the broker would close it with the request unanswered.
type session struct {
	net.Conn
	until time.Time // zero: for ever
	early time.Duration
}

// ErrSessionOver says that a connection has ended with the session of its login: a new
// one is all that it takes.
var ErrSessionOver = fmt.Errorf("the authenticated session is over: %w", net.ErrClosed)

func newSession(conn net.Conn, lifetime time.Duration) *session {
	s := &session{Conn: conn}
	if lifetime > 0 {
		s.until, s.early = time.Now().Add(lifetime*9/10), lifetime/20
	}
	return s
}

// SessionEnd is when a user of the connection should make another: somewhat before
// it refuses to send.
func (s *session) SessionEnd() time.Time {
	if s.until.IsZero() {
		return s.until
	}
	return s.until.Add(-s.early)
}

func (s *session) Write(b []byte) (int, error) {
	if !s.until.IsZero() && time.Now().After(s.until) {
		_ = s.Close()
		return 0, ErrSessionOver
	}
	return s.Conn.Write(b)
}
