package rest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/millrace/millrace/storage/kafka"
)

// listener is one parsed address of listeners or admin.listeners, and once it
// is open its socket.
type listener struct {
	scheme string // http or https
	host   string // "" for all interfaces
	port   int    // 0 for any
	socket net.Listener
}

// listenerPattern is RestServer.LISTENER_PATTERN.
var listenerPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$`)

func parseListener(property, text string) (*listener, error) {
	m := listenerPattern.FindStringSubmatch(text)
	if m == nil {
		return nil, invalid(property, fmt.Sprintf("%q doesn't have the right format (protocol://hostname:port)", text))
	}
	l := &listener{scheme: strings.ToLower(m[1]), host: m[2]}
	if l.scheme != "http" && l.scheme != "https" {
		return nil, invalid(property, fmt.Sprintf("%q: the protocol must be either http or https", text))
	}
	var err error
	if l.port, err = strconv.Atoi(m[3]); err != nil || l.port > 65535 {
		return nil, invalid(property, fmt.Sprintf("%q: the port must be at most 65535", text))
	}
	return l, nil
}

// open binds the socket. Handshakes are the HTTP server's business.
func (l *listener) open(property string, props kafka.Properties) error {
	var cfg *tls.Config
	if l.scheme == "https" {
		var err error
		if cfg, err = kafka.ServerTLS(props); err != nil {
			return fmt.Errorf("setting up HTTPS for %s: %w", property, err)
		}
		cfg.NextProtos = []string{"http/1.1"}
	}
	socket, err := net.Listen("tcp", net.JoinHostPort(l.host, strconv.Itoa(l.port)))
	if err != nil {
		return fmt.Errorf("opening %s: %w", property, err)
	}
	l.port = socket.Addr().(*net.TCPAddr).Port
	if cfg != nil {
		socket = tls.NewListener(socket, cfg)
	}
	l.socket = socket
	return nil
}

// openAll opens listeners, or none of them.
func openAll(property string, addresses []string, props kafka.Properties) ([]*listener, error) {
	var out []*listener
	for _, a := range addresses {
		l, err := parseListener(property, a)
		if err == nil {
			err = l.open(property, props)
		}
		if err != nil {
			closeAll(out)
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func closeAll(listeners []*listener) {
	for _, l := range listeners {
		_ = l.socket.Close() // it has not been used
	}
}

// advertised makes the base address that other workers are told
// (RestServer.advertisedUrl): that of a listener, HTTP before HTTPS, with what
// rest.advertised.* says instead.
func advertised(c Config, open []*listener) *url.URL {
	scheme := c.AdvertisedListener
	if scheme == "" {
		scheme = "https"
		for _, l := range open {
			if l.scheme == "http" {
				scheme = "http"
			}
		}
	}
	host, port := c.AdvertisedHost, c.AdvertisedPort
	for _, l := range open {
		if l.scheme != scheme {
			continue
		}
		if host == "" {
			host = l.host
		}
		if port == 0 {
			port = l.port
		}
		break
	}
	if host == "" || host == "0.0.0.0" && c.AdvertisedHost == "" {
		host = ownAddress()
	}
	if port == 0 {
		port = open[0].port
	}
	return &url.URL{Scheme: scheme, Host: net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port)), Path: "/"}
}

// ownAddress is an address of this machine that others can reach, if it has one.
func ownAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "localhost"
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}
