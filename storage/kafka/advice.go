package kafka

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/IBM/sarama"
)

// Advised adds to an error by which a connection is lost or cannot be made anew
// which settings to look at, unless it says so.
func (s *Settings) Advised(err error) error {
	if text := s.hint(err); text != "" && !strings.Contains(err.Error(), text) {
		return fmt.Errorf("%w%s", err, text)
	}
	return err
}

// advice names the settings to look at when the first connection cannot be made;
// "" when the error says it all. That a broker closed it says something of them
// only then: it closes good ones when it ends.
func (s *Settings) advice(err error) string {
	text := s.hint(err)
	closed := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) // which depends on what it had read
	switch {
	case text != "" || !closed || errors.As(err, new(*loginError)):
		return text
	case s.SASL != nil:
		return "; a broker closed the connection: do security.protocol and sasl.mechanism fit its listener, and sasl.jaas.config its users?"
	}
	return "; a broker closed the connection: does security.protocol fit its listener?"
}

// hint names the settings that an error speaks of, at any time.
func (s *Settings) hint(err error) string {
	if text := certificateAdvice(err); text != "" {
		return "; " + text
	}
	var login *loginError
	switch {
	case errors.As(err, &login):
		return "" // no broker has said anything yet
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		text := "; check sasl.mechanism and sasl.jaas.config"
		if s.SASL != nil && s.SASL.advice != nil {
			text += s.SASL.advice()
		}
		return text
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "; the broker's listener does not use TLS: does security.protocol fit it?"
	}
	return ""
}

// certificateAdvice is about certificates that this side or the other refuses. The
// alerts of the other side (RFC 8446, 6.2) come as text.
func certificateAdvice(err error) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate is not valid at the time of this machine's clock: renew it, or set the clock"
	case errors.As(err, &name):
		return "the broker's certificate is made out to other names: use one of them in bootstrap.servers and advertised.listeners," +
			" or switch the check off with an empty ssl.endpoint.identification.algorithm"
	case errors.As(err, &authority):
		return "nobody in ssl.truststore.location (or ssl.truststore.certificates) has signed the broker's certificate"
	}
	text := err.Error()
	for _, alert := range []string{"remote error: tls: expired certificate", "remote error: tls: bad certificate",
		"remote error: tls: unknown certificate", "remote error: tls: certificate required", "remote error: tls: revoked certificate"} {
		if strings.Contains(text, alert) {
			return "the broker does not accept the client's certificate, which is that of ssl.keystore.location (or ssl.keystore.certificate.chain)"
		}
	}
	return ""
}
