package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// ClientTLS makes the TLS configuration that Java's ssl.* properties describe,
// for connections to a server (DefaultSslEngineFactory). Errors are
// PropertyErrors and hold no passwords.
func ClientTLS(p Properties) (*tls.Config, error) { return clientTLS(p, false) }

// PeerTLS is ClientTLS for connections between workers, whose listeners have the
// same properties: without a trust store they also trust what the key store holds,
// as Jetty does (SslContextFactory.loadTrustStore).
func PeerTLS(p Properties) (*tls.Config, error) { return clientTLS(p, true) }

func clientTLS(p Properties, peer bool) (*tls.Config, error) {
	cfg, err := commonTLS(p)
	if err != nil {
		return nil, err
	}
	if cfg.RootCAs, err = trustStore(p); err != nil {
		return nil, err
	}
	if cfg.RootCAs == nil {
		if err := trustByDefault(cfg, p, peer); err != nil {
			return nil, err
		}
	}
	if path := strings.TrimSpace(p["ssl.keystore.location"]); len(cfg.Certificates) > 0 && path != "" {
		cfg.GetClientCertificate = (&renewed{path: path, load: func() (*tls.Certificate, error) { return keyStore(p) }}).get
	}
	switch algorithm, given := p["ssl.endpoint.identification.algorithm"]; {
	case !given, strings.EqualFold(strings.TrimSpace(algorithm), "https"):
	case strings.TrimSpace(algorithm) == "":
		skipHostName(cfg)
	default:
		return nil, propertyError("ssl.endpoint.identification.algorithm", "%q is neither https nor empty", algorithm)
	}
	return cfg, nil
}

// trustByDefault is for a client without a trust store: it trusts the JVM's, if
// KAFKA_OPTS names one, else the authorities of the system.
func trustByDefault(cfg *tls.Config, p Properties, peer bool) (err error) {
	const option = "javax.net.ssl.trustStore"
	if path := javaOption(option); path != "" {
		if cfg.RootCAs, err = inPool("-D"+option+" in KAFKA_OPTS", path)(loadTrust("JKS", path, javaOption(option+"Password"))); err != nil {
			return err
		}
	}
	if !peer || len(cfg.Certificates) == 0 {
		return nil
	}
	if cfg.RootCAs == nil {
		if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
			cfg.RootCAs = x509.NewCertPool()
		}
	}
	return addOwn(cfg.RootCAs, p, cfg.Certificates[0])
}

// skipHostName leaves the check of the certificate chain on and that of the
// host name off.
func skipHostName(cfg *tls.Config) {
	roots := cfg.RootCAs
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range cs.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		_, err := cs.PeerCertificates[0].Verify(opts)
		return err
	}
}

// ServerTLS makes the TLS configuration of an HTTPS listener from the same
// properties and ssl.client.auth (none, requested or required).
func ServerTLS(p Properties) (*tls.Config, error) {
	cfg, err := commonTLS(p)
	if err != nil {
		return nil, err
	}
	if len(cfg.Certificates) == 0 {
		return nil, propertyError("ssl.keystore.location", "is missing: an HTTPS listener needs a key store with its private key and certificate")
	}
	switch auth := strings.ToLower(strings.TrimSpace(p["ssl.client.auth"])); auth {
	case "", "none":
		return cfg, nil
	case "requested":
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	case "required":
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, propertyError("ssl.client.auth", "%q is none of none, requested, required", auth)
	}
	if cfg.ClientCAs, err = trustStore(p); err != nil || cfg.ClientCAs != nil {
		return cfg, err
	}
	// As in Java, and never the authorities of the system: those certify anybody.
	cfg.ClientCAs = x509.NewCertPool()
	return cfg, addOwn(cfg.ClientCAs, p, cfg.Certificates[0])
}

