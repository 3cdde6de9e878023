package kafka

import (
	"fmt"
	"os"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// SASL says how a client authenticates.
type SASL struct {
	Mechanism string // as in sasl.mechanism: PLAIN, SCRAM-SHA-256, AWS_MSK_IAM ...
	User      string // where the properties name one, else ""
	configure func(*sarama.Config)
	advice    func() string // what else to look at when a login is refused; may be nil
}

// securityProperties are read together by parseSecurity.
var securityProperties = []string{
	"security.protocol", "sasl.mechanism", "sasl.jaas.config", "sasl.client.callback.handler.class",
	"sasl.login.callback.handler.class", "sasl.login.class", "sasl.kerberos.service.name",
	"sasl.kerberos.ticket.renew.window.factor",
	"sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.header.urlencode", "sasl.oauthbearer.scope",
	"sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret",
	"sasl.oauthbearer.jwt.retriever.class", iamMechanism,
	"ssl.provider", "ssl.cipher.suites", "ssl.enabled.protocols", "ssl.keystore.type",
	"ssl.keystore.key", "ssl.keystore.certificate.chain", "ssl.truststore.certificates",
	"ssl.keystore.location", "ssl.keystore.password", "ssl.key.password", "ssl.truststore.type",
	"ssl.truststore.location", "ssl.truststore.password", "ssl.endpoint.identification.algorithm",
	"ssl.engine.factory.class",
}

func parseSecurity(s *Settings, p Properties) error {
	protocol := strings.ToUpper(strings.TrimSpace(p["security.protocol"]))
	var useTLS, useSASL bool
	switch protocol {
	case "", "PLAINTEXT":
	case "SSL":
		useTLS = true
	case "SASL_PLAINTEXT":
		useSASL = true
	case "SASL_SSL":
		useTLS, useSASL = true, true
	default:
		return propertyError("security.protocol", "%q is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", protocol)
	}
	if useTLS {
		cfg, err := ClientTLS(p)
		if err != nil {
			return err
		}
		s.TLS = cfg
	}
	if useSASL {
		sasl, err := parseSASL(s, p)
		if err != nil {
			return err
		}
		s.SASL = sasl
	}
	return nil
}

func parseSASL(s *Settings, p Properties) (*SASL, error) {
	mechanism := strings.TrimSpace(p["sasl.mechanism"])
	if mechanism == "" {
		mechanism = "GSSAPI"
	}
	module, err := loginModule(p)
	if err != nil {
		return nil, err
	}
	sasl := &SASL{Mechanism: mechanism}
	r := saslReader{properties: p, module: module, settings: s, sasl: sasl}
	if err := r.refuseJava(); err != nil {
		return nil, err
	}
	var configure func(*sarama.Config)
	switch mechanism {
	case "PLAIN":
		configure, err = r.plain()
	case "SCRAM-SHA-256":
		configure, err = r.scram(sarama.SASLTypeSCRAMSHA256, scram.SHA256)
	case "SCRAM-SHA-512":
		configure, err = r.scram(sarama.SASLTypeSCRAMSHA512, scram.SHA512)
	case "OAUTHBEARER":
		configure, err = r.oauth()
	case "AWS_MSK_IAM":
		configure, err = r.msk()
	case "GSSAPI":
		configure, err = r.kerberos()
	default:
		err = propertyError("sasl.mechanism", "%q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM, GSSAPI", mechanism)
	}
	if err != nil {
		return nil, err
	}
	sasl.configure = configure
	switch mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		sasl.User = module.Options["username"]
	case "GSSAPI":
		sasl.User = module.Options["principal"]
	}
	return sasl, nil
}

// loginModule finds the client's login module: in sasl.jaas.config, else in the
// KafkaClient context of the file that the Java system property
// java.security.auth.login.config names, which the usual start scripts pass in
// KAFKA_OPTS.
func loginModule(p Properties) (LoginModule, error) {
	const name = "sasl.jaas.config"
	text, given := p[name]
	if !given {
		return loginFromFile()
	}
	modules, err := ParseLoginModules(text)
	if err != nil {
		return LoginModule{}, propertyError(name, "%v", err)
	}
	if len(modules) != 1 {
		return LoginModule{}, propertyError(name, "JAAS config property contains %d login modules, should be 1 module", len(modules))
	}
	return modules[0], nil
}

