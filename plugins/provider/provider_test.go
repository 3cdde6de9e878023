package provider

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseProperties(t *testing.T) {
	got, err := parseProperties([]byte("# c\n! c\n\n a = b \nc:d\ne f\ng\nh\\ i=j\\\n   k\nl=m\\\\\nu=\\u00e9\\ud83d\\ude00\\t!\nx==y\nz=a\\:b#c\na=second\r\nlast"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "second", "c": "d", "e": "f", "g": "", "h i": "jk", "l": `m\`, "u": "é😀\t!", "x": "=y", "z": "a:b#c", "last": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if _, err := parseProperties([]byte(`a=\u00g0`)); err == nil {
		t.Error("a malformed escape was accepted")
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "s.properties"), "user=u\npassword=p=w\n")
	f, err := NewFile(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := f.Get(t.Context(), path, []string{"password", "nope"})
	if err != nil || !maps.Equal(got, map[string]string{"password": "p=w"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, _, err := f.Get(t.Context(), path, nil); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if _, _, err := f.Get(t.Context(), filepath.Join(dir, "nope"), nil); err == nil || !strings.HasPrefix(err.Error(), "Could not read properties from file ") {
		t.Errorf("error %v", err)
	}
}

func TestAllowedPaths(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "outside"), "a=1")
	inside := write(t, filepath.Join(sub, "inside"), "a=1")
	f, err := NewFile([]string{sub})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := f.Get(t.Context(), inside, nil); err != nil || got["a"] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{filepath.Join(dir, "outside"), sub + "/../outside", sub + "x/inside", "inside"} {
		if _, _, err := f.Get(t.Context(), bad, nil); err == nil || !strings.Contains(err.Error(), "allowed.paths") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"relative", filepath.Join(dir, "nope")} {
		if _, err := NewDirectory([]string{bad}); err == nil {
			t.Errorf("allowed path %s was accepted", bad)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "user"), "u\n")
	write(t, filepath.Join(dir, "password"), "p")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := d.Get(t.Context(), dir, nil); err != nil || !maps.Equal(got, map[string]string{"user": "u\n", "password": "p"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, _, err := d.Get(t.Context(), dir, []string{"password"}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, _, err := d.Get(t.Context(), filepath.Join(dir, "user"), nil); err == nil {
		t.Error("a file was listed as a directory")
	}
}

func TestEnv(t *testing.T) {
	pattern, err := configdef.CompileRegex("DB_.*")
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEnv([]string{"DB_USER=u=1", "HOME=/", "XDB_A=1"}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := e.Get(t.Context(), "", nil); err != nil || !maps.Equal(got, map[string]string{"DB_USER": "u=1"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, _, err := e.Get(t.Context(), "path", nil); err == nil {
		t.Error("a path was accepted")
	}
}

// fake answers with path and key, and counts its calls.
type fake struct {
	calls int
	ttl   time.Duration
	err   error
}

func (f *fake) Get(_ context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	f.calls++
	out := map[string]string{}
	for _, k := range keys {
		if k != "missing" {
			out[k] = "<" + path + "|" + k + ">"
		}
	}
	return out, f.ttl, f.err
}

func (f *fake) Close() error { return f.err }

func TestResolve(t *testing.T) {
	p, q := &fake{ttl: time.Minute}, &fake{ttl: time.Second}
	r := NewResolver(map[string]connect.ConfigProvider{"p": p, "q": q})
	tests := map[string]string{
		"plain":                  "plain",
		"${p:key}":               "<|key>",
		"a ${p:/x:key} b ${q:k}": "a </x|key> b <|k>",
		"${p:a:b:c}":             "<a|b:c>",
		"${p:x:missing}":         "${p:x:missing}",
		"${unknown:a:b}":         "${unknown:a:b}",
		"${topic}-${timestamp}":  "${topic}-${timestamp}",
		"${p:}":                  "<|>",
		"${x${p:a}":              "${x${p:a}",
		"$ {p:a} ${p":            "$ {p:a} ${p",
	}
	props := map[string]string{}
	for in := range tests {
		props[in] = in
	}
	got, err := r.Resolve(t.Context(), props)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Props, tests) {
		t.Errorf("got %q", got.Props)
	}
	if got.TTL != time.Second {
		t.Errorf("TTL %v", got.TTL)
	}
	if p.calls != 4 { // paths "", "/x", "a" and "x"
		t.Errorf("%d calls", p.calls)
	}
	q.err = errors.New("sealed")
	if _, err := r.Resolve(t.Context(), props); err == nil || err.Error() != "config provider q: sealed" {
		t.Errorf("error %v", err)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "closing config provider q") {
		t.Errorf("error %v", err)
	}
}

func TestFromProperties(t *testing.T) {
	find := func(class string) (*connect.Plugin, error) {
		for _, p := range Plugins() {
			if p.Class == class {
				return &p, nil
			}
		}
		return nil, errors.New("no such class")
	}
	path := write(t, filepath.Join(t.TempDir(), "f"), "k=v")
	const files = "org.apache.kafka.common.config.provider.FileConfigProvider"
	r, err := FromProperties(map[string]string{"config.providers": " f , e", "config.providers.f.class": files,
		"config.providers.f.param.allowed.paths": filepath.Dir(path),
		"config.providers.e.class":               "org.apache.kafka.common.config.provider.EnvVarConfigProvider"}, find)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Resolve(t.Context(), map[string]string{"a": "${f:" + path + ":k}"})
	if err != nil || got.Props["a"] != "v" {
		t.Errorf("%v, %v", got, err)
	}
	for _, props := range []map[string]string{
		{"config.providers": "f"},
		{"config.providers": "f", "config.providers.f.class": "nope"},
		{"config.providers": "f", "config.providers.f.class": files, "config.providers.f.param.allowed.paths": "relative"},
	} {
		var ce *connect.ConfigError
		if _, err := FromProperties(props, find); !errors.As(err, &ce) || ce.Key != "config.providers.f.class" {
			t.Errorf("%v: %v", props, err)
		}
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add([]byte("a=b\\\nc\\u00e9"))
	f.Fuzz(func(t *testing.T, b []byte) { parseProperties(b) })
}
