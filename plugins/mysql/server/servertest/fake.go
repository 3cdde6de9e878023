// Package servertest is a MySQL server for tests: it completes the handshake,
// lets everybody in, and leaves the rest to a function of the test.
package servertest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Config says how the server behaves.
type Config struct {
	Version string      // 8.4.0 when empty
	TLS     *tls.Config // offered when not nil
	// Refuse is sent instead of letting a client in, when not nil.
	Refuse *Refusal
	// Password asks for the password in clear text (mysql_clear_password), whether
	// the connection is secure or not, and says what is wrong with it; nil to ask for none.
	Password func(user, password string) *Refusal
	// Serve handles one connection after the login, until it returns.
	Serve func(c *Conn)
}

// Refusal is an error of the server.
type Refusal struct {
	Code    uint16
	State   string
	Message string
}

// Server is a running server.
type Server struct {
	cfg      Config
	listener net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	closed   bool
}

// Start runs a server until the end of the test.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Version == "" {
		cfg.Version = "8.4.0"
	}
	s := &Server{cfg: cfg, listener: l, conns: map[net.Conn]bool{}}
	s.wg.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Port is where the server listens on 127.0.0.1.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	_ = s.listener.Close()
	s.Disconnect()
	s.wg.Wait()
}

// Disconnect ends all connections.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *Server) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			_ = raw.Close()
		}
		s.conns[raw] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			c := &Conn{conn: raw, r: bufio.NewReader(raw)}
			if s.login(c) == nil {
				s.cfg.Serve(c)
			}
			_ = c.conn.Close()
			s.mu.Lock()
			delete(s.conns, raw)
			s.mu.Unlock()
		})
	}
}

// Capabilities that the server has (CLIENT_*).
const (
	capConnectWithDB  = 1 << 3
	capProtocol41     = 1 << 9
	capSSL            = 1 << 11
	capTransactions   = 1 << 13
	capSecure         = 1 << 15
	capPluginAuth     = 1 << 19
	capConnectAttrs   = 1 << 20
	capDeprecateEOF   = 1 << 24
	capQueryAttrs     = 1 << 27
	authPlugin        = "mysql_native_password"
	connectionID      = 7
	statusAutocommit  = 2
	handshakeVersion  = 10
	lengthOfScramble  = 21
	collationUTF8     = 45
	lengthOfSSLPacket = 32
)

func (s *Server) login(c *Conn) error {
	caps := uint32(capConnectWithDB | capProtocol41 | capTransactions | capSecure | capPluginAuth | capConnectAttrs | capDeprecateEOF | capQueryAttrs)
	if s.cfg.TLS != nil {
		caps |= capSSL
	}
	if err := c.Write(greeting(s.cfg.Version, caps)); err != nil {
		return err
	}
	answer, err := c.read()
	if err != nil {
		return err
	}
	if s.cfg.TLS != nil && len(answer) == lengthOfSSLPacket {
		secure := tls.Server(readAhead{c.conn, c.r}, s.cfg.TLS)
		if err := secure.Handshake(); err != nil {
			return err
		}
		c.conn, c.r, c.Secure = secure, bufio.NewReader(secure), true
		if answer, err = c.read(); err != nil {
			return err
		}
	}
	if s.cfg.Password != nil {
		if err := s.askPassword(c, answer); err != nil {
			return err
		}
	}
	if r := s.cfg.Refuse; r != nil {
		_ = c.Error(r.Code, r.State, r.Message)
		return errors.New("refused")
	}
	return c.OK()
}

func (s *Server) askPassword(c *Conn, answer []byte) error {
	if err := c.Write(append([]byte{0xfe}, "mysql_clear_password\x00"...)); err != nil {
		return err
	}
	p, err := c.read()
	if err != nil {
		return err
	}
	user, _, _ := bytes.Cut(answer[lengthOfSSLPacket:], []byte{0})
	if r := s.cfg.Password(string(user), string(bytes.TrimSuffix(p, []byte{0}))); r != nil {
		_ = c.Error(r.Code, r.State, r.Message)
		return errors.New("refused")
	}
	return nil
}

// readAhead is a connection of which some bytes are in a buffer already.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c readAhead) Read(b []byte) (int, error) { return c.r.Read(b) }

func greeting(version string, caps uint32) []byte {
	b := append([]byte{handshakeVersion}, version...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, connectionID)
	b = append(b, "scramble"...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps))
	b = append(b, collationUTF8)
	b = binary.LittleEndian.AppendUint16(b, statusAutocommit)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16))
	b = append(b, lengthOfScramble)
	b = append(b, make([]byte, 10)...)
	b = append(b, "twelve bytes"...)
	b = append(b, 0)
	return append(append(b, authPlugin...), 0)
}

// Conn is a client's connection, seen from the server.
type Conn struct {
	conn   net.Conn
	r      *bufio.Reader
	seq    byte
	Secure bool
}

