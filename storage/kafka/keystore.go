package kafka

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// loadKey reads the private key and chain of a key store. As Java does, it looks
// at the content to tell JKS from PKCS12, whichever of them the type says.
func loadKey(kind, path, password, keyPassword string) (*tls.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "PEM":
		return pemKey(b, b, keyPassword)
	case isJKS(b):
		return jksKey(b, password, keyPassword)
	}
	key, leaf, others, err := pkcs12.DecodeChain(b, openedBy(b, password))
	if err != nil {
		return nil, openError(err)
	}
	return withChain(key, append([]*x509.Certificate{leaf}, others...))
}

// withChain finds the certificate of a key among all those of a store, which may also
// hold authorities that were imported before it, and behind it its issuers.
func withChain(key any, certs []*x509.Certificate) (*tls.Certificate, error) {
	signer, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return nil, errors.New("holds a private key of a kind that TLS does not know")
	}
	own, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return ok && own.Equal(c.PublicKey) })
	if i < 0 {
		return nil, errors.New("holds no certificate of its private key")
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: certs[i]}
	for last := certs[i]; last != nil && len(cert.Certificate) <= len(certs); last = issuer(last, certs) {
		cert.Certificate = append(cert.Certificate, last.Raw)
	}
	return cert, nil
}

// issuer is the certificate of who has signed c; nil for none, and for c itself.
func issuer(c *x509.Certificate, certs []*x509.Certificate) *x509.Certificate {
	for _, other := range certs {
		if bytes.Equal(other.RawSubject, c.RawIssuer) && !other.Equal(c) && other.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return other
		}
	}
	return nil
}

// openedBy is the password of a PKCS12 store: none where it has no checksum, as the
// authorities of newer JDKs, whatever is given. Java looks at none then either.
func openedBy(b []byte, password string) string {
	if _, err := pkcs12.DecodeTrustStore(b, password); err != nil && strings.Contains(err.Error(), "no MAC in data") {
		return ""
	}
	return password
}

// loadTrust reads the certificates that a trust store declares as trusted.
func loadTrust(kind, path, password string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "PEM":
		return pemCertificates(b)
	case isJKS(b):
		return jksCertificates(b, password)
	}
	password = openedBy(b, password)
	certs, err := pkcs12.DecodeTrustStore(b, password)
	if err == nil {
		return certs, nil
	}
	// A store with a key of its own: Java trusts the first certificate of it.
	key, leaf, others, keyErr := pkcs12.DecodeChain(b, password)
	if keyErr != nil {
		return nil, openError(err)
	}
	own, err := withChain(key, append([]*x509.Certificate{leaf}, others...))
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{own.Leaf}, nil
}

func openError(err error) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return errors.New("the password is wrong, or the file is damaged")
	}
	return fmt.Errorf("cannot be read: %w", err)
}

func isJKS(b []byte) bool { return bytes.HasPrefix(b, []byte{0xfe, 0xed, 0xfe, 0xed}) }

// openJKS checks the store's digest with the password. Java skips the check when
// there is no password; the digest is then cut off unseen.
func openJKS(b []byte, password string) (keystore.KeyStore, error) {
	ks := keystore.New(keystore.WithOrderedAliases(), keystore.WithCaseExactAliases())
	err := ks.Load(bytes.NewReader(b), []byte(password))
	switch {
	case err == nil:
		return ks, nil
	case strings.Contains(err.Error(), "invalid digest"):
		// The library reads all entries before it compares the digest.
		if password == "" {
			return ks, nil
		}
		return ks, errors.New("the password is wrong, or the file is damaged")
	}
	return ks, fmt.Errorf("cannot be read: %w", err)
}

func jksKey(b []byte, password, keyPassword string) (*tls.Certificate, error) {
	ks, err := openJKS(b, password)
	if err != nil {
		return nil, err
	}
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(alias, []byte(keyPassword))
		if err != nil {
			return nil, fmt.Errorf("the key %q cannot be opened with ssl.key.password: %w", alias, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("the key %q: %w", alias, err)
		}
		cert := &tls.Certificate{PrivateKey: key}
		for _, c := range entry.CertificateChain {
			cert.Certificate = append(cert.Certificate, c.Content)
		}
		return cert, nil
	}
	return nil, errors.New("holds no private key")
}

func jksCertificates(b []byte, password string) ([]*x509.Certificate, error) {
	ks, err := openJKS(b, password)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, alias := range ks.Aliases() {
		der, err := jksCertificate(ks, alias)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", alias, err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", alias, err)
		}
		certs = append(certs, c)
	}
	return certs, nil
}

func jksCertificate(ks keystore.KeyStore, alias string) ([]byte, error) {
	if entry, err := ks.GetTrustedCertificateEntry(alias); err == nil {
		return entry.Certificate.Content, nil
	}
	chain, err := ks.GetPrivateKeyEntryCertificateChain(alias)
	if err != nil || len(chain) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return chain[0].Content, nil
}

// pemKey reads a private key in PKCS#8, encrypted or not, and a chain.
func pemKey(keyPEM, chainPEM []byte, password string) (*tls.Certificate, error) {
	certs, err := pemCertificates(chainPEM)
	if err != nil {
		return nil, err
	}
	cert := &tls.Certificate{Leaf: certs[0]}
	for _, c := range certs {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	for block := range pemBlocks(keyPEM) {
		switch block.Type {
		case "PRIVATE KEY":
			cert.PrivateKey, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			cert.PrivateKey, err = pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password))
		case "RSA PRIVATE KEY", "EC PRIVATE KEY":
			err = errors.New("the key is not in PKCS#8 form: convert it with openssl pkcs8 -topk8")
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the private key cannot be read with ssl.key.password: %w", err)
		}
		return cert, nil
	}
	return nil, errors.New("no private key found in the PEM text")
}

func pemCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block := range pemBlocks(text) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("at least one certificate expected, but none found in the PEM text")
	}
	return certs, nil
}

// pemBlocks yields the blocks of a PEM text. In properties the lines may have
// been joined with blanks, which Java accepts: they are parted again.
func pemBlocks(text []byte) func(func(*pem.Block) bool) {
	return func(yield func(*pem.Block) bool) {
		rest := bytes.TrimSpace(text)
		if !bytes.Contains(rest, []byte("\n")) {
			rest = relinePEM(rest)
		}
		rest = append(bytes.Clone(rest), '\n')
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || !yield(block) {
				return
			}
		}
	}
}

// relinePEM puts the BEGIN and END markers of a one-line PEM text on lines of
// their own and removes blanks from what stands between.
func relinePEM(text []byte) []byte {
	parts := strings.Split(string(text), "-----")
	var b strings.Builder
	for _, part := range parts {
		part = strings.TrimSpace(part)
		switch {
		case strings.HasPrefix(part, "BEGIN "), strings.HasPrefix(part, "END "):
			b.WriteString("-----" + part + "-----\n")
		case part != "":
			b.WriteString(strings.Join(strings.Fields(part), "\n") + "\n")
		}
	}
	return []byte(b.String())
}
