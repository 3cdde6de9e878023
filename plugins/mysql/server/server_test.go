package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server/servertest"
)

// answering serves queries with answer until the client goes.
func answering(answer func(c *servertest.Conn, query string) error) func(*servertest.Conn) {
	return func(c *servertest.Conn) {
		for {
			_, arg, err := c.Command()
			if err != nil {
				return
			}
			if q := string(arg); strings.HasPrefix(q, "SET ") {
				err = c.OK()
			} else {
				err = answer(c, q)
			}
			if err != nil {
				return
			}
		}
	}
}

func okay(c *servertest.Conn, _ string) error { return c.OK() }

func login(t *testing.T, s *servertest.Server, change func(*Config)) (*Conn, error) {
	t.Helper()
	cfg := Config{Host: "127.0.0.1", Port: s.Port(), User: "me", Password: "secret", Timeout: 10 * time.Second}
	if change != nil {
		change(&cfg)
	}
	c, err := Connect(t.Context(), cfg)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func TestConnectFindsFlavor(t *testing.T) {
	for version, want := range map[string]position.Flavor{
		"9.7.4-2": position.MySQL, "8.0.35": position.MySQL,
		"5.5.5-10.11.6-MariaDB-log": position.MariaDB, "11.4.2-MariaDB": position.MariaDB,
	} {
		s := servertest.Start(t, servertest.Config{Version: version, Serve: answering(okay)})
		c, err := login(t, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.Flavor() != want || c.Version() != strings.TrimPrefix(version, "5.5.5-") || c.Secure() || c.ID() != 7 {
			t.Errorf("%s: %s, %q, %v, %d", version, c.Flavor(), c.Version(), c.Secure(), c.ID())
		}
	}
}

func TestSessionStatementsRunFirst(t *testing.T) {
	var got []string
	s := servertest.Start(t, servertest.Config{Serve: func(c *servertest.Conn) {
		for {
			_, arg, err := c.Command()
			if err != nil {
				return
			}
			got = append(got, string(arg))
			if c.OK() != nil {
				return
			}
		}
	}})
	c, err := login(t, s, func(c *Config) { c.Session = []string{"SET time_zone = '+00:00'"} })
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Close()
	if want := "SET NAMES utf8mb4|SET time_zone = '+00:00'"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// refusing returns an address where nothing listens.
func refusing(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// saying is a server of another kind.
func saying(t *testing.T, what string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, what)
			if what != "" {
				_ = c.Close()
			} else {
				defer c.Close()
			}
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestConnectErrorsSayWhatToMend(t *testing.T) {
	refuse := func(code uint16, message string) func(*testing.T) int {
		return func(t *testing.T) int {
			return servertest.Start(t, servertest.Config{Refuse: &servertest.Refusal{Code: code, State: "HY000", Message: message}}).Port()
		}
	}
	secure := selfSigned(t, "other.example")
	withTLS := func(t *testing.T) int {
		return servertest.Start(t, servertest.Config{TLS: secure.server, Serve: answering(okay)}).Port()
	}
	plain := func(t *testing.T) int { return servertest.Start(t, servertest.Config{Serve: answering(okay)}).Port() }
	for name, c := range map[string]struct {
		port      func(*testing.T) int
		change    func(*Config)
		kind      Kind
		property  string
		retriable bool
		says      string
	}{
		"wrong password":  {port: refuse(1045, "Access denied for user 'me'"), kind: KindLogin, property: "database.user", says: "database.password"},
		"unknown host":    {port: refusing, change: func(c *Config) { c.Host = "no-such-host.invalid" }, kind: KindUnknownHost, property: "database.hostname", says: "no-such-host.invalid"},
		"nobody there":    {port: refusing, kind: KindUnreachable, property: "database.hostname", retriable: true, says: "nothing answers"},
		"silent":          {port: func(t *testing.T) int { return saying(t, "") }, change: func(c *Config) { c.Timeout = 50 * time.Millisecond }, kind: KindTimeout, property: "database.hostname", retriable: true, says: "50ms"},
		"another service": {port: func(t *testing.T) int { return saying(t, "SSH-2.0-OpenSSH_9.2\r\n") }, kind: KindNotMySQL, property: "database.port", says: "does not complete"},
		"short greeting":  {port: func(t *testing.T) int { return saying(t, "\x05\x00\x00\x00\x0a8.0\x00") }, kind: KindNotMySQL, property: "database.port", says: "malformed"},
		"too many":        {port: refuse(1040, "Too many connections"), kind: KindBusy, retriable: true, says: "too many"},
		"host blocked":    {port: refuse(1129, "Host is blocked"), kind: KindHostDenied, property: "database.user", says: "FLUSH HOSTS"},
		"TLS required by server": {port: refuse(3159, "Connections using insecure transport are prohibited"), change: func(c *Config) { c.TLSMode = TLSDisabled },
			kind: KindTLSRequired, property: "database.ssl.mode", says: "set database.ssl.mode to required"},
		"no TLS offered":    {port: plain, change: func(c *Config) { c.TLSMode = TLSRequired }, kind: KindTLS, property: "database.ssl.mode", says: "offers no TLS"},
		"unknown authority": {port: withTLS, change: func(c *Config) { c.TLSMode = TLSVerifyCA }, kind: KindTLS, property: "database.ssl.truststore", says: "not signed by"},
		"wrong name": {port: withTLS, change: func(c *Config) { c.TLSMode, c.TLS = TLSVerifyIdentity, secure.client },
			kind: KindTLS, property: "database.ssl.mode", says: "verify_ca"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Host: "127.0.0.1", Port: c.port(t), User: "me", Password: "secret", Timeout: 10 * time.Second}
			if c.change != nil {
				c.change(&cfg)
			}
			conn, err := Connect(t.Context(), cfg)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != c.kind || e.Property != c.property || Retriable(err) != c.retriable {
				t.Fatalf("kind %d, retriable %v: %#v", KindOf(err), Retriable(err), err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("it says: %s", err)
			}
		})
	}
}

type certificate struct{ server, client *tls.Config }

func selfSigned(t *testing.T, name string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return certificate{
		server: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		client: &tls.Config{RootCAs: pool},
	}
}

func TestTLSModes(t *testing.T) {
	cert := selfSigned(t, "localhost")
	secure := servertest.Start(t, servertest.Config{TLS: cert.server, Serve: answering(okay)})
	plain := servertest.Start(t, servertest.Config{Serve: answering(okay)})
	for _, c := range []struct {
		mode   TLSMode
		server *servertest.Server
		host   string
		want   bool
	}{
		{TLSPreferred, secure, "127.0.0.1", true},
		{TLSPreferred, plain, "127.0.0.1", false},
		{TLSDisabled, secure, "127.0.0.1", false},
		{TLSRequired, secure, "127.0.0.1", true},
		{TLSVerifyCA, secure, "127.0.0.1", true},
		{TLSVerifyIdentity, secure, "localhost", true},
	} {
		conn, err := login(t, c.server, func(cfg *Config) { cfg.Host, cfg.TLSMode, cfg.TLS = c.host, c.mode, cert.client })
		if err != nil {
			t.Errorf("%s: %v", c.mode, err)
			continue
		}
		if err := conn.Exec(t.Context(), "DO 1"); err != nil || conn.Secure() != c.want {
			t.Errorf("%s: secure %v, %v", c.mode, conn.Secure(), err)
		}
	}
	for _, m := range []TLSMode{TLSPreferred, TLSDisabled, TLSRequired, TLSVerifyCA, TLSVerifyIdentity} {
		if got, err := ParseTLSMode(strings.ToUpper(m.String())); err != nil || got != m {
			t.Errorf("%s: %v, %v", m, got, err)
		}
	}
	if _, err := ParseTLSMode("maybe"); err == nil {
		t.Error("an unknown mode is accepted")
	}
}

func TestCancelledConnect(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the task is stopped")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	_, err := Connect(ctx, Config{Host: "127.0.0.1", Port: saying(t, "")})
	if !errors.Is(err, why) || Retriable(err) {
		t.Errorf("got %v", err)
	}
}

func TestQueryStreamsRows(t *testing.T) {
	long := strings.Repeat("x", maxPayload+10)
	s := servertest.Start(t, servertest.Config{Serve: answering(func(c *servertest.Conn, q string) error {
		switch q {
		case "SELECT":
			return c.Rows([]string{"a", "b"}, []any{1, "one"}, []any{nil, ""}, []any{strings.Repeat("y", 300), long})
		case "FAIL":
			return c.Error(1146, "42S02", "Table 'x.y' doesn't exist")
		case "DENIED":
			return c.Error(1227, "42000", "Access denied; you need SUPER")
		}
		return c.OK()
	})})
	conn, err := login(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "SELECT")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows.Columns) != 2 || rows.Columns[1].Name != "b" || rows.Columns[0].Collation != 45 {
		t.Errorf("columns: %+v", rows.Columns)
	}
	var got [][2]string
	for {
		p, err := rows.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var row [2]string
		for i := range row {
			v, null, rest, ok := Field(p)
			if !ok {
				t.Fatal("malformed row")
			}
			if row[i], p = string(v), rest; null {
				row[i] = "NULL"
			}
		}
		got = append(got, row)
	}
	want := [][2]string{{"1", "one"}, {"NULL", ""}, {strings.Repeat("y", 300), long}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %.100v", got)
	}
	if _, err := conn.All(t.Context(), "FAIL"); !IsCode(err, 1146) || !strings.Contains(err.Error(), "running FAIL") {
		t.Errorf("got %v", err)
	}
	if err := conn.Exec(t.Context(), "DENIED"); KindOf(err) != KindPrivilege {
		t.Errorf("got %v", err)
	}
	if all, err := conn.All(t.Context(), "DO NOTHING"); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestLostConnectionStaysLost(t *testing.T) {
	s := servertest.Start(t, servertest.Config{Serve: answering(func(*servertest.Conn, string) error { return io.EOF })})
	conn, err := login(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		// io.EOF would look like the end of a result.
		if err := conn.Exec(t.Context(), "SELECT"); KindOf(err) != KindLost || !Retriable(err) || errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	}
}

func TestField(t *testing.T) {
	for _, row := range [][]byte{nil, {5, 'a'}, {0xfc, 1}, {0xfe, 1, 2}, {0xfd, 9, 0, 0, 'x'}, {0xff}} {
		if v, null, rest, ok := Field(row); ok {
			t.Errorf("%x: %x, %v, %x", row, v, null, rest)
		}
	}
}

func FuzzField(f *testing.F) {
	f.Add([]byte{3, 'a', 'b', 'c', 0xfb, 0xfc, 1, 0, 'x'})
	f.Fuzz(func(t *testing.T, row []byte) {
		for len(row) > 0 {
			v, null, rest, ok := Field(row)
			if !ok {
				return
			}
			if len(rest) >= len(row) || null && v != nil || !bytes.HasSuffix(row, rest) {
				t.Fatalf("%x: %x, %v, %x", row, v, null, rest)
			}
			row = rest
		}
	})
}

func FuzzColumn(f *testing.F) {
	f.Add([]byte("\x03def\x00\x00\x00\x01a\x01a\x0c\x2d\x00\x00\x01\x00\x00\xfd\x00\x00\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, p []byte) {
		var c Column
		_ = c.parse(p)
		_ = parseError(p)
	})
}

// With TLS 1.3 a client ends its handshake before the server has looked at its certificate, and the alert by which the
// server refuses it may be lost when the connection breaks.
func TestRefusedCertificates(t *testing.T) {
	cfg := Config{Host: "db", Port: 3306, TLSMode: TLSRequired, TLS: &tls.Config{Certificates: make([]tls.Certificate, 1)}}
	for _, err := range []error{
		errors.New("remote error: tls: unknown certificate authority"), fmt.Errorf("reading: %w", io.ErrUnexpectedEOF),
		&net.OpError{Op: "write", Err: syscall.EPIPE}, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, mysql.ErrBadConn,
	} {
		if e := cfg.connectError(t.Context(), err); KindOf(e) != KindTLS || !strings.Contains(e.Error(), "does not accept the certificate") {
			t.Errorf("%v: %v", err, e)
		}
	}
}
