package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/rest/access"
	"github.com/millrace/millrace/rest/client"
	"github.com/millrace/millrace/storage/kafka"
)

const (
	headerTimeout = 30 * time.Second // to send the header of a request
	maxHeader     = 8 << 10          // bytes of a header, as Jetty's
)

// Server serves the REST API of one worker. The order of calls is New, Start,
// Shutdown; Start and Shutdown are called once.
type Server struct {
	cfg     Config
	herder  Herder
	log     *slog.Logger
	client  *client.Client
	auth    authenticator   // nil for none
	access  *access.Control // nil without access rules
	cors    *cors
	headers []headerRule

	main, admin []*listener
	servers     []*http.Server
	failed      chan error
}

// New checks a configuration, reads the files that it names and opens the
// listeners, which do not answer before Start. An error about a property is a
// kafka.PropertyError.
func New(cfg Config, h Herder) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, herder: h, log: cfg.Logger, failed: make(chan error, 1)}
	var err error
	if s.client, err = newClient(cfg); err != nil {
		return nil, err
	}
	if s.cors, err = parseCORS(cfg.AllowOrigin, cfg.AllowMethods); err != nil {
		return nil, err
	}
	if s.headers, err = parseHeaderRules(cfg.ResponseHeaders); err != nil {
		return nil, err
	}
	if len(cfg.Extensions) > 0 {
		if s.auth, err = loadAuth(cfg.LoginFile); err != nil {
			return nil, err
		}
	}
	if s.access, err = s.control(); err != nil {
		return nil, err
	}
	if s.main, err = openAll("listeners", cfg.Listeners, cfg.TLS); err != nil {
		return nil, err
	}
	if s.admin, err = openAll("admin.listeners", cfg.AdminListeners, cfg.AdminTLS); err != nil {
		closeAll(s.main)
		return nil, err
	}
	return s, nil
}

// newClient makes the client that this worker asks others with. Without an HTTPS
// listener the ssl.* properties are meant for Kafka: it is no error that they
// cannot be used, but other workers' HTTPS listeners are out of reach then.
func newClient(cfg Config) (*client.Client, error) {
	c := client.Config{Timeout: cfg.RequestTimeout}
	if len(cfg.TLS) > 0 {
		var err error
		c.TLS, err = kafka.PeerTLS(cfg.TLS)
		switch {
		case err == nil:
		case slices.ContainsFunc(cfg.Listeners, isHTTPS):
			return nil, fmt.Errorf("setting up HTTPS between workers: %w", err)
		default:
			cfg.Logger.Warn("requests to HTTPS listeners of other workers will use no ssl.* properties", "error", err)
		}
	}
	return client.New(c), nil
}

func isHTTPS(address string) bool { return strings.HasPrefix(strings.ToLower(address), "https:") }

// Client sends requests to other workers as this server does. Herders use it.
func (s *Server) Client() *client.Client { return s.client }

// URL is the base address that other workers are told; it ends in a slash.
func (s *Server) URL() string { return advertised(s.cfg, s.main).String() }

// Addresses are the base addresses of the listeners, in their order.
func (s *Server) Addresses() []string { return addresses(s.main) }

// AdminAddresses are those of the admin listeners.
func (s *Server) AdminAddresses() []string { return addresses(s.admin) }

func addresses(listeners []*listener) []string {
	var out []string
	for _, l := range listeners {
		out = append(out, l.scheme+"://"+l.socket.Addr().String()+"/")
	}
	return out
}

// Start begins to answer. Requests' contexts derive from ctx, but its end does
// not stop the server.
func (s *Server) Start(ctx context.Context) {
	s.serve(ctx, s.main, s.mainHandler())
	s.serve(ctx, s.admin, s.adminHandler())
	s.log.Info("REST server listening", "listeners", s.Addresses(), "advertised", s.URL(), "admin", s.AdminAddresses())
}

func (s *Server) serve(ctx context.Context, listeners []*listener, h http.Handler) {
	for _, l := range listeners {
		server := &http.Server{
			Handler:           h,
			BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       s.cfg.RequestTimeout,     // of bodies that no handler asks for, too
			WriteTimeout:      2 * s.cfg.RequestTimeout, // which a handler may take half of
			IdleTimeout:       s.cfg.RequestTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
		s.servers = append(s.servers, server)
		go func() {
			if err := server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) {
				select {
				case s.failed <- fmt.Errorf("serving %s: %w", l.socket.Addr(), err):
				default: // the first failure is enough
				}
			}
		}()
	}
}

// Failed delivers an error when a listener can no longer be served.
func (s *Server) Failed() <-chan error { return s.failed }

// Shutdown stops accepting requests and waits for those under way, until ctx
// ends or ShutdownTimeout is over; those that are left are cut off, which is an
// error.
func (s *Server) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ShutdownTimeout)
	defer cancel()
	if s.servers == nil { // not started
		closeAll(s.main)
		closeAll(s.admin)
	}
	var problems []error
	for _, server := range s.servers {
		if err := server.Shutdown(ctx); err != nil {
			problems = append(problems, fmt.Errorf("waiting for requests to end: %w", err), server.Close())
		}
	}
	s.client.Close()
	return errors.Join(problems...)
}
