package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/plugins/mysql/position"
)

// TLSMode is database.ssl.mode.
type TLSMode uint8

// The modes of database.ssl.mode.
const (
	TLSPreferred      TLSMode = iota // TLS when the server offers it
	TLSDisabled                      // no TLS
	TLSRequired                      // TLS with whoever answers
	TLSVerifyCA                      // and a certificate that a trusted authority has signed
	TLSVerifyIdentity                // and for the very host that was asked for
)

var tlsModes = [...]string{"preferred", "disabled", "required", "verify_ca", "verify_identity"}

// String gives the mode's name in the connector configuration.
func (m TLSMode) String() string {
	if int(m) < len(tlsModes) {
		return tlsModes[m]
	}
	return strconv.Itoa(int(m))
}

// ParseTLSMode reads database.ssl.mode; case does not matter.
func ParseTLSMode(s string) (TLSMode, error) {
	for m, name := range tlsModes {
		if strings.EqualFold(s, name) {
			return TLSMode(m), nil
		}
	}
	return 0, fmt.Errorf("database.ssl.mode: %q is not one of %s", s, strings.Join(tlsModes[:], ", "))
}

// Config says how to connect.
type Config struct {
	Host           string
	Port           int // 3306 when 0
	User, Password string
	// Token makes the password of each connection, for passwords that do not last;
	// nil for Password. It is sent over TLS only, whatever TLSMode says.
	Token   func(ctx context.Context) (string, error)
	TLSMode TLSMode
	// NoPublicKey refuses to ask a server without TLS for the key that a password is
	// encrypted with (driver.allowPublicKeyRetrieval=false).
	NoPublicKey bool
	// TLS holds the trusted authorities (RootCAs, nil for the system's) and the
	// client certificate; the rest follows from TLSMode. nil for the system's
	// authorities and no certificate.
	TLS *tls.Config
	// VerifyHost checks certificates with TLSVerifyIdentity; by default crypto/tls does,
	// which takes no common names.
	VerifyHost func(certs []*x509.Certificate, roots *x509.CertPool, host string) error
	// Timeout limits how long connecting and logging in may take; 30 s when 0.
	Timeout time.Duration
	// KeepAlive is the interval of TCP keep-alive probes; the system's when 0, none
	// when negative.
	KeepAlive time.Duration
	// Silence is the longest time to wait for the next bytes of an answer; no limit when 0.
	Silence time.Duration
	// Buffer is the size that the read buffer grows to when much comes in at once; 64 KiB
	// when 0. It grows further for longer packets.
	Buffer int
	// Session holds statements to run once connected, such as SET time_zone.
	Session []string
	// ProgramName is what the server shows about this connection (program_name).
	ProgramName string
	Logger      *slog.Logger // nil for slog.Default
}

func (c *Config) address() string {
	port := c.Port
	if port == 0 {
		port = 3306
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(port))
}

func (c *Config) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 30 * time.Second
}

// Conn is a connection to a server. It belongs to one goroutine.
type Conn struct {
	wire    *wire
	cfg     Config
	flavor  position.Flavor
	version string
	id      uint32
	secure  bool
	broken  error
}

// Connect opens a connection and logs in. Text goes over it as utf8mb4.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.prepare(ctx); err != nil {
		return nil, err
	}
	c, err := cfg.connect(ctx, cfg.TLSMode != TLSDisabled)
	if err != nil && cfg.TLSMode == TLSPreferred && cfg.Token == nil && strings.Contains(err.Error(), "does not support TLS") {
		c, err = cfg.connect(ctx, false)
	}
	if err != nil {
		return nil, cfg.connectError(ctx, err)
	}
	for _, s := range append([]string{"SET NAMES utf8mb4"}, cfg.Session...) {
		if err := c.Exec(ctx, s); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// prepare makes the password, where it is made for each connection.
func (c *Config) prepare(ctx context.Context) (err error) {
	if c.Token == nil {
		return nil
	}
	if c.TLSMode == TLSDisabled {
		return &Error{Kind: KindTLSRequired, Property: "database.ssl.mode",
			Message: "database.ssl.mode is disabled, but an authentication token may be sent over TLS only; set database.ssl.mode to required, or better verify_identity"}
	}
	if c.Password, err = c.Token(ctx); err != nil && ctx.Err() == nil {
		return &Error{Kind: KindLogin, Property: "database.iam.auth", Err: err, Message: "database.iam.auth: no token could be made for user " + strconv.Quote(c.User)}
	}
	return err
}

// connect does the handshake with go-mysql's client and takes its connection over.
func (c *Config) connect(ctx context.Context, secure bool) (conn *Conn, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout(), errTimeout)
	defer cancel()
	d := net.Dialer{KeepAlive: c.KeepAlive}
	raw, err := d.DialContext(ctx, "tcp", c.address())
	if err != nil {
		return nil, err
	}
	release := interruptWith(ctx, raw)
	// go-mysql reads the handshake without looking at its bounds: what is not a
	// MySQL server must not end this process.
	defer func() {
		if p := recover(); p != nil {
			conn, err = nil, fmt.Errorf("malformed handshake: %v", p)
		}
		if err != nil && errors.Is(context.Cause(ctx), errTimeout) { // go-mysql hides why reading failed
			err = fmt.Errorf("%w: %w", errTimeout, err)
		}
		release()
		if err != nil {
			_ = raw.Close()
		}
	}()
	options := []client.Option{c.options}
	if secure {
		options = append(options, func(cc *client.Conn) error { cc.SetTLSConfig(c.tlsConfig()); return nil })
	}
	spoken := raw
	if !secure {
		g := &guard{Conn: raw, password: c.Password, noKey: c.NoPublicKey}
		defer func() {
			if g.refused != nil {
				err = g.refused // go-mysql hides it
			}
		}()
		spoken = g
	}
	dialed := func(context.Context, string, string) (net.Conn, error) { return spoken, nil }
	cc, err := client.ConnectWithDialer(ctx, "tcp", c.address(), c.User, c.Password, "", dialed, options...)
	if err != nil {
		return nil, err
	}
	return c.takeOver(cc, secure), nil
}

