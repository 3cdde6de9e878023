package registry

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
)

// Config configures a Serde.
type Config struct {
	Client ClientConfig

	AutoRegister   bool // auto.register.schemas
	Normalize      bool // normalize.schemas
	UseSchemaID    int  // use.schema.id, -1 for none
	IDStrict       bool // id.compatibility.strict
	UseLatest      bool // use.latest.version
	LatestStrict   bool // latest.compatibility.strict
	LatestTTL      time.Duration
	KeySubject     Strategy
	ValueSubject   Strategy
	CacheSize      int // schemas.cache.config: compiled schemas kept
	MaxPerSubject  int // max.schemas.per.subject: ids and parsed schemas kept
	SumTypes       bool
	IgnoreDefaults bool // ignore.default.for.nullables
}

// ClientConfig configures a Client.
type ClientConfig struct {
	URLs      []string
	Randomize bool // schema.registry.url.randomize: start with any of the URLs
	Header    http.Header
	Auth      Authenticator // nil for none
	TLS       *tls.Config   // nil for Go's own
	Proxy     *url.URL      // nil for the environment's

	ConnectTimeout, ReadTimeout time.Duration
	MaxRetries                  int
	RetryWait, MaxRetryWait     time.Duration
}

const (
	urlsKey          = "schema.registry.url"
	basicSourceKey   = "basic.auth.credentials.source"
	userInfoKey      = "basic.auth.user.info"
	oldUserInfoKey   = "schema.registry.basic.auth.user.info"
	bearerSourceKey  = "bearer.auth.credentials.source"
	bearerTokenKey   = "bearer.auth.token"
	issuerKey        = "bearer.auth.issuer.endpoint.url"
	clientIDKey      = "bearer.auth.client.id"
	clientSecretKey  = "bearer.auth.client.secret"
	keyStrategyKey   = "key.subject.name.strategy"
	valueStrategyKey = "value.subject.name.strategy"
	headerPrefix     = "request.header."
	clientPrefix     = "schema.registry."
)

// Def declares the properties that the three converters share, followed by
// those of one of them (AbstractKafkaSchemaSerDeConfig, AbstractDataConfig).
func Def(own ...configdef.Key) *configdef.Def {
	flag := func(name, def, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Boolean, Default: configdef.Text(def), Importance: configdef.Medium, Doc: doc}
	}
	number := func(name, def, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Int, Default: configdef.Text(def), Importance: configdef.Low, Doc: doc}
	}
	text := func(name, def, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.String, Default: configdef.Text(def), Importance: configdef.Medium, Doc: doc}
	}
	secret := func(name, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Password, Default: configdef.Text(""), Importance: configdef.Medium, Doc: doc}
	}
	keys := []configdef.Key{
		{Name: urlsKey, Type: configdef.List, Importance: configdef.High, Validate: configdef.NonEmptyList(),
			Doc: "URLs of the schema registry; when one does not answer the next is asked."},
		flag("schema.registry.url.randomize", "false", "Start with any of the URLs instead of the first."),
		number("max.schemas.per.subject", "1000", "How many ids and schemas are kept."),
		flag("normalize.schemas", "false", "Let the registry put schemas into normal form before it compares them."),
		flag("auto.register.schemas", "true", "Register schemas that the registry does not know."),
		number("use.schema.id", "-1", "Write with the schema of this id; auto.register.schemas must be off."),
		flag("id.compatibility.strict", "true", "With use.schema.id: fail unless that schema can read the record's."),
		flag("use.latest.version", "false", "Write with the latest version of the subject; auto.register.schemas must be off."),
		flag("latest.compatibility.strict", "true", "With use.latest.version: fail unless that version can read the record's schema."),
		number("latest.cache.ttl.sec", "-1", "Seconds after which the latest version is asked for again; -1 for never."),
		number("latest.cache.size", "1000", "How many latest versions are kept."),
		number("http.connect.timeout.ms", "60000", "Time to connect to the registry."),
		number("http.read.timeout.ms", "60000", "Time to wait for an answer."),
		number("max.retries", "3", "How often a request that failed for a passing reason is repeated."),
		number("retries.wait.ms", "1000", "Wait before the first repetition; it doubles each time."),
		number("retries.max.wait.ms", "20000", "Longest wait before a repetition."),
		text(basicSourceKey, "URL", "Where the user name and password come from: URL, USER_INFO or SASL_INHERIT."),
		secret(userInfoKey, "user:password for USER_INFO."),
		secret(oldUserInfoKey, "The older name of basic.auth.user.info."),
		text(bearerSourceKey, "", "Where a bearer token comes from: STATIC_TOKEN or OAUTHBEARER."),
		secret(bearerTokenKey, "The token for STATIC_TOKEN."),
		text(issuerKey, "", "The token endpoint for OAUTHBEARER."),
		text(clientIDKey, "", "The client id for OAUTHBEARER."),
		secret(clientSecretKey, "The client secret for OAUTHBEARER."),
		text("bearer.auth.scope", "", "The scope to ask for with OAUTHBEARER."),
		text("bearer.auth.logical.cluster", "", "Sent as target-sr-cluster with a bearer token."),
		text("bearer.auth.identity.pool.id", "", "Sent as Confluent-Identity-Pool-Id with a bearer token."),
		text(keyStrategyKey, classTopicName, "How the subject of keys is named."),
		text(valueStrategyKey, classTopicName, "How the subject of values is named."),
		text("proxy.host", "", "Host of an HTTP proxy."),
		number("proxy.port", "-1", "Port of the HTTP proxy."),
		number("schemas.cache.config", "1000", "Size of the converted schemas cache"),
		flag("generalized.sum.type.support", "false", "Toggle for enabling/disabling generalized sum type support: interoperability of enum/union with other schema formats"),
		flag("ignore.default.for.nullables", "false", "Whether to ignore the default for nullable fields"),
	}
	return configdef.New(slices.Concat(keys, own)...)
}

