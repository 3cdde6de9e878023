package rest

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
)

// Defaults of Config (RestServer, RestServerConfig). Java has no limit of
// bodies.
const (
	DefaultListener        = "http://:8083"
	DefaultRequestTimeout  = 90 * time.Second
	DefaultHealthTimeout   = 10 * time.Second
	DefaultForwardWait     = 10 * time.Second
	DefaultShutdownTimeout = 60 * time.Second
	DefaultMaxBody         = 16 << 20
)

// Config says where and how a Server listens. The zero value of a field is its
// default.
type Config struct {
	// Listeners are addresses such as http://:8083 (listeners).
	Listeners []string
	// AdminListeners serve /admin/loggers, Metrics and Debug instead of
	// Listeners (admin.listeners).
	AdminListeners []string
	// NoAdmin switches the admin resources off (an empty admin.listeners).
	NoAdmin bool

	// What other workers are told (rest.advertised.*): a listener is http or https.
	AdvertisedHost     string
	AdvertisedPort     int
	AdvertisedListener string

	// TLS and AdminTLS hold ssl.* properties of HTTPS listeners; TLS is also
	// what requests to other workers use.
	TLS      kafka.Properties
	AdminTLS kafka.Properties

	// AllowOrigin and AllowMethods are lists for requests from other sites
	// (access.control.*); without an origin there are none.
	AllowOrigin  string
	AllowMethods string
	// ResponseHeaders are rules such as "set X-Frame-Options: DENY"
	// (response.http.headers.config).
	ResponseHeaders string

	// Extensions are class names (rest.extension.classes), and LoginFile the
	// JAAS file of the one for basic authentication
	// (java.security.auth.login.config).
	Extensions []string
	LoginFile  string

	// Access holds the rest.access.*, rest.oidc.* and rest.mtls.* properties, and
	// connect.protocol: who may do what. SessionKey is that of the group, by which a
	// worker that forwards a request tells who has made it; nil where no request is
	// forwarded.
	Access     kafka.Properties
	SessionKey func() herder.SessionKey
	// Audit is the logger that changes are written to; nil for none unless there
	// are access rules.
	Audit *slog.Logger
	// AuditAll has changes written down without access rules (rest.audit.enable).
	AuditAll bool

	// NoTopicTracking and NoTopicReset refuse requests for active topics
	// (topic.tracking.enable, topic.tracking.allow.reset).
	NoTopicTracking bool
	NoTopicReset    bool

	RequestTimeout  time.Duration // of the herder, and for other workers' answers
	HealthTimeout   time.Duration // of GET /health
	ForwardWait     time.Duration // for another worker to take the place of one that cannot be reached
	ShutdownTimeout time.Duration // for requests under way when the server stops
	MaxBody         int64         // bytes of a request

	// Metrics serves GET /metrics where the admin resources are, or on Listeners
	// when those are off. Debug serves everything below /debug/, on
	// AdminListeners only. Either may be nil.
	Metrics http.Handler
	Debug   http.Handler
	Logger  *slog.Logger
}

// ParseConfig reads the worker properties that concern the REST API, and the
// place of the JAAS file from KAFKA_OPTS, where the usual start scripts have it.
// Fields that no property stands for are left zero. Errors are
// kafka.PropertyErrors.
func ParseConfig(p kafka.Properties) (Config, error) {
	c := Config{
		Listeners:          configdef.Elements(p["listeners"]),
		AdminListeners:     configdef.Elements(p["admin.listeners"]),
		AdvertisedHost:     strings.TrimSpace(p["rest.advertised.host.name"]),
		AdvertisedListener: strings.ToLower(strings.TrimSpace(p["rest.advertised.listener"])),
		TLS:                tlsProperties(p, "listeners.https."),
		AdminTLS:           tlsProperties(p, "admin.listeners.https."),
		AllowOrigin:        p["access.control.allow.origin"],
		AllowMethods:       p["access.control.allow.methods"],
		ResponseHeaders:    p["response.http.headers.config"],
		Extensions:         configdef.Elements(p["rest.extension.classes"]),
		LoginFile:          loginFile(os.Getenv("KAFKA_OPTS")),
		Access:             accessProperties(p),
	}
	if given, ok := p["listeners"]; ok && strings.TrimSpace(given) == "" {
		return Config{}, invalid("listeners", "needs at least one URL, such as "+DefaultListener)
	}
	_, given := p["admin.listeners"]
	c.NoAdmin = given && len(c.AdminListeners) == 0
	if err := parsePort(p, &c.AdvertisedPort); err != nil {
		return Config{}, err
	}
	switch text := strings.ToLower(strings.TrimSpace(p["rest.audit.enable"])); text {
	case "", "false":
	case "true":
		c.AuditAll = true
	default:
		return Config{}, invalid("rest.audit.enable", fmt.Sprintf("%q is neither true nor false", text))
	}
	for name, off := range map[string]*bool{"topic.tracking.enable": &c.NoTopicTracking, "topic.tracking.allow.reset": &c.NoTopicReset} {
		if err := parseSwitch(p, name, off); err != nil {
			return Config{}, err
		}
	}
	return c, c.validate()
}

