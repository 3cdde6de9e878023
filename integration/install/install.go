// Package install puts what the tests and the quickstart need on this machine, and finds it again.
//
// What Debian packages, the package manager installs when the process is root: the C compiler that -race needs, the
// distribution's MariaDB server, a Java runtime, Maven, Python's venv. Everything else goes below one cache directory
// and changes nothing on the machine: servers are unpacked from their packages with the libraries they were built for,
// jars come through Maven, Python packages live in a virtual environment. Without root the MariaDB server is unpacked
// too, and what only the package manager can install is named in an error.
//
// Layout of the cache directory:
//
//	mysql/, mariadb/     unpacked servers, each a small root file system
//	mariadb-plugins/     what Debian packs apart from MariaDB's server
//	kerberos/            an unpacked KDC, likewise
//	jars/NAME/           the jars of pom/NAME.xml
//	python/              the virtual environment of the scenario players
//	data/                data directories of new servers, copied for each start
package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Home is the cache directory. Its methods that return a command or a path only look; they install nothing.
type Home string

// DefaultHome is $MILLRACE_CACHE, or millrace below the user's cache directory.
func DefaultHome() (Home, error) {
	if dir := os.Getenv("MILLRACE_CACHE"); dir != "" {
		abs, err := filepath.Abs(dir)
		return Home(abs), err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache directory: %w; set MILLRACE_CACHE", err)
	}
	return Home(filepath.Join(cache, "millrace")), nil
}

func (h Home) path(elem ...string) string {
	return filepath.Join(append([]string{string(h)}, elem...)...)
}

// MissingError says that a part is not on this machine and which command puts it there.
type MissingError struct {
	Part, Looked, Setup string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed (looked at %s): run `go run ./integration/setup %s`", e.Part, e.Looked, e.Setup)
}

// Installer installs parts. A part that is there is left alone.
type Installer struct {
	home Home
	log  io.Writer
}

// New returns an installer into home that tells log what it does, one line a part.
func New(home Home, log io.Writer) *Installer {
	return &Installer{home: home, log: log}
}

// step says what is done and how long it took; there reports whether nothing is left to do.
func (i *Installer) step(name string, there func() bool, do func() error) error {
	if there() {
		_, err := fmt.Fprintf(i.log, "have       %s\n", name)
		return err
	}
	fmt.Fprintf(i.log, "installing %s ...\n", name)
	began := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("installing %s: %w", name, err)
	}
	if !there() {
		return fmt.Errorf("installing %s: it is still missing afterwards", name)
	}
	_, err := fmt.Fprintf(i.log, "installed  %s in %.0f s\n", name, time.Since(began).Seconds())
	return err
}

// run runs a command and keeps its output for the error.
func run(ctx context.Context, name string, args ...string) (string, error) {
	return runIn(ctx, "", name, args...)
}

// runIn is run in a directory; "" means the present one.
func runIn(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	var out, all bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, &all)
	cmd.Stderr = &all
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, lastLines(all.String(), 15))
	}
	return out.String(), nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// replace makes dir from what fill puts into a fresh directory beside it: whole or not at all. When another process
// was quicker, its directory stays.
func replace(dir string, fill func(fresh string) error) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	if err := fill(fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func inPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
