package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/plugins/connect"
)

// Kind says what went wrong, for those who must decide what to do about it.
type Kind uint8

// The kinds of errors.
const (
	KindOther       Kind = iota
	KindUnknownHost      // the host name does not resolve
	KindUnreachable      // nothing answers at host and port
	KindNotMySQL         // something answers, but not as a MySQL server does
	KindTimeout          // no connection within the time allowed
	KindLogin            // wrong user or password
	KindHostDenied       // the server lets nobody in from here
	KindTLS              // no secure connection is possible
	KindTLSRequired      // the server insists on a secure connection
	KindBusy             // too many connections
	KindPrivilege        // the user may not do this
	KindNoBinlog         // log_bin is off
	KindServerID         // another replica has the same server id
	KindPurged           // the binlog that is needed is gone
	KindLost             // the connection broke
	KindSilent           // the server has stopped sending
	KindProtocol         // the server sent what it should not
)

// Error is a failure with its kind. Property names the connector property at
// fault, "" for none. Message says how to mend it.
type Error struct {
	Kind     Kind
	Property string
	Message  string
	Code     uint16 // of the server's error, 0 for none
	Err      error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of err, KindOther for errors of other origin.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindOther
}

// Retriable reports whether the same attempt may succeed later without anyone
// changing the configuration.
func Retriable(err error) bool {
	switch KindOf(err) {
	case KindUnreachable, KindTimeout, KindBusy, KindLost, KindSilent:
		return true
	}
	return false
}

// ErrorClass implements connect.Classified.
func (e *Error) ErrorClass() connect.Class {
	switch e.Kind {
	case KindUnreachable, KindTimeout, KindBusy, KindLost, KindSilent:
		return connect.ClassRetriable
	case KindUnknownHost, KindNotMySQL, KindLogin, KindHostDenied, KindTLS, KindTLSRequired, KindPrivilege, KindNoBinlog, KindServerID:
		return connect.ClassConfig
	case KindPurged, KindProtocol:
		return connect.ClassFatal
	}
	return ""
}

// Passing reports whether an error of connecting may pass by itself where
// connecting has worked before: what is Retriable, and what a server says, or a
// name server, while a server is replaced, a user is made anew or a certificate
// renewed.
func Passing(err error) bool {
	switch KindOf(err) {
	case KindLogin, KindHostDenied, KindUnknownHost, KindNotMySQL, KindTLS, KindTLSRequired:
		return true
	}
	return Retriable(err)
}

// Error codes of the server (mysqld_error.h).
const (
	codeConCount         = 1040
	codeDBAccessDenied   = 1044
	codeAccessDenied     = 1045
	codeShutdown         = 1053
	codeHostBlocked      = 1129
	codeHostDenied       = 1130
	codeTableDenied      = 1142
	codeUserConnections  = 1203
	codeSpecificDenied   = 1227
	codeFatalReplication = 1236
	codeNoBinlogging     = 1381
	codeSecureTransport  = 3159
	codeParse            = 1064
	codeUnknownVariable  = 1193
)

var errTimeout = errors.New("timed out")

// connectError explains why no connection could be made.
func (c *Config) connectError(ctx context.Context, err error) error {
	addr := c.address()
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("connecting to %s: %w", addr, cause)
	}
	var dns *net.DNSError
	var timeout net.Error
	var code *mysql.MyError
	switch {
	case errors.As(err, &code):
		return c.refusal(code)
	case errors.As(err, &dns):
		return &Error{Kind: KindUnknownHost, Property: "database.hostname", Err: err,
			Message: fmt.Sprintf("database.hostname: the name %q cannot be resolved; check its spelling and the DNS of this machine", c.Host)}
	case errors.Is(err, errClearText):
		return &Error{Kind: KindTLSRequired, Property: "database.ssl.mode", Err: err,
			Message: fmt.Sprintf("database.ssl.mode is %s, and the connection to %s is not secure, so that the password of user %q is not sent; set database.ssl.mode to required", c.TLSMode, addr, c.User)}
	case errors.Is(err, errPublicKey):
		return &Error{Kind: KindTLSRequired, Property: "database.ssl.mode", Err: err,
			Message: fmt.Sprintf("driver.allowPublicKeyRetrieval is false, and without TLS user %q cannot log in at %s otherwise; set database.ssl.mode to required, or driver.allowPublicKeyRetrieval to true", c.User, addr)}
	case isTLS(err):
		return c.tlsError(err)
	case strings.Contains(err.Error(), "does not support TLS"):
		return &Error{Kind: KindTLS, Property: "database.ssl.mode", Err: err,
			Message: fmt.Sprintf("database.ssl.mode is %s, but the server at %s offers no TLS; give it a certificate or set database.ssl.mode to preferred or disabled", c.TLSMode, addr)}
	case errors.Is(err, errTimeout), errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Kind: KindTimeout, Property: "database.hostname", Err: err,
			Message: fmt.Sprintf("database.hostname, database.port: no MySQL server answered at %s within connect.timeout.ms (%s)", addr, c.timeout())}
	case isDial(err):
		return &Error{Kind: KindUnreachable, Property: "database.hostname", Err: err,
			Message: fmt.Sprintf("database.hostname, database.port: nothing answers at %s; check that the server runs and that no firewall is between", addr)}
	case c.showsCertificate() && isBroken(err):
		return c.tlsError(err) // with TLS 1.3 the server's alert may be lost with the connection
	case strings.Contains(err.Error(), "auth plugin"):
		return &Error{Kind: KindLogin, Property: "database.user", Err: err,
			Message: fmt.Sprintf("database.user: user %q authenticates with a plugin that is not supported%s; use caching_sha2_password, sha256_password, mysql_native_password or ed25519", c.User, pluginOf(err))}
	}
	return &Error{Kind: KindNotMySQL, Property: "database.port", Err: err,
		Message: fmt.Sprintf("database.port: the server at %s does not complete a MySQL handshake", addr)}
}

