package iamtest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Broker says whom listeners let in. Its methods may be called from any goroutine.
type Broker struct {
	Keys     map[string]string // access key id to secret key
	Region   string
	TLS      *tls.Config   // nil: without TLS
	Lifetime time.Duration // of a session; 0: for ever
	Offered  []string      // mechanisms; nil: AWS_MSK_IAM and OAUTHBEARER
	Now      func() time.Time

	mu       sync.Mutex
	seen     []Identity
	attempts []time.Time
}

// Change changes the keys or the time while listeners use them.
func (b *Broker) Change(change func(*Broker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// Attempts says when somebody has tried to come in, refused or not.
func (b *Broker) Attempts() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.attempts)
}

// Identities lists who has come in so far.
func (b *Broker) Identities() []Identity {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

func (b *Broker) now() time.Time {
	b.mu.Lock()
	now := b.Now
	b.mu.Unlock()
	if now != nil {
		return now()
	}
	return time.Now()
}

func (b *Broker) secret(key string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	secret, known := b.Keys[key]
	return secret, known
}

// Listen is net.Listen for a broker, as an option of the embedded one (kfake.ListenFn).
func (b *Broker) Listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return &listener{l, b}, nil
}

type listener struct {
	net.Listener
	broker *Broker
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, broker: l.broker}
	if l.broker.TLS != nil {
		c.Conn = tls.Server(raw, l.broker.TLS)
	}
	return c, nil
}

// conn authenticates at its first Read, which is the broker's, so that a slow client
// holds up nobody else, and again when the client wants to (KIP-368). It ends with its
// session.
type conn struct {
	net.Conn
	broker *Broker

	once  sync.Once
	err   error
	until time.Time
	rest  []byte // of the request that is being handed on
}

