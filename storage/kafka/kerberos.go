package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/IBM/sarama"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

const krb5Module = "com.sun.security.auth.module.Krb5LoginModule"

// kerberosOptions are what Java's Krb5LoginModule and Kafka's KerberosLogin read.
type kerberosOptions struct {
	service   string
	principal string  // name@REALM, or a name in the default realm; "" for that of the ticket cache
	useKeyTab bool    // after the ticket cache, if both are to be used
	keyTab    string  // "" for krb5.conf's default_keytab_name
	cache     string  // "" without useTicketCache
	config    string  // krb5.conf
	window    float64 // part of a ticket's life after which it is renewed
}

// kerberos reads the properties of GSSAPI. The dialler authenticates: sarama logs in
// anew for each connection, and so would need the KDC each time, and asks for keys
// of types that the key tab may not have.
func (r saslReader) kerberos() (func(*sarama.Config), error) {
	o, err := r.kerberosOptions()
	if err != nil {
		return nil, err
	}
	login := newKerberosLogin(o)
	return r.dialled(saslMechanism{
		name: "GSSAPI",
		begin: func(ctx context.Context, host string) (saslExchange, error) {
			return await(ctx, func() (saslExchange, error) { return login.exchange(ctx, host) })
		},
	}), nil
}

func (r saslReader) kerberosOptions() (k kerberosOptions, err error) {
	if err := r.wants(krb5Module); err != nil {
		return k, err
	}
	o := r.module.Options
	k = kerberosOptions{
		principal: o["principal"], useKeyTab: strings.EqualFold(o["useKeyTab"], "true"), keyTab: withoutFile(o["keyTab"]),
		config: krb5Config(),
	}
	if strings.EqualFold(o["useTicketCache"], "true") {
		if k.cache = withoutFile(o["ticketCache"]); k.cache == "" {
			k.cache = defaultTicketCache()
		}
	}
	if k.service, err = r.serviceName(); err != nil {
		return k, err
	}
	if k.window, err = r.renewWindow(); err != nil {
		return k, err
	}
	switch {
	case !k.useKeyTab && k.cache == "":
		return k, propertyError("sasl.jaas.config", "useKeyTab=true with keyTab, or useTicketCache=true with ticketCache, must be given")
	case k.useKeyTab && k.principal == "":
		return k, propertyError("sasl.jaas.config", "the option principal is missing: name whose key of the key tab it is, as name@REALM")
	}
	return k, nil
}

// serviceName is the first part of the brokers' principals (KerberosLogin.getServiceName).
func (r saslReader) serviceName() (string, error) {
	const property = "sasl.kerberos.service.name"
	inJAAS, inProperty := r.module.Options["serviceName"], strings.TrimSpace(r.properties[property])
	switch {
	case inJAAS != "" && inProperty != "" && inJAAS != inProperty:
		return "", propertyError(property, "%q differs from serviceName=%q of the login module: give one of them", inProperty, inJAAS)
	case inJAAS != "":
		return inJAAS, nil
	case inProperty == "":
		return "", propertyError(property, "is missing: give the first part of the brokers' principal, usually kafka")
	}
	return inProperty, nil
}

