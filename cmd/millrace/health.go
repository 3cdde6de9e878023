package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const healthTimeout = 5 * time.Second

// runHealth asks a worker's /health (KIP-1017). It is the health check of the
// container image, which has no shell and no curl.
func runHealth(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errUsage
	}
	base, err := url.Parse(args[0])
	if err != nil || base.Host == "" {
		return fmt.Errorf("%q is not a URL such as http://localhost:8083", args[0])
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
