package install

import (
	"context"
	"os"
	"path/filepath"
)

// Kerberos is an unpacked MIT Kerberos.
type Kerberos struct {
	root string
	// Plugins is the directory of its modules, which krb5.conf must name.
	Plugins string
}

// Kerberos finds the unpacked MIT Kerberos.
func (h Home) Kerberos() (Kerberos, error) {
	k := Kerberos{root: h.path("kerberos")}
	k.Plugins = firstOf(k.root + "/usr/lib/*/krb5/plugins")
	for _, program := range []string{"sbin/krb5kdc", "sbin/kdb5_util", "sbin/kadmin.local", "bin/kinit"} {
		if k.Plugins == "" || !exists(filepath.Join(k.root, "usr", program)) {
			return Kerberos{}, &MissingError{Part: "MIT Kerberos", Looked: k.root, Setup: "kerberos"}
		}
	}
	return k, nil
}

// Command is a program, such as sbin/krb5kdc, with the libraries it was built for.
func (k Kerberos) Command(program string) []string {
	loader, path, libraries := inOwnRoot(k.root, "usr/"+program)
	return []string{loader, "--library-path", libraries, path}
}

// Kerberos unpacks MIT Kerberos: a KDC and its tools.
func (i *Installer) Kerberos(ctx context.Context) error {
	dir := i.home.path("kerberos")
	return i.step("MIT Kerberos", func() bool { return found(i.home.Kerberos()) }, func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return unpacked(ctx, dir, "", func(*depot) ([]string, error) { return []string{"krb5-kdc", "krb5-admin-server", "krb5-user"}, nil })
	})
}