var namedPlugin = regexp.MustCompile(`auth plugin (?:name )?'([^']+)'`)

// pluginOf names the plugin that the client's side of the login does not know.
func pluginOf(err error) string {
	if m := namedPlugin.FindStringSubmatch(err.Error()); m != nil {
		return " (" + m[1] + " on this side)"
	}
	return ""
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &header) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "tls: ")
}

// isBroken reports whether the server closed the connection without a word.
func isBroken(err error) bool {
	for _, sign := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) || strings.Contains(err.Error(), sign.Error()) { // go-mysql's errors hide their cause
			return true
		}
	}
	return strings.Contains(err.Error(), mysql.ErrBadConn.Error())
}

// showsCertificate reports whether the server gets to see a client's certificate.
func (c *Config) showsCertificate() bool {
	return c.TLSMode != TLSDisabled && c.TLS != nil && len(c.TLS.Certificates) > 0
}

func (c *Config) tlsError(err error) error {
	e := &Error{Kind: KindTLS, Property: "database.ssl.mode", Err: err}
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		e.Message = fmt.Sprintf("database.ssl.mode is %s, but the certificate of %s is valid only from %s to %s; renew it on the server, or correct the clock of this machine",
			c.TLSMode, c.address(), day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter))
	case c.showsCertificate() && (isBroken(err) || strings.Contains(err.Error(), "remote error: tls:")):
		e.Property = "database.ssl.keystore"
		e.Message = fmt.Sprintf("database.ssl.keystore: the server at %s does not accept the certificate of the key store; it must be valid and signed by an authority of the server's ssl_ca", c.address())
	case errors.As(err, &host):
		e.Message = fmt.Sprintf("database.ssl.mode is %s, but the certificate of %s was not issued for that name; use the name in database.hostname or set database.ssl.mode to verify_ca", c.TLSMode, c.address())
	case c.TLSMode == TLSVerifyCA || c.TLSMode == TLSVerifyIdentity:
		e.Property = "database.ssl.truststore"
		e.Message = fmt.Sprintf("database.ssl.truststore: the certificate of %s is not signed by a certificate authority that is trusted here", c.address())
	default:
		e.Message = fmt.Sprintf("database.ssl.mode is %s, but the TLS handshake with %s failed", c.TLSMode, c.address())
	}
	return e
}

func day(t time.Time) string { return t.UTC().Format(time.DateTime + " UTC") }

// refusal explains an error that the server sent while connecting.
func (c *Config) refusal(err *mysql.MyError) error {
	e := &Error{Code: err.Code, Err: err}
	switch err.Code {
	case codeAccessDenied, codeDBAccessDenied:
		e.Kind, e.Property = KindLogin, "database.user"
		e.Message = fmt.Sprintf("database.user, database.password: the server at %s does not let user %q in", c.address(), c.User)
	case codeHostDenied, codeHostBlocked:
		e.Kind, e.Property = KindHostDenied, "database.user"
		e.Message = fmt.Sprintf("database.user: the server at %s accepts no connection from this machine; create the user for this host, or run FLUSH HOSTS if it is blocked", c.address())
	case codeSecureTransport:
		e.Kind, e.Property = KindTLSRequired, "database.ssl.mode"
		e.Message = fmt.Sprintf("database.ssl.mode is %s, but the server at %s requires TLS (require_secure_transport); set database.ssl.mode to required", c.TLSMode, c.address())
	case codeConCount, codeUserConnections:
		e.Kind = KindBusy
		e.Message = fmt.Sprintf("the server at %s has too many connections", c.address())
	case codeShutdown:
		e.Kind = KindUnreachable
		e.Message = fmt.Sprintf("the server at %s is shutting down", c.address())
	default:
		e.Message = fmt.Sprintf("the server at %s refused the connection", c.address())
	}
	return e
}

// parseError makes an error of an ERR packet.
func parseError(p []byte) *mysql.MyError {
	e := &mysql.MyError{Message: "malformed error packet"}
	if len(p) < 3 {
		return e
	}
	e.Code = binary.LittleEndian.Uint16(p[1:])
	p = p[3:]
	if len(p) >= 6 && p[0] == '#' {
		e.State, p = string(p[1:6]), p[6:]
	}
	e.Message = string(p)
	return e
}

// queryError explains an error that the server sent for a statement.
func queryError(statement string, err *mysql.MyError) error {
	e := &Error{Code: err.Code, Err: err, Message: "running " + shorten(statement)}
	switch err.Code {
	case codeSpecificDenied, codeTableDenied, codeDBAccessDenied, codeAccessDenied:
		e.Kind, e.Property = KindPrivilege, "database.user"
	case codeNoBinlogging:
		e.Kind = KindNoBinlog
	case codeShutdown:
		e.Kind = KindLost
	}
	return e
}

func shorten(statement string) string {
	const most = 200
	if len(statement) > most {
		return statement[:most] + "..."
	}
	return statement
}

// IsCode reports whether err is the server's error with this code.
func IsCode(err error, code uint16) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
