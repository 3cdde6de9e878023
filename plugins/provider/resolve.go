package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

// variable matches ${provider:key} and ${provider:path:key} (ConfigTransformer).
var variable = regexp.MustCompile(`\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}`)

// Resolver replaces variables by what its providers say. It is safe for
// concurrent use when they are.
type Resolver struct {
	providers map[string]connect.ConfigProvider // by the names that variables use
	// Secrets is told of all values that are given out; nil tells nobody.
	Secrets *Redactor
}

// NewResolver makes a resolver.
func NewResolver(providers map[string]connect.ConfigProvider) *Resolver {
	return &Resolver{providers: providers}
}

// Resolved is a configuration with its variables replaced.
type Resolved struct {
	Props map[string]string
	// TTL is when the first of the values expires and the configuration has to
	// be resolved anew; 0 means never.
	TTL time.Duration
}

// Resolve replaces the variables in all values. A variable of an unknown
// provider, and one whose key the provider does not have, stays as it is.
// Values that come in are not searched for variables again.
func (r *Resolver) Resolve(ctx context.Context, props map[string]string) (Resolved, error) {
	found, ttl, err := r.lookUp(ctx, props)
	if err != nil {
		return Resolved{}, err
	}
	out := make(map[string]string, len(props))
	for name, value := range props {
		out[name] = variable.ReplaceAllStringFunc(value, func(text string) string {
			m := variable.FindStringSubmatch(text)
			if v, ok := found[place{m[1], m[2]}][m[3]]; ok {
				return v
			}
			return text
		})
	}
	return Resolved{out, ttl}, nil
}

// place is what one call of a provider asks for.
type place struct{ provider, path string }

// lookUp asks each provider once for each path.
func (r *Resolver) lookUp(ctx context.Context, props map[string]string) (map[place]map[string]string, time.Duration, error) {
	wanted := map[place]map[string]bool{}
	for _, value := range props {
		for _, m := range variable.FindAllStringSubmatch(value, -1) {
			p := place{m[1], m[2]}
			if _, known := r.providers[p.provider]; !known {
				continue
			}
			if wanted[p] == nil {
				wanted[p] = map[string]bool{}
			}
			wanted[p][m[3]] = true
		}
	}
	found := map[place]map[string]string{}
	var first time.Duration
	for p, keys := range wanted {
		values, ttl, err := r.providers[p.provider].Get(ctx, p.path, slices.Sorted(maps.Keys(keys)))
		if err != nil {
			return nil, 0, fmt.Errorf("config provider %s: %w", p.provider, err)
		}
		found[p] = values
		if r.Secrets != nil {
			r.Secrets.Note(values)
		}
		if ttl > 0 && (first == 0 || ttl < first) {
			first = ttl
		}
	}
	return found, first, nil
}

// Close closes all providers.
func (r *Resolver) Close() error {
	var errs []error
	for name, p := range r.providers {
		if err := p.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing config provider %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// FromProperties makes the resolver that worker properties describe:
//
//	config.providers=file,vault
//	config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
//	config.providers.file.param.allowed.paths=/etc/secrets
//
// find looks a provider's class up.
func FromProperties(props map[string]string, find func(class string) (*connect.Plugin, error)) (*Resolver, error) {
	r := NewResolver(map[string]connect.ConfigProvider{})
	for name := range strings.SplitSeq(props["config.providers"], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		key := "config.providers." + name
		class := strings.TrimSpace(props[key+".class"])
		if class == "" {
			return nil, errors.Join(&connect.ConfigError{Key: key + ".class", Err: errors.New("the class of the config provider is missing")}, r.Close())
		}
		p, err := newProvider(class, paramsOf(props, key+".param."), find)
		if err != nil {
			return nil, errors.Join(&connect.ConfigError{Key: key + ".class", Err: err}, r.Close())
		}
		r.providers[name] = p
	}
	return r, nil
}

func newProvider(class string, params map[string]string, find func(string) (*connect.Plugin, error)) (connect.ConfigProvider, error) {
	plugin, err := find(class)
	if err != nil {
		return nil, err
	}
	if plugin.NewConfigProvider == nil {
		return nil, fmt.Errorf("%s is not a config provider", class)
	}
	return plugin.NewConfigProvider(params)
}

func paramsOf(props map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for name, value := range props {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			out[rest] = value
		}
	}
	return out
}