func parsePort(p kafka.Properties, port *int) error {
	const name = "rest.advertised.port"
	text := strings.TrimSpace(p[name])
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return invalid(name, fmt.Sprintf("%q is not a port", text))
	}
	*port = n
	return nil
}

// parseSwitch sets off when a property that is true by default is false.
func parseSwitch(p kafka.Properties, name string, off *bool) error {
	switch text := strings.ToLower(strings.TrimSpace(p[name])); text {
	case "", "true":
	case "false":
		*off = true
	default:
		return invalid(name, fmt.Sprintf("%q is neither true nor false", text))
	}
	return nil
}

// tlsProperties are those under a prefix or, when there is none at all, the
// worker's own (AbstractConfig.valuesWithPrefixAllOrNothing).
func tlsProperties(p kafka.Properties, prefix string) kafka.Properties {
	if own := p.WithPrefix(prefix); len(own) > 0 {
		return own
	}
	out := kafka.Properties{}
	for name, value := range p {
		if strings.HasPrefix(name, "ssl.") {
			out[name] = value
		}
	}
	return out
}

// accessProperties are those that say who may do what; nil for none.
func accessProperties(p kafka.Properties) kafka.Properties {
	var out kafka.Properties
	for name, value := range p {
		for _, prefix := range []string{"rest.access.", "rest.oidc.", "rest.mtls."} {
			if strings.HasPrefix(name, prefix) {
				if out == nil {
					out = kafka.Properties{}
				}
				out[name] = value
			}
		}
	}
	if protocol, ok := p["connect.protocol"]; ok && out != nil {
		out["connect.protocol"] = protocol
	}
	return out
}

func invalid(property, reason string) error {
	return &kafka.PropertyError{Property: property, Reason: reason}
}

func (c Config) withDefaults() Config {
	if len(c.Listeners) == 0 {
		c.Listeners = []string{DefaultListener}
	}
	for field, value := range map[*time.Duration]time.Duration{
		&c.RequestTimeout: DefaultRequestTimeout, &c.HealthTimeout: DefaultHealthTimeout,
		&c.ForwardWait: DefaultForwardWait, &c.ShutdownTimeout: DefaultShutdownTimeout,
	} {
		if *field <= 0 {
			*field = value
		}
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Audit == nil {
		c.Audit = slog.New(slog.DiscardHandler)
	}
	if c.SessionKey == nil {
		c.SessionKey = func() herder.SessionKey { return herder.SessionKey{} }
	}
	return c
}

// validate checks what can be checked without a file or a network.
func (c Config) validate() error {
	for _, l := range c.Listeners {
		if _, err := parseListener("listeners", l); err != nil {
			return err
		}
	}
	for _, l := range c.AdminListeners {
		if _, err := parseListener("admin.listeners", l); err != nil {
			return err
		}
	}
	switch c.AdvertisedListener {
	case "", "http", "https":
	default:
		return invalid("rest.advertised.listener", fmt.Sprintf("%q is neither http nor https", c.AdvertisedListener))
	}
	if _, err := parseHeaderRules(c.ResponseHeaders); err != nil {
		return err
	}
	if _, err := parseCORS(c.AllowOrigin, c.AllowMethods); err != nil {
		return err
	}
	for _, class := range c.Extensions {
		if class != basicAuthClass {
			return invalid("rest.extension.classes", fmt.Sprintf("%s is not available; the only extension is %s: leave the class out, or say who may do what with rest.access.rules (docs/security.md)", class, basicAuthClass))
		}
	}
	return nil
}
