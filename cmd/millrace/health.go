package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	healthTimeout = 5 * time.Second
	defaultHealth = "http://127.0.0.1:8083"
)

// runHealth asks a worker's /health (KIP-1017), without a URL that of this container. It
// is the health check of the container image, which has no shell and no curl.
func runHealth(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 1 {
		return errUsage
	}
	asked := defaultHealth
	if len(args) == 1 {
		asked = args[0]
	} else if props, err := containerProperties(containerFile, os.Environ()); err == nil {
		asked = ownListener(props["listeners"])
	}
	base, err := url.Parse(asked)
	if err != nil || base.Host == "" {
		return fmt.Errorf("%q is not a URL such as http://localhost:8083", asked)
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("health").String(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the worker: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("reading the worker's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the worker is not healthy: %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	fmt.Fprintln(out, strings.TrimSpace(string(body)))
	return nil
}

// ownListener is where a worker with such listeners answers on its own machine, by HTTP
// if it can.
func ownListener(listeners string) string {
	found := defaultHealth
	for i, text := range strings.Split(listeners, ",") {
		u, err := url.Parse(strings.ToLower(strings.TrimSpace(text)))
		if err != nil || u.Port() == "" {
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		if i == 0 || u.Scheme == "http" {
			found = u.Scheme + "://" + net.JoinHostPort(host, u.Port())
		}
		if u.Scheme == "http" {
			break
		}
	}
	return found
}