func (c *conn) Read(p []byte) (int, error) {
	c.once.Do(func() { c.err = c.login() })
	for c.err == nil && len(c.rest) == 0 {
		c.rest, c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next reads a request; nil when it was one of a login, which has been answered.
func (c *conn) next() ([]byte, error) {
	const header, most = 8, 64 << 20 // size, key and version
	whole := make([]byte, header)
	if _, err := io.ReadFull(c.Conn, whole); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(whole)
	if size < 10 || size > most {
		return nil, fmt.Errorf("a request of %d bytes", size)
	}
	whole = append(whole, make([]byte, size-4)...) // of which four have come
	if _, err := io.ReadFull(c.Conn, whole[header:]); err != nil {
		return nil, err
	}
	if int16(binary.BigEndian.Uint16(whole[4:])) == kmsg.SASLHandshake.Int16() {
		correlation := int32(binary.BigEndian.Uint32(whole[8:]))
		id := max(0, int(int16(binary.BigEndian.Uint16(whole[12:]))))
		mechanism, err := c.handshake(int16(binary.BigEndian.Uint16(whole[6:])), correlation, whole[14+id:])
		if err != nil {
			return nil, err
		}
		return nil, c.loginBy(mechanism)
	}
	if !c.until.IsZero() && time.Now().After(c.until) {
		return nil, errors.New("the session is over")
	}
	return whole, nil
}

// login answers requests until one has authenticated the client.
func (c *conn) login() error { return c.loginBy("") }

// loginBy goes on behind a handshake, if there was one.
func (c *conn) loginBy(mechanism string) error {
	for {
		key, version, correlation, body, err := c.request()
		if err != nil {
			return err
		}
		switch key {
		case kmsg.ApiVersions.Int16():
			err = c.versions(version, correlation)
		case kmsg.SASLHandshake.Int16():
			mechanism, err = c.handshake(version, correlation, body)
		case kmsg.SASLAuthenticate.Int16():
			return c.authenticate(mechanism, version, correlation, body)
		default:
			err = fmt.Errorf("request %d before authentication", key)
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) request() (key, version int16, correlation int32, body []byte, err error) {
	var size [4]byte
	if _, err = io.ReadFull(c.Conn, size[:]); err != nil {
		return
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 10 || n > 1<<20 {
		err = fmt.Errorf("a request of %d bytes", n)
		return
	}
	body = make([]byte, n)
	if _, err = io.ReadFull(c.Conn, body); err != nil {
		return
	}
	key, version = int16(binary.BigEndian.Uint16(body)), int16(binary.BigEndian.Uint16(body[2:]))
	correlation = int32(binary.BigEndian.Uint32(body[4:]))
	id := max(0, int(int16(binary.BigEndian.Uint16(body[8:]))))
	if 10+id > len(body) {
		err = io.ErrUnexpectedEOF
		return
	}
	return key, version, correlation, body[10+id:], nil
}

func (c *conn) answer(correlation int32, r kmsg.Response) error {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlation))
	b = r.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := c.Conn.Write(b)
	return err
}

// versions offers what the embedded broker and the handshakes here speak. Clients that
// ask before they authenticate do not ask again.
func (c *conn) versions(version int16, correlation int32) error {
	rs := kmsg.NewPtrApiVersionsResponse()
	rs.Version = version
	offered := kversion.V4_3_0()
	offered.SetMaxKeyVersion(kmsg.CreateTopics.Int16(), 4)     // as the embedded broker does
	offered.SetMaxKeyVersion(kmsg.SASLAuthenticate.Int16(), 1) // the last one without tagged fields
	offered.EachMaxKeyVersion(func(key, last int16) {
		one := kmsg.NewApiVersionsResponseApiKey()
		one.ApiKey, one.MaxVersion = key, last
		rs.ApiKeys = append(rs.ApiKeys, one)
	})
	return c.answer(correlation, rs)
}

func (c *conn) handshake(version int16, correlation int32, body []byte) (string, error) {
	rq, rs := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLHandshakeResponse()
	rq.Version, rs.Version = version, version
	if err := rq.ReadFrom(body); err != nil {
		return "", err
	}
	rs.SupportedMechanisms = c.broker.Offered
	if rs.SupportedMechanisms == nil {
		rs.SupportedMechanisms = []string{"AWS_MSK_IAM", "OAUTHBEARER"}
	}
	if !slices.Contains(rs.SupportedMechanisms, rq.Mechanism) {
		const unsupported = 33
		rs.ErrorCode = unsupported
	}
	return rq.Mechanism, c.answer(correlation, rs)
}

func (c *conn) authenticate(mechanism string, version int16, correlation int32, body []byte) error {
	rq, rs := kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
	rq.Version, rs.Version = version, version
	if err := rq.ReadFrom(body); err != nil {
		return err
	}
	c.broker.Change(func(b *Broker) { b.attempts = append(b.attempts, time.Now()) })
	id, answer, err := c.check(mechanism, rq.SASLAuthBytes)
	if err != nil {
		const failed = 58
		text := "Access denied: " + err.Error()
		rs.ErrorCode, rs.ErrorMessage = failed, &text
		return errors.Join(err, c.answer(correlation, rs))
	}
	id.Mechanism = mechanism
	c.broker.Change(func(b *Broker) { b.seen = append(b.seen, id) })
	if life := c.broker.Lifetime; life > 0 {
		rs.SessionLifetimeMillis, c.until = life.Milliseconds(), time.Now().Add(life)
	}
	rs.SASLAuthBytes = answer
	return c.answer(correlation, rs)
}

func (c *conn) check(mechanism string, message []byte) (Identity, []byte, error) {
	if mechanism == "OAUTHBEARER" {
		_, rest, _ := bytes.Cut(message, []byte("auth=Bearer "))
		token, _, _ := strings.Cut(string(rest), "\x01")
		signed, err := fromToken(token)
		if err != nil {
			return Identity{}, nil, err
		}
		id, err := c.broker.verify(signed, "kafka."+c.broker.Region+".amazonaws.com")
		return id, nil, err
	}
	signed, err := fromPayload(message)
	if err != nil {
		return Identity{}, nil, err
	}
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		return Identity{}, nil, err
	}
	id, err := c.broker.verify(signed, host)
	return id, []byte(`{"version":"2020_10_22","request-id":"1"}`), err
}