// addOwn adds the certificates that the key store holds to those that are trusted.
func addOwn(pool *x509.CertPool, p Properties, own tls.Certificate) error {
	kind, err := storeType(p, "ssl.keystore.type")
	if err != nil {
		return err
	}
	location := strings.TrimSpace(p["ssl.keystore.location"])
	if location == "" || kind == "PEM" {
		leaf, err := x509.ParseCertificate(own.Certificate[0])
		if err != nil {
			return propertyError("ssl.keystore.certificate.chain", "%v", err)
		}
		pool.AddCert(leaf)
		return nil
	}
	password, _ := secret(p, "ssl.keystore.password")
	certs, err := loadTrust(kind, location, password)
	for _, c := range certs {
		pool.AddCert(c)
	}
	return storeError("ssl.keystore.location", location, err)
}

func commonTLS(p Properties) (*tls.Config, error) {
	cfg := &tls.Config{}
	for _, name := range []string{"ssl.engine.factory.class", "ssl.provider"} {
		if strings.TrimSpace(p[name]) != "" {
			return nil, propertyError(name, "%s", noJavaClass)
		}
	}
	if err := setVersions(cfg, p); err != nil {
		return nil, err
	}
	if err := setCiphers(cfg, p); err != nil {
		return nil, err
	}
	cert, err := keyStore(p)
	if err != nil {
		return nil, err
	}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return cfg, nil
}

// setVersions applies ssl.enabled.protocols or, without it, Java's default of
// TLS 1.2 and 1.3.
func setVersions(cfg *tls.Config, p Properties) error {
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	names := splitList(p["ssl.enabled.protocols"])
	if len(names) == 0 {
		return nil
	}
	known := map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	var versions []uint16
	for _, n := range names {
		v, ok := known[n]
		if !ok {
			return propertyError("ssl.enabled.protocols", "%q is none of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3", n)
		}
		versions = append(versions, v)
	}
	cfg.MinVersion, cfg.MaxVersion = slices.Min(versions), slices.Max(versions)
	return nil
}

// setCiphers applies ssl.cipher.suites. Those of TLS 1.3 cannot be chosen and are
// always on. Of the others some are not there, as all with DHE: they are left out as
// long as one remains.
func setCiphers(cfg *tls.Config, p Properties) error {
	known := map[string]uint16{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		known[s.Name] = s.ID
	}
	names := splitList(p["ssl.cipher.suites"])
	for _, name := range names {
		id, ok := known[name]
		switch {
		case ok:
			cfg.CipherSuites = append(cfg.CipherSuites, id)
		case !strings.HasPrefix(name, "TLS_") && !strings.HasPrefix(name, "SSL_"):
			return propertyError("ssl.cipher.suites", "%q is no name of a cipher suite", name)
		}
	}
	if len(names) > 0 && len(cfg.CipherSuites) == 0 {
		return propertyError("ssl.cipher.suites", "none of %s is supported; there are %s", strings.Join(names, ", "), strings.Join(secureCiphers(), ", "))
	}
	return nil
}

func secureCiphers() []string {
	var out []string
	for _, s := range tls.CipherSuites() {
		out = append(out, s.Name)
	}
	return out
}

// secret reads a property that Java declares as a password: absent and empty differ.
func secret(p Properties, name string) (value string, given bool) {
	v, ok := p[name]
	return strings.TrimSpace(v), ok
}

// keyStore reads the client's or server's own key and certificates; nil when
// the properties name none. The combinations are those of Java's createKeystore.
func keyStore(p Properties) (*tls.Certificate, error) {
	kind, err := storeType(p, "ssl.keystore.type")
	if err != nil {
		return nil, err
	}
	location := strings.TrimSpace(p["ssl.keystore.location"])
	password, hasPassword := secret(p, "ssl.keystore.password")
	keyPassword, hasKeyPassword := secret(p, "ssl.key.password")
	key, hasKey := secret(p, "ssl.keystore.key")
	chain, hasChain := secret(p, "ssl.keystore.certificate.chain")
	switch {
	case hasKey || hasChain:
		if err := checkInlineKey(kind, location, hasPassword, hasKey, hasChain); err != nil {
			return nil, err
		}
		return inStore("ssl.keystore.key", "")(pemKey([]byte(key), []byte(chain), keyPassword))
	case location == "" && hasPassword:
		return nil, propertyError("ssl.keystore.password", "is set, but ssl.keystore.location is not")
	case location == "":
		return nil, nil
	case kind == "PEM" && hasPassword:
		return nil, propertyError("ssl.keystore.password", "cannot be used with PEM: an encrypted key is opened with ssl.key.password")
	case kind != "PEM" && !hasPassword:
		return nil, propertyError("ssl.keystore.password", "is missing, but ssl.keystore.location is set")
	}
	if !hasKeyPassword {
		keyPassword = password
	}
	return inStore("ssl.keystore.location", location)(loadKey(kind, location, password, keyPassword))
}

