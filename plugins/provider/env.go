package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// Env gives environment variables (EnvVarConfigProvider). Its variables have
// no path: ${env:NAME}.
type Env struct{ vars map[string]string }

var _ connect.ConfigProvider = (*Env)(nil)

// NewEnv makes a provider of the variables in environ (as os.Environ gives
// them) whose whole name matches the pattern.
func NewEnv(environ []string, pattern *configdef.Regex) (*Env, error) {
	e := &Env{map[string]string{}}
	for _, v := range environ {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			continue
		}
		allowed, err := pattern.Matches(name)
		if err != nil {
			return nil, fmt.Errorf("allowlist.pattern: %w", err)
		}
		if allowed {
			e.vars[name] = value
		}
	}
	return e, nil
}

// Get implements connect.ConfigProvider.
func (e *Env) Get(_ context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	if path != "" {
		return nil, 0, fmt.Errorf("Path is not supported for EnvVarConfigProvider, invalid value '%s'", path)
	}
	return Pick(e.vars, keys), 0, nil
}

// Close implements connect.ConfigProvider.
func (e *Env) Close() error { return nil }
