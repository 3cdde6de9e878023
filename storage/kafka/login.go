package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// LoginSettings say when a token is renewed (sasl.login.*), with Java's meaning.
type LoginSettings struct {
	WindowFactor    float64       // part of a token's life after which it is renewed
	WindowJitter    float64       // at most so much of its life later
	MinPeriod       time.Duration // between two renewals
	Buffer          time.Duration // before a token's end
	RetryBackoff    time.Duration // first, after an attempt that failed; doubles up to RetryBackoffMax
	RetryBackoffMax time.Duration // also how long a login waits for a token
	ConnectTimeout  time.Duration // to the token end point; 0: as long as the attempt may take
	ReadTimeout     time.Duration // for the first byte of its answer; 0: likewise
}

func defaultLogin() LoginSettings {
	return LoginSettings{
		WindowFactor: 0.8, WindowJitter: 0.05, MinPeriod: time.Minute, Buffer: 5 * time.Minute,
		RetryBackoff: 100 * time.Millisecond, RetryBackoffMax: 10 * time.Second,
	}
}

func loginRules(m map[string]rule) {
	l := func(name string, set setter) { m[name] = rule{roles: every, set: set} }
	l("sasl.login.refresh.window.factor", fraction(0.5, 1, func(s *Settings) *float64 { return &s.Login.WindowFactor }))
	l("sasl.login.refresh.window.jitter", fraction(0, 0.25, func(s *Settings) *float64 { return &s.Login.WindowJitter }))
	l("sasl.login.refresh.min.period.seconds", integer(0, 900, func(s *Settings, n int64) { s.Login.MinPeriod = time.Duration(n) * time.Second }))
	l("sasl.login.refresh.buffer.seconds", integer(0, 3600, func(s *Settings, n int64) { s.Login.Buffer = time.Duration(n) * time.Second }))
	l("sasl.login.retry.backoff.ms", millis(0, func(s *Settings) *time.Duration { return &s.Login.RetryBackoff }))
	l("sasl.login.retry.backoff.max.ms", millis(0, func(s *Settings) *time.Duration { return &s.Login.RetryBackoffMax }))
	l("sasl.login.connect.timeout.ms", millis(0, func(s *Settings) *time.Duration { return &s.Login.ConnectTimeout }))
	l("sasl.login.read.timeout.ms", millis(0, func(s *Settings) *time.Duration { return &s.Login.ReadTimeout }))
}

func fraction(low, high float64, field func(*Settings) *float64) setter {
	return func(s *Settings, name, value string) error {
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || !(x >= low && x <= high) {
			return propertyError(name, "%q is not a number between %g and %g", value, low, high)
		}
		*field(s) = x
		return nil
	}
}

// leastPause is between two attempts to fetch a token, whatever the settings say.
const leastPause = 10 * time.Millisecond

// pause is the wait after attempt number n that failed, counted from 1.
func (l *LoginSettings) pause(n int) time.Duration {
	d := l.RetryBackoff
	for i := 1; i < n && d < l.RetryBackoffMax; i++ {
		d *= 2
	}
	return max(min(d, l.RetryBackoffMax), leastPause)
}

// renewal is when a token that is valid from start to end is renewed, seen from
// now; random is in [0, 1) (ExpiringCredentialRefreshingLogin.refreshMs).
func (l *LoginSettings) renewal(start, end, now time.Time, random float64) time.Time {
	part := l.WindowFactor + l.WindowJitter*random
	share := func(d time.Duration) time.Duration { return time.Duration(float64(d) * part) }
	if now.Add(l.MinPeriod + l.Buffer).After(end) { // no room for both
		return now.Add(share(end.Sub(now)))
	}
	at := start.Add(share(end.Sub(start)))
	if last := end.Add(-l.Buffer); at.After(last) {
		at = last
	}
	if first := now.Add(l.MinPeriod); at.Before(first) {
		at = first
	}
	return at
}

// loginError says that a client has nothing to log in with for now: no token, no
// credentials.
type loginError struct {
	doing string
	err   error
}

func (e *loginError) Error() string { return e.doing + ": " + e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// loginDialer makes connections, with TLS if there is any, which sarama checks the names
// of hosts for otherwise than Java, and hears how their logins end, which sarama tells
// nobody.
type loginDialer struct {
	net   net.Dialer
	tls   *tls.Config                          // nil without TLS
	heard func(*kmsg.SASLAuthenticateResponse) // nil when nobody asks

	pauses loginPauses // after a login that was refused; with heard only
}

// Dial implements proxy.Dialer.
func (d *loginDialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext implements proxy.ContextDialer.
func (d *loginDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.heard == nil {
		return dial(ctx, &d.net, d.tls, network, addr)
	}
	d.pauses.wait(addr)
	conn, err := dial(ctx, &d.net, d.tls, network, addr)
	if err != nil {
		return nil, err
	}
	return WatchLogins(conn, func(rs *kmsg.SASLAuthenticateResponse) {
		d.pauses.heard(addr, rs.ErrorCode == 0)
		d.heard(rs)
	}), nil
}

// WatchLogins returns a connection to a broker that tells of each answer to
// SaslAuthenticate: whether the client may come in, and for how long. Requests must
// be written whole, and a client must not send another while it authenticates;
// sarama does so.
func WatchLogins(conn net.Conn, heard func(*kmsg.SASLAuthenticateResponse)) net.Conn {
	w := &loginWatch{Conn: conn, heard: heard}
	w.awaited.Store(nothingAwaited)
	return w
}

const nothingAwaited = -1

type loginWatch struct {
	net.Conn
	heard   func(*kmsg.SASLAuthenticateResponse)
	awaited atomic.Int32 // version of the answer that comes next, if it is one
	answer  []byte       // what has come of it; the reading side's
}

func (w *loginWatch) Write(b []byte) (int, error) {
	if version, ok := authenticates(b); ok {
		w.awaited.Store(version)
	}
	return w.Conn.Write(b)
}

// authenticates reports whether b is a SaslAuthenticate request, and its version.
func authenticates(b []byte) (version int32, ok bool) {
	const header = 8 // size, key, version
	if len(b) < header || int(binary.BigEndian.Uint32(b)) != len(b)-4 || binary.BigEndian.Uint16(b[4:]) != uint16(kmsg.SASLAuthenticate) {
		return 0, false
	}
	return int32(binary.BigEndian.Uint16(b[6:])), true
}

func (w *loginWatch) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if version := w.awaited.Load(); n > 0 && version != nothingAwaited {
		w.answer = append(w.answer, p[:n]...)
		if rs, whole := readLogin(w.answer, int16(version)); whole {
			w.answer = nil
			w.awaited.Store(nothingAwaited)
			if rs != nil {
				w.heard(rs)
			}
		}
	}
	return n, err
}

// readLogin reads an answer once it is whole; nil when it is none.
func readLogin(b []byte, version int16) (rs *kmsg.SASLAuthenticateResponse, whole bool) {
	const header, most = 8, 1 << 20 // size and correlation id
	if len(b) < 4 {
		return nil, false
	}
	size := binary.BigEndian.Uint32(b)
	if size < 4 || size > most {
		return nil, true
	}
	if len(b) < int(size)+4 {
		return nil, false
	}
	rs = kmsg.NewPtrSASLAuthenticateResponse()
	rs.Version = version
	body := b[header : size+4]
	if rs.IsFlexible() {
		if len(body) == 0 || body[0] != 0 { // no tagged fields are known in its header
			return nil, true
		}
		body = body[1:]
	}
	if rs.ReadFrom(body) != nil {
		return nil, true
	}
	return rs, true
}
