package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/millrace/millrace/integration/install"
)

// KDCConfig describes a Kerberos KDC. A zero port is chosen.
type KDCConfig struct {
	Home  install.Home
	Dir   string // must exist; database, configuration and log go there
	Realm string
	Port  int
}

// KDC is an MIT Kerberos KDC with a realm of its own.
type KDC struct {
	*Process
	Port int
	// Config is krb5.conf, for clients of the realm and for brokers.
	Config string

	programs install.Kerberos
	realm    string
	env      []string
}

// StartKDC makes a realm and starts its KDC.
func StartKDC(ctx context.Context, c KDCConfig) (*KDC, error) {
	programs, err := c.Home.Kerberos()
	if err != nil {
		return nil, err
	}
	if err := fill(&c.Port); err != nil {
		return nil, err
	}
	k := &KDC{Port: c.Port, Config: filepath.Join(c.Dir, "krb5.conf"), programs: programs, realm: c.Realm}
	profile := filepath.Join(c.Dir, "kdc.conf")
	k.env = []string{"KRB5_CONFIG=" + k.Config, "KRB5_KDC_PROFILE=" + profile, "KRB5_TRACE="}
	for path, text := range map[string]string{k.Config: c.client(programs.Plugins), profile: c.server()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := k.Run(ctx, "sbin/kdb5_util", "create", "-s", "-r", c.Realm, "-P", "master"); err != nil {
		return nil, err
	}
	k.Process, err = Start(ctx, Spec{
		Name: "krb5kdc", Dir: c.Dir, Env: k.env,
		Args: append(programs.Command("sbin/krb5kdc"), "-n", "-r", c.Realm, "-P", filepath.Join(c.Dir, "pid")),
		Ready: func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", local(c.Port))
			if err == nil {
				err = conn.Close()
			}
			return err
		},
	})
	return k, err
}

// client is krb5.conf. Nothing is looked up in DNS.
func (c KDCConfig) client(plugins string) string {
	return fmt.Sprintf(`[libdefaults]
  default_realm = %[1]s
  dns_lookup_kdc = false
  dns_lookup_realm = false
  rdns = false
  plugin_base_dir = %[3]s
[realms]
  %[1]s = {
    kdc = %[2]s
  }
[dbmodules]
  db_module_dir = %[3]s/kdb
[logging]
  default = STDERR
  kdc = STDERR
`, c.Realm, local(c.Port), plugins)
}

func (c KDCConfig) server() string {
	return fmt.Sprintf(`[kdcdefaults]
  kdc_listen = %[2]s
  kdc_tcp_listen = %[2]s
[realms]
  %[1]s = {
    database_name = %[3]s/principal
    key_stash_file = %[3]s/stash
    acl_file = %[3]s/acl
    max_renewable_life = 7d
    supported_enctypes = aes256-cts:normal aes128-cts:normal
  }
`, c.Realm, local(c.Port), c.Dir)
}

// Add makes a principal with a random key, whose tickets last for life and may be renewed for an hour.
func (k *KDC) Add(ctx context.Context, principal string, life time.Duration) error {
	return k.admin(ctx, fmt.Sprintf(`addprinc -randkey +requires_preauth -maxlife "%d seconds" -maxrenewlife "1 hour" %s`, int(life.Seconds()), principal))
}

// Change gives a principal another key, so that key tabs with the old one are of no use.
func (k *KDC) Change(ctx context.Context, principal string) error {
	return k.admin(ctx, "cpw -randkey "+principal)
}

// Remove forgets a principal.
func (k *KDC) Remove(ctx context.Context, principal string) error {
	return k.admin(ctx, "delprinc -force "+principal)
}

// Export writes a principal's keys into a new key tab.
func (k *KDC) Export(ctx context.Context, principal, path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return k.admin(ctx, fmt.Sprintf("ktadd -norandkey -k %s %s", path, principal))
}

func (k *KDC) admin(ctx context.Context, query string) error {
	return k.Run(ctx, "sbin/kadmin.local", "-r", k.realm, "-q", query)
}

// Kinit fills a ticket cache with a ticket that may be renewed for an hour.
func (k *KDC) Kinit(ctx context.Context, principal, keyTab, cache string, life time.Duration) error {
	return k.Run(ctx, "bin/kinit", "-k", "-t", keyTab, "-c", cache, "-l", fmt.Sprintf("%ds", int(life.Seconds())), "-r", "1h", principal)
}

// Run runs a program of Kerberos. kadmin's errors come with exit status 0.
func (k *KDC) Run(ctx context.Context, program string, args ...string) error {
	cmd := command(ctx, append(k.programs.Command(program), args...))
	cmd.Env = append(os.Environ(), k.env...)
	out, err := cmd.CombinedOutput()
	if text := string(out); err == nil && program == "sbin/kadmin.local" &&
		(strings.Contains(text, " while ") || strings.Contains(text, "kadmin.local: ")) {
		err = fmt.Errorf("it failed")
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
