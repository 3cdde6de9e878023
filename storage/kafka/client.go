package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Config says how to connect.
type Config struct {
	Role       Role
	Properties Properties // Java client properties, without prefix
	Logger     *slog.Logger
}

// Client is a set of connections to a Kafka cluster. Its methods may be called
// from any goroutine.
type Client struct {
	*cluster
	Settings *Settings
	log      *slog.Logger
}

// Open reads the properties and fetches the cluster's metadata. The error names
// the property at fault or the brokers that did not answer.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	settings, err := ParseSettings(cfg.Role, cfg.Properties)
	if err != nil {
		return nil, err
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	for _, n := range settings.Notes {
		log.Debug("property has no effect", "client", settings.Role.String(), "property", n.Property, "reason", n.Reason)
	}
	bootstrap, err := settings.bootstrap(ctx, net.DefaultResolver)
	if err != nil {
		return nil, settings.connectError(err)
	}
	c, err := await(ctx, func() (*cluster, error) { return newCluster(bootstrap, settings.Sarama()) })
	if err != nil {
		return nil, settings.connectError(err)
	}
	return &Client{cluster: c, Settings: settings, log: log}, nil
}

// resolver is what net.Resolver does.
type resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// bootstrap are the servers to connect to first: those of bootstrap.servers, or with
// client.dns.lookup=resolve_canonical_bootstrap_servers_only the names of all their
// addresses (ClientUtils.parseAndValidateAddresses). Go tries each address of a name
// anyway, as use_all_dns_ips says.
func (s *Settings) bootstrap(ctx context.Context, dns resolver) ([]string, error) {
	if !s.CanonicalServers {
		return s.Bootstrap, nil
	}
	var out []string
	for _, server := range s.Bootstrap {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return nil, err
		}
		addresses, err := dns.LookupHost(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("looking up %s (client.dns.lookup): %w", server, err)
		}
		for _, name := range addresses {
			if names, err := dns.LookupAddr(ctx, name); err == nil && len(names) > 0 {
				name = strings.TrimSuffix(names[0], ".")
			}
			if a := net.JoinHostPort(name, port); !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// connectError says which brokers could not be reached and what to look at.
func (s *Settings) connectError(err error) error {
	return fmt.Errorf("connecting the %s to Kafka (bootstrap.servers=%s): %w%s", s.Role, strings.Join(s.Bootstrap, ","), err, s.advice(err))
}

// Dial opens a connection of one's own to a broker, with the client's security.
// timeout replaces request.timeout.ms as the wait for an answer when it is not 0;
// requests on one connection are answered in turn, so a long poll needs its own.
func (c *Client) Dial(ctx context.Context, addr string, timeout time.Duration) (*sarama.Broker, error) {
	cfg := *c.Config()
	if timeout > 0 {
		cfg.Net.ReadTimeout = timeout
	}
	b := sarama.NewBroker(addr)
	err := awaitErr(ctx, func() error {
		if err := b.Open(&cfg); err != nil {
			return err
		}
		_, err := b.Connected()
		return err
	})
	if err != nil {
		go func() { _ = b.Close() }() // may wait for the dial's timeout
		return nil, fmt.Errorf("connecting to broker %s: %w%s", addr, err, c.Settings.advice(err))
	}
	return b, nil
}

// ClusterID is the id of the Kafka cluster, "" for brokers that have none.
func (c *Client) ClusterID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}
