package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// allowedPaths are the places that a provider may read (AllowedPaths); nil
// allows all. Paths are compared after removing "..", without following links.
type allowedPaths []string

func newAllowedPaths(paths []string) (allowedPaths, error) {
	var out allowedPaths
	for _, p := range paths {
		p = filepath.Clean(p)
		if !filepath.IsAbs(p) {
			return nil, fmt.Errorf("Path %s is not absolute", p)
		}
		if _, err := os.Stat(p); err != nil {
			return nil, fmt.Errorf("Path %s does not exist", p)
		}
		out = append(out, p)
	}
	return out, nil
}

func (a allowedPaths) check(path string) (string, error) {
	if a == nil {
		return path, nil
	}
	clean := filepath.Clean(path)
	for _, p := range a {
		if clean == p || strings.HasPrefix(clean, strings.TrimSuffix(p, "/")+"/") {
			return clean, nil
		}
	}
	return "", fmt.Errorf("the path %s is not below one of allowed.paths", path)
}
