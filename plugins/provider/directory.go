package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

// Directory reads files as a whole, as Kubernetes mounts secrets
// (DirectoryConfigProvider): the path of a variable is the directory, the key
// the name of a file in it.
type Directory struct{ allowed allowedPaths }

var _ connect.ConfigProvider = (*Directory)(nil)

// NewDirectory makes a provider that reads only below the given absolute
// paths, any directory when there are none.
func NewDirectory(allowed []string) (*Directory, error) {
	a, err := newAllowedPaths(allowed)
	return &Directory{a}, err
}

// Get implements connect.ConfigProvider.
func (d *Directory) Get(_ context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	if path == "" {
		return map[string]string{}, 0, nil
	}
	dir, err := d.allowed.check(path)
	if err != nil {
		return nil, 0, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("Could not list directory %s: %w", dir, err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if keys != nil && !slices.Contains(keys, e.Name()) {
			continue
		}
		file := filepath.Join(dir, e.Name())
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, fmt.Errorf("Could not read file %s for property %s: %w", file, e.Name(), err)
		}
		out[e.Name()] = string(text)
	}
	return out, 0, nil
}

// Close implements connect.ConfigProvider.
func (d *Directory) Close() error { return nil }
