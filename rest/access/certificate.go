package access

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"regexp"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
)

const (
	mtlsSwitch = "rest.mtls.enable"
	mtlsName   = "rest.mtls.name.from"
	mtlsRules  = "rest.mtls.name.mapping.rules"
)

// certificates tells who holds a client certificate. Whether to trust it the TLS
// handshake has decided.
type certificates struct {
	from  string
	rules []mapping
}

// mapping is one rule of Kafka's ssl.principal.mapping.rules.
type mapping struct {
	pattern     *regexp.Regexp // nil: the name as it is (DEFAULT)
	replacement string
	letters     string // L, U or ""
}

func parseCertificates(p kafka.Properties) (*certificates, error) {
	c := &certificates{from: strings.ToLower(strings.TrimSpace(p[mtlsName]))}
	switch c.from {
	case "":
		c.from = "subject"
	case "subject", "san.dns", "san.uri", "san.email":
	default:
		return nil, invalid(mtlsName, fmt.Sprintf("%q is none of subject, san.dns, san.uri, san.email", c.from))
	}
	var err error
	c.rules, err = parseMappings(p[mtlsRules])
	return c, err
}

// mappingRule is one rule, up to its comma or line end (SslPrincipalMapper).
var mappingRule = regexp.MustCompile(`^\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)/((?:\\.|[^\\/])*)/([LU]?))\s*(?:[,\n]|$)`)

func parseMappings(text string) ([]mapping, error) {
	rest := strings.TrimSpace(text)
	if rest == "" {
		return []mapping{{}}, nil
	}
	var out []mapping
	for rest != "" {
		m := mappingRule.FindStringSubmatch(rest)
		if m == nil {
			return nil, invalid(mtlsRules, fmt.Sprintf("rule %d is neither DEFAULT nor RULE:pattern/replacement/[LU]", len(out)+1))
		}
		rest = strings.TrimSpace(rest[len(m[0]):])
		if m[1] != "" {
			out = append(out, mapping{})
			continue
		}
		re, err := regexp.Compile("^(?:" + m[2] + ")$")
		if err != nil {
			return nil, invalid(mtlsRules, fmt.Sprintf("rule %d: %v", len(out)+1, err))
		}
		out = append(out, mapping{re, javaReplacement(m[3]), m[4]})
	}
	return out, nil
}

var javaGroup = regexp.MustCompile(`\$(\d+)`)

// javaReplacement writes $1 as ${1}: Go's names of groups may be longer.
func javaReplacement(text string) string { return javaGroup.ReplaceAllString(text, `$${$1}`) }

// apply returns the name and whether the rule fits.
func (m mapping) apply(name string) (string, bool) {
	if m.pattern == nil {
		return name, true
	}
	if !m.pattern.MatchString(name) {
		return "", false
	}
	name = m.pattern.ReplaceAllString(name, m.replacement)
	switch m.letters {
	case "L":
		name = strings.ToLower(name)
	case "U":
		name = strings.ToUpper(name)
	}
	return name, name != ""
}

// identify reads the identity of a connection; known is false without a
// certificate that the handshake has verified.
func (c *certificates) identify(state *tls.ConnectionState) (id Identity, known bool, err error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return Identity{}, false, nil
	}
	cert := state.PeerCertificates[0]
	found := c.names(cert)
	for _, name := range found {
		for _, rule := range c.rules {
			if mapped, fits := rule.apply(name); fits {
				return Identity{Name: mapped}, true, nil
			}
		}
	}
	if len(found) == 0 {
		return Identity{}, false, herder.Errorf(herder.Unauthorised, "The client's certificate has no %s (%s)", c.from, mtlsName)
	}
	return Identity{}, false, herder.Errorf(herder.Unauthorised, "No rule of %s fits the client's certificate", mtlsRules)
}

func (c *certificates) names(cert *x509.Certificate) []string {
	switch c.from {
	case "san.dns":
		return cert.DNSNames
	case "san.email":
		return cert.EmailAddresses
	case "san.uri":
		var out []string
		for _, u := range cert.URIs {
			out = append(out, u.String())
		}
		return out
	}
	// The sequence keeps the order of the certificate, which its parsed form does not.
	var subject pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &subject); err != nil || len(rest) > 0 || len(subject) == 0 {
		return nil
	}
	return []string{subject.String()}
}