// mariaDBPrefix stands before MariaDB's version, for the sake of old replicas.
const mariaDBPrefix = "5.5.5-"

// takeOver builds a Conn on what go-mysql has connected. Its reader has nothing
// buffered now, as the server waits for a command.
func (c *Config) takeOver(cc *client.Conn, secure bool) *Conn {
	size := c.Buffer
	if size <= 0 {
		size = 64 << 10
	}
	under := cc.Conn.Conn
	if g, ok := under.(*guard); ok {
		under = g.Conn
	}
	conn := &Conn{
		wire: newWire(under, size, c.Silence), cfg: *c,
		version: strings.TrimPrefix(cc.GetServerVersion(), mariaDBPrefix), id: cc.GetConnectionID(), secure: secure,
	}
	if strings.Contains(strings.ToLower(conn.version), "mariadb") {
		conn.flavor = position.MariaDB
	}
	return conn
}

// options asks for the plain protocol, the same with MySQL and MariaDB: no query
// attributes, EOF packets around rows.
func (c *Config) options(cc *client.Conn) error {
	cc.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES)
	cc.UnsetCapability(mysql.CLIENT_DEPRECATE_EOF)
	if c.ProgramName != "" {
		cc.SetAttributes(map[string]string{"program_name": c.ProgramName})
	}
	return cc.SetCollation("utf8mb4_general_ci")
}

func (c *Config) tlsConfig() *tls.Config {
	t := &tls.Config{}
	if c.TLS != nil {
		t = c.TLS.Clone()
	}
	t.ServerName = c.Host
	t.InsecureSkipVerify = c.TLSMode != TLSVerifyIdentity || c.VerifyHost != nil
	switch {
	case c.TLSMode == TLSVerifyIdentity && c.VerifyHost != nil:
		roots := t.RootCAs
		t.VerifyConnection = func(s tls.ConnectionState) error { return c.VerifyHost(s.PeerCertificates, roots, c.Host) }
	case c.TLSMode == TLSVerifyCA:
		roots := t.RootCAs
		t.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(roots, s) }
	}
	return t
}

// verifyChain checks a certificate chain without the host name.
func verifyChain(roots *x509.CertPool, s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("tls: the server has sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// Flavor says whether the server is MySQL or MariaDB.
func (c *Conn) Flavor() position.Flavor { return c.flavor }

// Version is the version that the server reports, such as "9.7.4" or
// "10.11.6-MariaDB-log".
func (c *Conn) Version() string { return c.version }

// ID is the connection's id on the server.
func (c *Conn) ID() uint32 { return c.id }

// Secure reports whether the connection uses TLS.
func (c *Conn) Secure() bool { return c.secure }

// Address is the HOST:PORT that the connection goes to.
func (c *Conn) Address() string { return c.cfg.address() }

// Close ends the connection at once.
func (c *Conn) Close() error {
	c.wire.release()
	return c.wire.conn.Close()
}

// Command sends a command of the protocol; its answer is read with ReadPacket.
func (c *Conn) Command(ctx context.Context, code byte, arg []byte) error {
	if c.broken != nil {
		return c.broken
	}
	return c.failed(c.wire.command(ctx, code, arg))
}

// ReadPacket returns the payload of the next packet, put together when it is
// longer than 16 MiB. It is valid until the next call. When ctx ends while
// waiting, its error is returned and reading can go on with another context.
func (c *Conn) ReadPacket(ctx context.Context) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	return c.wire.next(ctx)
}

// Buffered reports whether ReadPacket can return a packet without waiting.
func (c *Conn) Buffered() bool { return c.wire.buffered() }

// SetSilence changes Config.Silence.
func (c *Conn) SetSilence(d time.Duration) {
	c.wire.silence = d
	if d == 0 {
		_ = c.wire.conn.SetReadDeadline(time.Time{})
	}
}

// failed remembers an error after which the connection cannot be used.
func (c *Conn) failed(err error) error {
	if err != nil && c.broken == nil {
		c.broken = err
	}
	return err
}