func checkInlineKey(kind, location string, hasPassword, hasKey, hasChain bool) error {
	switch {
	case !hasChain:
		return propertyError("ssl.keystore.certificate.chain", "is missing, but ssl.keystore.key is set")
	case !hasKey:
		return propertyError("ssl.keystore.key", "is missing, but ssl.keystore.certificate.chain is set")
	case kind != "PEM":
		return propertyError("ssl.keystore.type", "must be PEM when ssl.keystore.key is set, but is %s", kind)
	case location != "":
		return propertyError("ssl.keystore.location", "cannot be combined with ssl.keystore.key")
	case hasPassword:
		return propertyError("ssl.keystore.password", "cannot be used with PEM: an encrypted key is opened with ssl.key.password")
	}
	return nil
}

// trustStore reads the certificates to trust; nil means those of the system.
func trustStore(p Properties) (*x509.CertPool, error) {
	kind, err := storeType(p, "ssl.truststore.type")
	if err != nil {
		return nil, err
	}
	location := strings.TrimSpace(p["ssl.truststore.location"])
	password, hasPassword := secret(p, "ssl.truststore.password")
	inline, hasInline := secret(p, "ssl.truststore.certificates")
	switch {
	case hasInline && kind != "PEM":
		return nil, propertyError("ssl.truststore.type", "must be PEM when ssl.truststore.certificates is set, but is %s", kind)
	case hasInline && location != "":
		return nil, propertyError("ssl.truststore.location", "cannot be combined with ssl.truststore.certificates")
	case kind == "PEM" && hasPassword:
		return nil, propertyError("ssl.truststore.password", "cannot be used with PEM")
	case hasInline:
		return inPool("ssl.truststore.certificates", "")(pemCertificates([]byte(inline)))
	case location == "" && hasPassword:
		return nil, propertyError("ssl.truststore.password", "is set, but ssl.truststore.location is not")
	case location == "":
		return nil, nil
	}
	return inPool("ssl.truststore.location", location)(loadTrust(kind, location, password))
}

func storeType(p Properties, name string) (string, error) {
	switch v := strings.ToUpper(strings.TrimSpace(p[name])); v {
	case "":
		return "JKS", nil
	case "JKS", "PKCS12", "PEM":
		return v, nil
	default:
		return "", propertyError(name, "the store type %q is none of JKS, PKCS12, PEM", v)
	}
}

func inStore(property, path string) func(*tls.Certificate, error) (*tls.Certificate, error) {
	return func(c *tls.Certificate, err error) (*tls.Certificate, error) {
		return c, storeError(property, path, err)
	}
}

func inPool(property, path string) func([]*x509.Certificate, error) (*x509.CertPool, error) {
	return func(certs []*x509.Certificate, err error) (*x509.CertPool, error) {
		if err == nil && len(certs) == 0 {
			err = errors.New("holds no trusted certificate")
		}
		if err != nil {
			return nil, storeError(property, path, err)
		}
		pool := x509.NewCertPool()
		for _, c := range certs {
			pool.AddCert(c)
		}
		return pool, nil
	}
}

func storeError(property, path string, err error) error {
	var pathErr *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pathErr): // it names the file itself
		return propertyError(property, "%v", pathErr)
	case path == "":
		return propertyError(property, "%v", err)
	}
	return propertyError(property, "%s: %v", path, err)
}
