package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// system installs packages with the package manager, which takes root.
func (i *Installer) system(ctx context.Context, packages ...string) error {
	if !inPath("apt-get") {
		return fmt.Errorf("no apt-get here: install %s by hand", strings.Join(packages, ", "))
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("only root can install packages: run `apt-get install %s` as root", strings.Join(packages, " "))
	}
	if _, err := run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	args := append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
	_, err := run(ctx, "apt-get", args...)
	return err
}

// depot is a package manager state of its own, in a directory: it believes that nothing is installed, so that a
// download brings a package with every library it needs. It needs neither root nor the system's locks.
type depot struct {
	dir     string
	sources string // a sources.list; empty for the machine's own sources
}

func openDepot(ctx context.Context, dir, sources string) (*depot, error) {
	if !inPath("apt-get") || !inPath("dpkg-deb") {
		return nil, errors.New("packages can only be unpacked where apt-get and dpkg-deb are (Debian, Ubuntu)")
	}
	d := &depot{dir: dir}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "state/status"), nil, 0o644); err != nil {
		return nil, err
	}
	if sources != "" {
		d.sources = filepath.Join(dir, "sources.list")
		if err := os.WriteFile(d.sources, []byte(sources+"\n"), 0o644); err != nil {
			return nil, err
		}
	}
	_, err := d.apt(ctx, "apt-get", "update")
	return d, err
}

func (d *depot) apt(ctx context.Context, tool string, args ...string) (string, error) {
	options := []string{
		"Dir::State=" + filepath.Join(d.dir, "state"),
		"Dir::State::status=" + filepath.Join(d.dir, "state/status"),
		"Dir::Cache=" + filepath.Join(d.dir, "cache"),
		"APT::Sandbox::User=root",
		"Debug::NoLocking=1",
		"Acquire::Check-Valid-Until=false", // a mirror may lag behind; signatures are still checked
		"Acquire::Languages=none",
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}
	if d.sources != "" {
		options = append(options, "Dir::Etc::sourcelist="+d.sources, "Dir::Etc::sourceparts=/dev/null")
	}
	var all []string
	for _, o := range options {
		all = append(all, "-o", o)
	}
	return runIn(ctx, d.dir, tool, append(all, args...)...)
}

// unpack extracts packages with all they need below root, without documentation.
func (d *depot) unpack(ctx context.Context, root string, packages ...string) error {
	args := append([]string{"install", "--yes", "--no-install-recommends", "--download-only"}, packages...)
	if _, err := d.apt(ctx, "apt-get", args...); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(d.dir, "cache/archives/*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if err := extract(ctx, deb, root); err != nil {
			return err
		}
	}
	return nil
}

// unpackAlone extracts a package without what it needs.
func (d *depot) unpackAlone(ctx context.Context, root, name string) error {
	if _, err := d.apt(ctx, "apt-get", "download", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(d.dir, name+"_*.deb"))
	if err == nil && len(debs) != 1 {
		err = fmt.Errorf("downloading %s brought %v", name, debs)
	}
	if err != nil {
		return err
	}
	return extract(ctx, debs[0], root)
}

// extract does what dpkg-deb --extract does, less the files that no server reads, and keeps the links of a merged /usr.
func extract(ctx context.Context, deb, root string) error {
	archive := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", root, "--no-same-owner", "--keep-directory-symlink",
		"--exclude=./dev", "--exclude=./var", "--exclude=./usr/share/doc*", "--exclude=./usr/share/man",
		"--exclude=./usr/share/locale", "--exclude=./usr/share/perl*", "--exclude=./usr/lib/*/perl*", "--exclude=./usr/lib/*/gconv")
	pipe, err := archive.StdoutPipe()
	if err != nil {
		return err
	}
	unpack.Stdin = pipe
	if err := archive.Start(); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(deb), err)
	}
	out, err := unpack.CombinedOutput()
	if err := errors.Join(err, archive.Wait()); err != nil {
		return fmt.Errorf("unpacking %s: %w\n%s", filepath.Base(deb), err, lastLines(string(out), 5))
	}
	return nil
}

// debianMirror is $MILLRACE_DEBIAN_MIRROR, or the mirror that this machine's Debian packages come from.
func (d *depot) debianMirror(ctx context.Context) (string, error) {
	if url := os.Getenv("MILLRACE_DEBIAN_MIRROR"); url != "" {
		return url, nil
	}
	out, err := d.apt(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Label: Debian")
	if err != nil {
		return "", err
	}
	if url, _, _ := strings.Cut(strings.TrimSpace(out), "\n"); url != "" {
		return url, nil
	}
	return "", errors.New("no Debian mirror in this machine's package sources: set MILLRACE_DEBIAN_MIRROR")
}

// unpacked fills dir with packages: of the machine's own release, or of the named Debian suite.
func unpacked(ctx context.Context, dir, suite string, packages func(*depot) ([]string, error)) error {
	return unpackedBy(ctx, dir, suite, func(d *depot, fresh string) error {
		names, err := packages(d)
		if err != nil {
			return err
		}
		return d.unpack(ctx, fresh, names...)
	})
}

// unpackedBy fills dir as fill does.
func unpackedBy(ctx context.Context, dir, suite string, fill func(d *depot, fresh string) error) error {
	return replace(dir, func(fresh string) error {
		work, err := os.MkdirTemp("", "millrace-apt-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		d, err := openDepot(ctx, filepath.Join(work, "own"), "")
		if err != nil {
			return err
		}
		if suite != "" {
			mirror, err := d.debianMirror(ctx)
			if err != nil {
				return err
			}
			if d, err = openDepot(ctx, filepath.Join(work, suite), fmt.Sprintf("deb %s %s main", mirror, suite)); err != nil {
				return err
			}
		}
		return fill(d, fresh)
	})
}
