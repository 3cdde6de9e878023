package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// forHost is a configuration for connections to a host. The host's name is looked for
// where Java looks for it; a configuration that checks in another way is left to it.
func forHost(cfg *tls.Config, host string) *tls.Config {
	cfg = cfg.Clone()
	cfg.ServerName = host
	if cfg.InsecureSkipVerify {
		return cfg
	}
	roots := cfg.RootCAs
	cfg.InsecureSkipVerify = true // which is done here
	cfg.VerifyConnection = func(cs tls.ConnectionState) error { return VerifyHost(cs.PeerCertificates, roots, host) }
	return cfg
}

// VerifyHost checks a server's certificates as crypto/tls does, and the host's name as
// Java's HostnameChecker and the drivers of MySQL: a certificate that has no names of
// hosts among its alternative ones may have it as its common name. roots are the
// system's when nil.
func VerifyHost(certs []*x509.Certificate, roots *x509.CertPool, host string) error {
	if len(certs) == 0 {
		return errors.New("tls: the server has sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range certs[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := certs[0].Verify(opts)
	var wrong x509.HostnameError
	if errors.As(err, &wrong) && hasCommonName(certs[0], host) {
		opts.DNSName = ""
		_, err = certs[0].Verify(opts)
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	}
	return nil
}

// hasCommonName reports whether a certificate without names of hosts is called like the
// host; a star stands for the first label. No address is a common name.
func hasCommonName(c *x509.Certificate, host string) bool {
	if len(c.DNSNames) > 0 || net.ParseIP(strings.Trim(host, "[]")) != nil {
		return false
	}
	name, host := strings.ToLower(c.Subject.CommonName), strings.ToLower(strings.TrimSuffix(host, "."))
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		label, domain, _ := strings.Cut(host, ".")
		return label != "" && strings.Contains(rest, ".") && domain == rest
	}
	return name != "" && name == host
}