// Command reads the next command. It fails with io.EOF when the client has gone.
func (c *Conn) Command() (code byte, arg []byte, err error) {
	c.seq = 0
	p, err := c.read()
	if err != nil {
		return 0, nil, err
	}
	if len(p) == 0 {
		return 0, nil, errors.New("empty command")
	}
	return p[0], p[1:], nil
}

func (c *Conn) read() ([]byte, error) {
	var out []byte
	for {
		var h [4]byte
		if _, err := io.ReadFull(c.r, h[:]); err != nil {
			return nil, err
		}
		n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		if h[3] != c.seq {
			return nil, fmt.Errorf("packet %d where %d belongs", h[3], c.seq)
		}
		c.seq++
		part := make([]byte, n)
		if _, err := io.ReadFull(c.r, part); err != nil {
			return nil, err
		}
		if out = append(out, part...); n < mostInPart {
			return out, nil
		}
	}
}

// Write sends packets with these payloads, split where they are longer than 16 MiB.
func (c *Conn) Write(payloads ...[]byte) error { return c.Raw(c.frames(payloads...)) }

func (c *Conn) frames(payloads ...[]byte) []byte {
	var out []byte
	for _, p := range payloads {
		for {
			n := min(len(p), mostInPart)
			out = append(out, byte(n), byte(n>>8), byte(n>>16), c.seq)
			out = append(out, p[:n]...)
			c.seq++
			if p = p[n:]; n < mostInPart {
				break
			}
		}
	}
	return out
}

// Stream begins a packet of so many bytes, which are then written piece by piece.
func (c *Conn) Stream(size int64) io.Writer {
	return &stream{conn: c, left: size, last: size%mostInPart == 0}
}

// stream splits a payload into parts of less than 16 MiB.
type stream struct {
	conn *Conn
	left int64 // of the payload, without what part holds
	part int64 // left of the part that has begun
	last bool  // an empty part ends it
}

const mostInPart = 1<<24 - 1

func (s *stream) Write(b []byte) (int, error) {
	var out []byte
	for done := 0; done < len(b); {
		if s.part == 0 {
			s.part = min(s.left, mostInPart)
			out = append(out, byte(s.part), byte(s.part>>8), byte(s.part>>16), s.conn.seq)
			s.conn.seq++
		}
		n := int(min(int64(len(b)-done), s.part))
		out = append(out, b[done:done+n]...)
		done += n
		s.part -= int64(n)
		s.left -= int64(n)
	}
	if s.left == 0 && s.part == 0 && s.last {
		out = append(out, 0, 0, 0, s.conn.seq)
		s.conn.seq++
	}
	return len(b), s.conn.Raw(out)
}

// Half sends the first half of what Write would send.
func (c *Conn) Half(payload []byte) error {
	b := c.frames(payload)
	return c.Raw(b[:len(b)/2])
}

// Raw sends bytes as they are.
func (c *Conn) Raw(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

// Splice passes on everything between the client and another server, until one of them ends its connection.
func (c *Conn) Splice(server net.Conn) {
	var both sync.WaitGroup
	for _, way := range []struct {
		from io.Reader
		to   io.Writer
	}{{c.r, server}, {server, c.conn}} {
		both.Go(func() {
			_, _ = io.Copy(way.to, way.from) // how it ends does not matter
			_ = server.Close()
			_ = c.conn.Close()
		})
	}
	both.Wait()
}

// OK answers a command that returns nothing.
func (c *Conn) OK() error { return c.Write([]byte{0, 0, 0, statusAutocommit, 0, 0, 0}) }

// Error answers a command with an error.
func (c *Conn) Error(code uint16, state, message string) error {
	b := binary.LittleEndian.AppendUint16([]byte{0xff}, code)
	return c.Write(append(append(append(b, '#'), state...), message...))
}

// Rows answers a query. A nil value is NULL.
func (c *Conn) Rows(columns []string, rows ...[]any) error {
	out := [][]byte{{byte(len(columns))}}
	for _, name := range columns {
		def := text(text(text(nil, "def"), ""), "")
		def = text(text(text(def, ""), name), name)
		def = append(def, 0x0c, collationUTF8, 0, 0, 1, 0, 0, 253, 0, 0, 0, 0, 0)
		out = append(out, def)
	}
	eof := []byte{0xfe, 0, 0, statusAutocommit, 0}
	out = append(out, eof)
	for _, row := range rows {
		var p []byte
		for _, v := range row {
			if v == nil {
				p = append(p, 0xfb)
			} else {
				p = text(p, fmt.Sprint(v))
			}
		}
		out = append(out, p)
	}
	return c.Write(append(out, eof)...)
}

// text appends a length-encoded string.
func text(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 0xfb:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		dst = append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	default:
		dst = binary.LittleEndian.AppendUint64(append(dst, 0xfe), uint64(n))
	}
	return append(dst, s...)
}
