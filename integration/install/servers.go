package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Server is a database server's program with what belongs to it.
type Server struct {
	Command []string // program and its first arguments, never reading a configuration file
	Share   string   // the directory with the scripts of system tables
}

// MySQL finds the unpacked MySQL server.
func (h Home) MySQL() (Server, error) {
	s, ok := inRoot(h.path("mysql"), "mysqld")
	if !ok {
		return Server{}, &MissingError{Part: "MySQL", Looked: h.path("mysql"), Setup: "mysql"}
	}
	return s, nil
}

// MySQLClient finds the command line client that was unpacked with the MySQL server.
func (h Home) MySQLClient() ([]string, error) {
	loader, program, libraries := inOwnRoot(h.path("mysql"), "usr/bin/mysql")
	if loader == "" || program == "" {
		return nil, &MissingError{Part: "MySQL's client", Looked: h.path("mysql"), Setup: "mysql"}
	}
	return []string{loader, "--library-path", libraries, program, "--no-defaults"}, nil
}

// MariaDB finds the MariaDB server: the system's own, or the unpacked one.
func (h Home) MariaDB() (Server, error) {
	if s, ok := onSystem("mariadbd"); ok {
		return s, nil
	}
	if s, ok := inRoot(h.path("mariadb"), "mariadbd"); ok {
		return s, nil
	}
	return Server{}, &MissingError{Part: "MariaDB", Looked: "PATH, /usr/sbin and " + h.path("mariadb"), Setup: "mariadb"}
}

// MariaDBPlugins is a directory with plugins of MariaDB's server, among them those of authentication.
func (h Home) MariaDBPlugins() (string, error) {
	dir := h.path("mariadb-plugins", "usr/lib/mysql/plugin")
	if !exists(filepath.Join(dir, "auth_ed25519.so")) {
		return "", &MissingError{Part: "MariaDB's plugins", Looked: dir, Setup: "mariadb"}
	}
	return dir, nil
}

// SystemMySQL finds a MySQL server that the system's administrator installed.
func (h Home) SystemMySQL() (Server, bool) {
	return onSystem("mysqld")
}

// onSystem finds an installed server. Some distributions call MariaDB's server mysqld as well, so the name decides
// only after links are followed.
func onSystem(name string) (Server, bool) {
	path, err := exec.LookPath(name)
	if err != nil { // a user's path often lacks the directory of servers
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	if err != nil {
		return Server{}, false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || filepath.Base(real) != name {
		return Server{}, false
	}
	share := firstOf("/usr/share/mysql", "/usr/share/mariadb")
	return Server{Command: []string{real, "--no-defaults"}, Share: share}, share != ""
}

// inRoot finds a server below an unpacked root.
func inRoot(root, name string) (Server, bool) {
	loader, program, libraries := inOwnRoot(root, "usr/sbin/"+name)
	share := firstOf(root+"/usr/share/mysql", root+"/usr/share/mariadb")
	if loader == "" || program == "" || share == "" {
		return Server{}, false
	}
	return Server{
		Command: []string{
			loader, "--library-path", libraries, program, "--no-defaults",
			"--lc-messages-dir=" + share, "--character-sets-dir=" + filepath.Join(share, "charsets"),
			"--plugin-dir=" + filepath.Join(root, "usr/lib/mysql/plugin"),
		},
		Share: share,
	}, true
}

// inOwnRoot finds what it takes to run a program with an unpacked root's own loader and libraries, which are those it
// was built for, without chroot and so without root's rights.
func inOwnRoot(root, path string) (loader, program, libraries string) {
	loader = firstOf(root+"/usr/lib*/ld-linux*.so.*", root+"/lib*/ld-linux*.so.*", root+"/usr/lib/*/ld-linux*.so.*", root+"/lib/*/ld-linux*.so.*")
	libc := filepath.Dir(firstOf(root+"/usr/lib/*/libc.so.6", root+"/lib/*/libc.so.6"))
	return loader, firstOf(filepath.Join(root, path)), libc + ":" + filepath.Join(root, "usr/lib", filepath.Base(libc))
}

func firstOf(patterns ...string) string {
	for _, p := range patterns {
		if found, _ := filepath.Glob(p); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// Compiler installs the C compiler that Go's race detector links with.
func (i *Installer) Compiler(ctx context.Context) error {
	there := func() bool { return inPath("gcc") || inPath("clang") }
	return i.step("C compiler", there, func() error {
		return i.system(ctx, "gcc", "libc6-dev")
	})
}

// MySQL unpacks the newest MySQL server that Debian has, from its development suite.
func (i *Installer) MySQL(ctx context.Context) error {
	dir := i.home.path("mysql")
	return i.step("MySQL", func() bool { return found(i.home.MySQL()) && found(i.home.MySQLClient()) }, func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return unpacked(ctx, dir, "sid", func(*depot) ([]string, error) { return []string{"mysql-server-core", "mysql-client-core"}, nil })
	})
}

// MariaDB installs the distribution's MariaDB server, or unpacks it where the package manager may not be used.
func (i *Installer) MariaDB(ctx context.Context) error {
	dir := i.home.path("mariadb")
	err := i.step("MariaDB", func() bool { return found(i.home.MariaDB()) }, func() error {
		if os.Geteuid() == 0 {
			return i.system(ctx, "mariadb-server-core")
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return unpacked(ctx, dir, "", mariadbPackage(ctx))
	})
	if err != nil {
		return err
	}
	return i.step("MariaDB's plugins", func() bool { return found(i.home.MariaDBPlugins()) }, func() error {
		dir := i.home.path("mariadb-plugins")
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return unpackedBy(ctx, dir, "", func(d *depot, fresh string) error {
			core, err := mariadbPackage(ctx)(d)
			if err != nil {
				return err
			}
			return d.unpackAlone(ctx, fresh, strings.Replace(core[0], "-core", "", 1))
		})
	})
}

// mariadbPackage names the server's package, which carries a version number in older releases.
func mariadbPackage(ctx context.Context) func(*depot) ([]string, error) {
	return func(d *depot) ([]string, error) {
		out, err := d.apt(ctx, "apt-cache", "--names-only", "search", "^mariadb-server-core")
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(strings.TrimSpace(out), " ")
		if name == "" {
			return nil, fmt.Errorf("this distribution has no package mariadb-server-core")
		}
		return []string{name}, nil
	}
}

func found[T any](_ T, err error) bool { return err == nil }
