package registry

import (
	"fmt"
	"path"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
)

// Without is the registry without the plugins whose class a pattern matches: * stands
// for any text. A pattern that matches none is an error, since it would keep nobody from
// anything.
func (r *Registry) Without(patterns ...string) (*Registry, error) {
	if len(patterns) == 0 {
		return r, nil
	}
	matched := make([]bool, len(patterns))
	var kept []connect.Plugin
	for _, p := range r.plugins {
		excluded := false
		for i, pattern := range patterns {
			// Classes have no slashes, so that * matches all that they consist of.
			fits, err := path.Match(strings.TrimSpace(pattern), p.Class)
			if err != nil {
				return nil, fmt.Errorf("the pattern %q: %w", pattern, err)
			}
			excluded, matched[i] = excluded || fits, matched[i] || fits
		}
		if !excluded {
			kept = append(kept, *p)
		}
	}
	for i, pattern := range patterns {
		if !matched[i] {
			return nil, fmt.Errorf("the pattern %q fits no plugin", pattern)
		}
	}
	return New(kept...)
}
