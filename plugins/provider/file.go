package provider

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

// File reads keys of Java properties files (FileConfigProvider). The path of a
// variable is the file.
type File struct{ allowed allowedPaths }

var _ connect.ConfigProvider = (*File)(nil)

// NewFile makes a provider that reads only below the given absolute paths, any
// file when there are none.
func NewFile(allowed []string) (*File, error) {
	a, err := newAllowedPaths(allowed)
	return &File{a}, err
}

// Get implements connect.ConfigProvider.
func (f *File) Get(_ context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	if path == "" {
		return map[string]string{}, 0, nil
	}
	path, err := f.allowed.check(path)
	if err != nil {
		return nil, 0, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("Could not read properties from file %s: %w", path, err)
	}
	props, err := parseProperties(text)
	if err != nil {
		return nil, 0, fmt.Errorf("Could not read properties from file %s: %w", path, err)
	}
	return Pick(props, keys), 0, nil
}

// Close implements connect.ConfigProvider.
func (f *File) Close() error { return nil }

// Pick returns what props has of keys, everything when keys is nil.
func Pick(props map[string]string, keys []string) map[string]string {
	if keys == nil {
		return props
	}
	out := make(map[string]string, len(keys))
	for _, k := range keys {
		if v, ok := props[k]; ok {
			out[k] = v
		}
	}
	return out
}
