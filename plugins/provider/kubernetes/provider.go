package kubernetes

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

// kind is what a provider reads.
type kind struct {
	name, plural string
	encoded      bool // the values are base64
}

var (
	secret    = kind{"Secret", "secrets", true}
	configMap = kind{"ConfigMap", "configmaps", false}
)

type provider struct {
	kind kind
	api  *api
}

var _ connect.ConfigProvider = (*provider)(nil)

func newProvider(k kind, a *api) *provider { return &provider{k, a} }

// resourcePath is NAMESPACE/NAME or NAME; both are names as DNS has them, and so lead
// nowhere else on the API server.
var resourcePath = regexp.MustCompile(`\A(?:([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)\z`)

// Get implements connect.ConfigProvider.
func (p *provider) Get(ctx context.Context, where string, keys []string) (map[string]string, time.Duration, error) {
	m := resourcePath.FindStringSubmatch(where)
	if m == nil {
		return nil, 0, &connect.ConfigError{Err: fmt.Errorf("%q is no path of a %s: it has the form NAMESPACE/NAME, or NAME for the namespace of the pod", where, p.kind.name)}
	}
	data, err := p.api.get(ctx, p.kind, m[1], m[2])
	if err != nil {
		return nil, 0, err
	}
	if err := p.decode(data); err != nil {
		return nil, 0, err
	}
	if keys == nil {
		return data, 0, nil
	}
	out := map[string]string{}
	for _, key := range keys {
		if v, ok := pick(data, key); ok {
			out[key] = v
		}
	}
	return out, 0, nil
}

func (p *provider) decode(data map[string]string) error {
	if !p.kind.encoded {
		return nil
	}
	for key, text := range data {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("the key %s of the %s is not base64", key, p.kind.name) // the error would quote it
		}
		data[key] = string(b)
	}
	return nil
}

// pick is the value of a key or, for one with *, those of all that it matches.
func pick(data map[string]string, key string) (string, bool) {
	if v, ok := data[key]; ok || !strings.Contains(key, "*") {
		return v, ok
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if fits, err := path.Match(key, name); err == nil && fits {
			found = append(found, strings.TrimSuffix(data[name], "\n"))
		}
	}
	return strings.Join(found, "\n"), len(found) > 0
}

// Close implements connect.ConfigProvider.
func (p *provider) Close() error {
	p.api.close()
	return nil
}