func loginFromFile() (LoginModule, error) {
	const option = "java.security.auth.login.config"
	path := javaOption(option)
	if path == "" {
		return LoginModule{}, propertyError("sasl.jaas.config",
			"is missing: give the login module and its credentials, or name a JAAS file in KAFKA_OPTS with -D%s=FILE", option)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return LoginModule{}, fmt.Errorf("reading the login configuration named in KAFKA_OPTS: %w", err)
	}
	contexts, err := ParseLoginFile(string(b))
	if err != nil {
		return LoginModule{}, fmt.Errorf("reading the login configuration %s: %w", path, err)
	}
	if m := contexts["KafkaClient"]; len(m) > 0 {
		return m[0], nil
	}
	return LoginModule{}, fmt.Errorf("the login configuration %s has no KafkaClient context", path)
}

// saslReader turns a login module and the properties around it into sarama's
// settings for one mechanism.
type saslReader struct {
	properties Properties
	module     LoginModule
	settings   *Settings
	sasl       *SASL // being made
}

func (r saslReader) wants(classes ...string) error {
	for _, c := range classes {
		if r.module.Class == c {
			return nil
		}
	}
	return propertyError("sasl.jaas.config", "the login module %s does not fit the mechanism, which needs %s",
		r.module.Class, strings.Join(classes, " or "))
}

// callback refuses callback handlers that are Java code of the user's own.
func (r saslReader) callback(name string, known ...string) (string, error) {
	class := strings.TrimSpace(r.properties[name])
	for _, k := range append(known, "") {
		if class == k {
			return class, nil
		}
	}
	return "", propertyError(name, "%s %s", class, noJavaClass)
}

// refuseJava refuses classes that take over parts of the login and are not Kafka's
// own.
func (r saslReader) refuseJava() error {
	if _, err := r.callback("sasl.login.class"); err != nil {
		return err
	}
	_, err := r.callback("sasl.oauthbearer.jwt.retriever.class", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
	return err
}

func (r saslReader) credentials() (user, password string, err error) {
	user, password = r.module.Options["username"], r.module.Options["password"]
	if user == "" || r.module.Options["password"] == "" {
		return "", "", propertyError("sasl.jaas.config", "username and password must both be given")
	}
	return user, password, nil
}

func (r saslReader) plain() (func(*sarama.Config), error) {
	if err := r.wants("org.apache.kafka.common.security.plain.PlainLoginModule"); err != nil {
		return nil, err
	}
	user, password, err := r.credentials()
	return func(c *sarama.Config) {
		c.Net.SASL.Mechanism = sarama.SASLTypePlaintext
		c.Net.SASL.User, c.Net.SASL.Password = user, password
	}, err
}

func (r saslReader) scram(mechanism sarama.SASLMechanism, hash scram.HashGeneratorFcn) (func(*sarama.Config), error) {
	if err := r.wants("org.apache.kafka.common.security.scram.ScramLoginModule"); err != nil {
		return nil, err
	}
	if strings.EqualFold(r.module.Options["tokenauth"], "true") {
		return nil, propertyError("sasl.jaas.config", "delegation tokens (tokenauth) are not supported")
	}
	user, password, err := r.credentials()
	return func(c *sarama.Config) {
		c.Net.SASL.Mechanism = mechanism
		c.Net.SASL.User, c.Net.SASL.Password = user, password
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
	}, err
}

// scramClient is one SCRAM conversation.
type scramClient struct {
	hash scram.HashGeneratorFcn
	conv *scram.ClientConversation
}

func (s *scramClient) Begin(user, password, authzID string) error {
	c, err := s.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("preparing SCRAM: %w", err)
	}
	s.conv = c.NewConversation()
	return nil
}

func (s *scramClient) Step(challenge string) (string, error) { return s.conv.Step(challenge) }
func (s *scramClient) Done() bool                            { return s.conv.Done() }