func (r saslReader) renewWindow() (float64, error) {
	const property, otherwise = "sasl.kerberos.ticket.renew.window.factor", 0.8
	text := strings.TrimSpace(r.properties[property])
	if text == "" {
		return otherwise, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f <= 0 || f > 1 {
		return 0, propertyError(property, "%q is not a part of 1, such as 0.8", text)
	}
	return f, nil
}

// javaOption is a system property that the usual start scripts pass in KAFKA_OPTS.
func javaOption(name string) string {
	value := ""
	for _, option := range strings.Fields(os.Getenv("KAFKA_OPTS")) {
		if v, ok := strings.CutPrefix(option, "-D"+name+"="); ok {
			value = v // of several the last counts
		}
	}
	return value
}

// krb5Config finds krb5.conf: where Java's system property or MIT's variable, which
// may list several files, say, else at its usual place.
func krb5Config() string {
	if path := javaOption("java.security.krb5.conf"); path != "" {
		return path
	}
	paths := strings.Split(os.Getenv("KRB5_CONFIG"), ":")
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if paths[0] != "" {
		return paths[0]
	}
	return "/etc/krb5.conf"
}

// defaultTicketCache is that of Java (FileCredentialsCache.getDefaultCacheName).
func defaultTicketCache() string {
	if path := withoutFile(os.Getenv("KRB5CCNAME")); path != "" {
		return path
	}
	return fmt.Sprintf("%s/krb5cc_%d", strings.TrimSuffix(os.TempDir(), "/"), os.Getuid())
}

// withoutFile takes off the type of a key tab or ticket cache that is a file.
func withoutFile(path string) string {
	const kind = "FILE:"
	if len(path) >= len(kind) && strings.EqualFold(path[:len(kind)], kind) {
		return path[len(kind):]
	}
	return path
}

// brokerHost is the host in the name of a broker's service as Java chooses it: the
// name of an address, and the full name of a short one, in lower case
// (SaslChannelBuilder, and the JDK's PrincipalName).
func brokerHost(ctx context.Context, dns resolver, host string, canonical bool) string {
	address := host
	if net.ParseIP(host) == nil {
		if !canonical {
			return strings.ToLower(host)
		}
		found, err := dns.LookupHost(ctx, host)
		if err != nil || len(found) == 0 {
			return strings.ToLower(host)
		}
		address = found[0]
	}
	names, err := dns.LookupAddr(ctx, address)
	if err != nil || len(names) == 0 {
		return strings.ToLower(host)
	}
	name := strings.TrimSuffix(names[0], ".")
	if address == host || strings.HasPrefix(strings.ToLower(name), strings.ToLower(host)+".") {
		return strings.ToLower(name)
	}
	return strings.ToLower(host)
}

// gssExchange presents a service ticket and agrees on no protection of what follows
// (RFC 4752, 3.1).
type gssExchange struct {
	login  *kerberosLogin
	ticket *kerberosTicket
	host   string // that the ticket is kept under
	steps  int
}

func (e *gssExchange) next(challenge []byte) ([]byte, error) {
	e.steps++
	switch e.steps {
	case 1:
		token, err := e.ticket.present()
		if err != nil {
			return nil, fmt.Errorf("presenting a Kerberos ticket: %w", err)
		}
		return token, nil
	case 2:
		return e.layer(challenge)
	}
	return nil, nil
}

// present is the mechanism's first message (RFC 2743, 3.1, and RFC 4121, 4.1): the
// ticket, and the proof that it is the client's. It asks for no proof of the broker's,
// as Java's clients do not.
func (t *kerberosTicket) present() ([]byte, error) {
	who, err := types.NewAuthenticator(t.by.Credentials.Domain(), t.by.Credentials.CName())
	if err != nil {
		return nil, err
	}
	checksum := make([]byte, 24) // length of the channel bindings, which are none, and flags
	binary.LittleEndian.PutUint32(checksum, 16)
	binary.LittleEndian.PutUint32(checksum[20:], gssapi.ContextFlagInteg|gssapi.ContextFlagConf)
	who.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum}
	request, err := messages.NewAPReq(t.ticket, t.key, who)
	if err != nil {
		return nil, err
	}
	b, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	oid := []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2} // 1.2.840.113554.1.2.2
	return asn1tools.AddASNAppTag(slices.Concat(oid, []byte{1, 0}, b), 0), nil
}

// layer answers the offer of security layers.
func (e *gssExchange) layer(offer []byte) ([]byte, error) {
	const none = 1 // authentication only, which is all that Kafka does
	var token gssapi.WrapToken
	err := token.Unmarshal(offer, true)
	if err == nil {
		_, err = token.Verify(e.ticket.key, keyusage.GSSAPI_ACCEPTOR_SEAL)
	}
	if err == nil && (len(token.Payload) < 4 || token.Payload[0]&none == 0) {
		err = errors.New("it wants to protect the connection itself")
	}
	if err != nil {
		return nil, fmt.Errorf("the broker's answer to a Kerberos ticket is of no use: %w", err)
	}
	answer, err := gssapi.NewInitiatorWrapToken([]byte{none, 0, 0, 0}, e.ticket.key)
	if err != nil {
		return nil, err
	}
	return answer.Marshal()
}

// refused also forgets the ticket: a broker that has a new key wants a new one.
func (e *gssExchange) refused(reason string) error {
	e.login.forget(e.host)
	return fmt.Errorf("%w: %s (the ticket is for %s: is that the principal of the broker's own key tab, with its present key, and is this machine's clock right?)",
		sarama.ErrSASLAuthenticationFailed, reason, e.ticket.name())
}
