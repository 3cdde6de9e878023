package kafka

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

func TestKerberosOptions(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "krb5.conf")
	if err := os.WriteFile(conf, []byte("[libdefaults]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := ""
	for _, c := range []struct {
		name, opts, variable, cache string // KAFKA_OPTS, KRB5_CONFIG and KRB5CCNAME
		login, property             string
		want                        KerberosView
	}{
		{"key tab", "-Xmx1g -Djava.security.krb5.conf=/a -Djava.security.krb5.conf=/b", conf, none,
			`useKeyTab=true storeKey=true doNotPrompt=true keyTab="/etc/me.keytab" principal="me/host@REALM"`, "kafka",
			KerberosView{Service: "kafka", Principal: "me/host@REALM", KeyTab: "/etc/me.keytab", Config: "/b", Window: 0.8}},
		{"key tab as a URL, MIT's variable", none, "/missing:" + conf, none, `useKeyTab=TRUE keyTab="file:/k" principal=me serviceName=kafka`, none,
			KerberosView{Service: "kafka", Principal: "me", KeyTab: "/k", Config: conf, Window: 0.8}},
		{"missing file", none, "/missing:/other", none, `useKeyTab=true principal=me serviceName=kafka`, "kafka",
			KerberosView{Service: "kafka", Principal: "me", Config: "/missing", Window: 0.8}},
		{"ticket cache", none, none, none, `useTicketCache=true ticketCache="FILE:/tmp/c" serviceName=kafka`, none,
			KerberosView{Service: "kafka", Cache: "/tmp/c", Config: "/etc/krb5.conf", Window: 0.8}},
		{"ticket cache of the environment", none, none, "FILE:/tmp/d", `useTicketCache=true renewTGT=true serviceName=kafka`, none,
			KerberosView{Service: "kafka", Cache: "/tmp/d", Config: "/etc/krb5.conf", Window: 0.8}},
		{"both", none, none, "/tmp/d", `useTicketCache=true useKeyTab=true keyTab="/k" principal=me serviceName=kafka`, none,
			KerberosView{Service: "kafka", Principal: "me", KeyTab: "/k", Cache: "/tmp/d", Config: "/etc/krb5.conf", Window: 0.8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("KAFKA_OPTS", c.opts)
			t.Setenv("KRB5_CONFIG", c.variable)
			t.Setenv("KRB5CCNAME", c.cache)
			got, err := ViewKerberos(Properties{"sasl.jaas.config": krb5Module + " required " + c.login + ";", "sasl.kerberos.service.name": c.property})
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestKeysDecideOnEncryption(t *testing.T) {
	keys := keytab.New()
	for _, principal := range []string{"me", "other"} {
		if err := keys.AddEntry(principal, "R", "password", time.Now(), 1, 17); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "krb5.conf")
	for text, want := range map[string]string{
		"": "", "default_tkt_enctypes = aes128-cts aes256-cts": "", "default_tkt_enctypes = aes256-cts": "default_tkt_enctypes",
	} {
		if err := os.WriteFile(path, []byte("[libdefaults]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, err := loadKrb5(path)
		if err != nil {
			t.Fatal(err)
		}
		err = useKeysOf(keys, "me", "R", conf)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if types := conf.LibDefaults.DefaultTktEnctypeIDs; err == nil && (len(types) != 1 || types[0] != 17) {
			t.Errorf("%q: asks for the types %v", text, types)
		}
		if !conf.LibDefaults.DNSLookupKDC {
			t.Errorf("%q: KDCs are not looked up in DNS", text)
		}
	}
}

// Files that krb5.conf includes count, and so do all parts of a section.
func TestKrb5Includes(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"krb5.conf": "# ours\ninclude " + dir + "/more\nincludedir " + dir + "/d/\nincludedir /no/such/dir\n[libdefaults]\n default_realm = A\n[realms]\n A = {\n  kdc = a:1\n }\n",
		"more":      "[realms]\r\n B = {\r\n  kdc = b\r\n }\r\n",
		"d/c.conf":  "[realms]\n C = {\n  kdc = c\n }\n[domain_realm]\n .c.com = C\n",
		"d/c.bak":   "[realms]\n D = {\n  kdc = d\n }\n",
		"d/.x.conf": "[realms]\n E = {\n  kdc = e\n }\n",
		"loop":      "include " + dir + "/loop\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf, err := loadKrb5(filepath.Join(dir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	realms := func(conf *config.Config) string {
		var out []string
		for _, r := range conf.Realms {
			out = append(out, r.Realm+"="+strings.Join(r.KDC, ","))
		}
		return strings.Join(out, " ")
	}
	got := realms(conf)
	if want := "B=b:88 C=c:88 A=a:1"; got != want || conf.LibDefaults.DefaultRealm != "A" || conf.ResolveRealm("h.c.com") != "C" {
		t.Errorf("realms %v, want %s; default %q", got, want, conf.LibDefaults.DefaultRealm)
	}
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.realm=B -Djava.security.krb5.kdc=k1:k2")
	for path, want := range map[string]string{"krb5.conf": "C=c:88 A=a:1 B=k1:88,k2:88", "none": "B=k1:88,k2:88"} {
		conf, err := loadKrb5(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := realms(conf); got != want || conf.LibDefaults.DefaultRealm != "B" {
			t.Errorf("%s with a realm of its own: %s, want %s; default %q", path, got, want, conf.LibDefaults.DefaultRealm)
		}
	}
	t.Setenv("KAFKA_OPTS", "-Djava.security.krb5.realm=B") // alone it means nothing
	for _, bad := range []string{"loop", "none"} {
		if _, err := loadKrb5(filepath.Join(dir, bad)); err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "KRB5_CONFIG") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What the library says becomes a line with the setting, whatever it is.
func TestKerberosErrors(t *testing.T) {
	l := newKerberosLogin(kerberosOptions{config: "/etc/krb5.conf"})
	for text, want := range map[string]string{
		"[Root cause: KDC_Error] KDC_Error: x < KRB Error: (6) KDC_ERR_C_PRINCIPAL_UNKNOWN Client not found": "sasl.jaas.config: the KDC of R does not know me@R: check the option principal",
		"KRB Error: (18) KDC_ERR_CLIENT_REVOKED":        "me@R is locked",
		"KRB Error: (1) KDC_ERR_NAME_EXP":               "me@R has expired",
		"KRB Error: (23) KDC_ERR_KEY_EXPIRED":           "the password of me@R has expired",
		"KRB Error: (14) KDC_ERR_ETYPE_NOSUPP":          "encryption types",
		"KRB Error: (68) KDC_ERR_WRONG_REALM":           "R is not the realm of me@R",
		"KRB Error: (37) KRB_AP_ERR_SKEW":               "this machine's, which says 2",
		"clock skew with KDC too large. Greater than 5": "this machine's, which says 2",
		"lookup _kerberos._udp.R: no such host":         "names no KDC of the realm R, nor does DNS",
		"something\nelse":                               "me@R: something else",
	} {
		err := l.explain(errors.New(text), "R", "me@R")
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || !IsRetriable(err) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// names is a small DNS: addresses by host, and the other way round.
type names map[string]string

func (n names) LookupHost(_ context.Context, host string) ([]string, error) { return n.look(host) }
func (n names) LookupAddr(_ context.Context, addr string) ([]string, error) { return n.look(addr) }

func (n names) look(name string) ([]string, error) {
	if found := n[strings.ToLower(name)]; found != "" {
		return strings.Fields(found), nil
	}
	return nil, errors.New("no such host")
}

var smallDNS = names{
	"10.0.0.1": "B1.example.com.", "10.0.0.2": "b2.example.com.", "b1": "10.0.0.1", "alias": "10.0.0.1 10.0.0.2", "b2.example.com": "10.0.0.2", "nameless": "10.0.0.9",
}

func TestBrokerHosts(t *testing.T) {
	for _, c := range []struct {
		host      string
		canonical bool
		want      string
	}{
		{"10.0.0.1", false, "b1.example.com"}, {"10.0.0.9", true, "10.0.0.9"}, {"B1", true, "b1.example.com"}, {"B1", false, "b1"},
		{"alias", true, "alias"}, {"b2.example.com", true, "b2.example.com"}, {"nameless", true, "nameless"}, {"nowhere", true, "nowhere"},
	} {
		if got := brokerHost(t.Context(), smallDNS, c.host, c.canonical); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.host, c.canonical, got, c.want)
		}
	}
}

func TestCanonicalBootstrapServers(t *testing.T) {
	s := &Settings{Bootstrap: []string{"alias:1", "b1:1", "nameless:2"}, CanonicalServers: true}
	got, err := s.bootstrap(t.Context(), smallDNS)
	if want := "B1.example.com:1 b2.example.com:1 10.0.0.9:2"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v %v, want %s", got, err, want)
	}
	if _, err := (&Settings{Bootstrap: []string{"nowhere:1"}, CanonicalServers: true}).bootstrap(t.Context(), smallDNS); err == nil || !strings.Contains(err.Error(), "client.dns.lookup") {
		t.Errorf("an unknown host: %v", err)
	}
	s.CanonicalServers = false
	if got, err := s.bootstrap(t.Context(), nil); err != nil || strings.Join(got, " ") != "alias:1 b1:1 nameless:2" {
		t.Errorf("by default: %v %v", got, err)
	}
}

// A cache that is written back holds what was read.
func TestTicketCaches(t *testing.T) {
	conf := config.New()
	by := client.NewWithPassword("me/host", "R", "p", conf)
	key := types.EncryptionKey{KeyType: 18, KeyValue: []byte("0123456789abcdef0123456789abcdef")}
	service := types.PrincipalName{NameType: 2, NameString: []string{"krbtgt", "R"}}
	ticket, _, err := messages.NewTicket(by.Credentials.CName(), "R", service, "R", types.NewKrbFlags(), tgsKeys(t), 18, 1, time.Now(), time.Now(), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Truncate(time.Second)
	want := &kerberosTicket{by: by, ticket: ticket, key: key, auth: at, begin: at.Add(1), end: at.Add(time.Hour), renews: at.Add(2 * time.Hour), flags: []byte{1, 2, 3, 4}}
	path := filepath.Join(t.TempDir(), "cache")
	if err := writeCache(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := readCache(path, conf)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"whose":   {got.by.Credentials.CName().PrincipalNameString() + "@" + got.by.Credentials.Domain(), "me/host@R"},
		"service": {got.name(), "krbtgt/R@R"},
		"key":     {got.key, want.key},
		"times":   {[]int64{got.auth.Unix(), got.begin.Unix(), got.end.Unix(), got.renews.Unix()}, []int64{at.Unix(), at.Unix(), want.end.Unix(), want.renews.Unix()}},
		"flags":   {got.flags, want.flags},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: others may read the cache", info, err)
	}
}

// tgsKeys are those of a KDC.
func tgsKeys(t *testing.T) *keytab.Keytab {
	t.Helper()
	keys := keytab.New()
	if err := keys.AddEntry("krbtgt/R", "R", "secret", time.Now(), 1, 18); err != nil {
		t.Fatal(err)
	}
	return keys
}

// FuzzKerberosFiles reads files that anybody may have written.
func FuzzKerberosFiles(f *testing.F) {
	f.Add([]byte("\x05\x04\x00"))
	f.Add([]byte("\x05\x02\x00\x00\x00\x4f\x00\x01"))
	f.Add([]byte("[libdefaults]\n default_realm = R\n[realms]\nR = {\n kdc = h\n}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		conf, err := loadKrb5(path)
		if err == nil {
			_, _ = readCache(path, conf)
		}
		_, _ = readKeyTab(path)
	})
}