// Plugin describes one of the converters by its class, its properties and what
// makes it of them.
func Plugin(class string, def *configdef.Def, build func(props map[string]string, isKey bool) (connect.Converter, error)) []connect.Plugin {
	return []connect.Plugin{{Class: class, Version: Version, Kind: connect.KindConverter, Def: def, NewConverter: build}}
}

// Parse reads the properties that def declares, and those of Config.
func Parse(def *configdef.Def, props map[string]string) (*configdef.Values, Config, error) {
	v, err := def.Parse(props)
	if err != nil {
		return nil, Config{}, err
	}
	cfg, err := ParseConfig(v)
	return v, cfg, err
}

// ParseConfig reads the properties that Def declares.
func ParseConfig(v *configdef.Values) (Config, error) {
	cfg := Config{
		AutoRegister: v.Bool("auto.register.schemas"), Normalize: v.Bool("normalize.schemas"),
		UseSchemaID: v.Int("use.schema.id"), IDStrict: v.Bool("id.compatibility.strict"),
		UseLatest: v.Bool("use.latest.version"), LatestStrict: v.Bool("latest.compatibility.strict"),
		LatestTTL: time.Duration(v.Int("latest.cache.ttl.sec")) * time.Second,
		CacheSize: v.Int("schemas.cache.config"), MaxPerSubject: v.Int("max.schemas.per.subject"),
		SumTypes: v.Bool("generalized.sum.type.support"), IgnoreDefaults: v.Bool("ignore.default.for.nullables"),
	}
	var err error
	if cfg.KeySubject, err = parseStrategy(keyStrategyKey, v.String(keyStrategyKey)); err != nil {
		return cfg, err
	}
	if cfg.ValueSubject, err = parseStrategy(valueStrategyKey, v.String(valueStrategyKey)); err != nil {
		return cfg, err
	}
	if class := v.Originals()["context.name.strategy"]; class != "" && !strings.HasSuffix(class, ".NullContextNameStrategy") {
		return cfg, configError("context.name.strategy", "%s is not supported: name the context in the URL of the registry (.../contexts/NAME)", class)
	}
	cfg.Client, err = parseClient(v)
	return cfg, err
}

func parseClient(v *configdef.Values) (ClientConfig, error) {
	ms := func(name string) time.Duration { return time.Duration(v.Int(name)) * time.Millisecond }
	c := ClientConfig{
		Randomize:      v.Bool("schema.registry.url.randomize"),
		ConnectTimeout: ms("http.connect.timeout.ms"), ReadTimeout: ms("http.read.timeout.ms"),
		MaxRetries: v.Int("max.retries"), RetryWait: ms("retries.wait.ms"), MaxRetryWait: ms("retries.max.wait.ms"),
		Header: http.Header{},
	}
	for name, value := range v.Originals() {
		if header, ok := strings.CutPrefix(name, headerPrefix); ok {
			c.Header.Set(header, value)
		}
	}
	if host := v.String("proxy.host"); host != "" {
		c.Proxy = &url.URL{Scheme: "http", Host: fmt.Sprintf("%s:%d", host, v.Int("proxy.port"))}
	}
	if err := c.parseURLs(v.List(urlsKey)); err != nil {
		return c, err
	}
	if err := c.parseTLS(v); err != nil {
		return c, err
	}
	auth, err := parseAuth(v, &c)
	if auth != nil { // what stands in the URLs counts for the source URL alone
		c.Auth = auth
	}
	return c, err
}

// parseURLs cuts user and password off the URLs, so that no error shows them.
func (c *ClientConfig) parseURLs(list []string) error {
	for i, text := range list {
		u, err := url.Parse(strings.TrimSpace(text))
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return configError(urlsKey, "entry %d is not a URL that begins with http:// or https://", i+1)
		case u.RawQuery != "" || u.Fragment != "":
			return configError(urlsKey, "entry %d has parameters, behind which no path of the registry can stand", i+1)
		case u.User != nil:
			password, _ := u.User.Password()
			c.Auth = basicAuth{u.User.Username(), password}
			u.User = nil
		}
		c.URLs = append(c.URLs, strings.TrimSuffix(u.String(), "/"))
	}
	return nil
}

// parseTLS reads schema.registry.ssl.*, the same properties as those of a Kafka client.
func (c *ClientConfig) parseTLS(v *configdef.Values) error {
	props := kafka.Properties(v.Originals()).WithPrefix(clientPrefix)
	for name := range props {
		if !strings.HasPrefix(name, "ssl.") {
			delete(props, name)
		}
	}
	secure := func(url string) bool { return strings.HasPrefix(url, "https:") }
	if len(props) == 0 && !slices.ContainsFunc(c.URLs, secure) {
		return nil
	}
	var err error
	if c.TLS, err = kafka.ClientTLS(props); err != nil {
		return fmt.Errorf("%s%w", clientPrefix, err)
	}
	return nil
}

func configError(key, format string, args ...any) error {
	return &connect.ConfigError{Key: key, Err: fmt.Errorf(format, args...)}
}
