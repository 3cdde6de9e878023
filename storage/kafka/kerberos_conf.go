package kafka

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
)

// loadKrb5 reads krb5.conf with the defaults of Java where the library has others:
// KDCs are looked up in DNS unless it is forbidden, and the newer AES types are known.
func loadKrb5(path string) (_ *config.Config, err error) {
	const where = "give its path with -Djava.security.krb5.conf in KAFKA_OPTS, or in KRB5_CONFIG"
	defer recovered(&err, path+" is damaged")
	realm, kdcs := javaOption("java.security.krb5.realm"), javaOption("java.security.krb5.kdc")
	named := realm != "" && kdcs != ""
	text, err := readKrb5(path)
	if err != nil && !(named && errors.Is(err, fs.ErrNotExist)) {
		return nil, kerberosErrorf("krb5.conf cannot be read: %v (%s)", err, where)
	}
	conf, err := config.NewFromString(text)
	var unknown config.UnsupportedDirective
	if err != nil && !errors.As(err, &unknown) {
		return nil, kerberosErrorf("krb5.conf (%s) is not understood: %v (%s)", path, err, where)
	}
	libs := &conf.LibDefaults
	for option, types := range map[string]*[]int32{
		"default_tkt_enctypes": &libs.DefaultTktEnctypeIDs, "default_tgs_enctypes": &libs.DefaultTGSEnctypeIDs, "permitted_enctypes": &libs.PermittedEnctypeIDs,
	} {
		if !strings.Contains(text, option) {
			*types = append(*types, etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128)
		}
	}
	if !strings.Contains(text, "dns_lookup_kdc") {
		libs.DNSLookupKDC = true
	}
	if named {
		setRealm(conf, realm, strings.Split(kdcs, ":"))
	}
	return conf, nil
}

// setRealm makes a realm the default, with the KDCs of Java's system properties, which
// win over the file's.
func setRealm(conf *config.Config, name string, hosts []string) {
	const port = "88"
	realm := config.Realm{Realm: name}
	for _, host := range hosts {
		realm.KDC = append(realm.KDC, net.JoinHostPort(host, port))
	}
	conf.LibDefaults.DefaultRealm = name
	conf.Realms = append(slices.DeleteFunc(conf.Realms, func(r config.Realm) bool { return r.Realm == name }), realm)
}

// readKrb5 reads krb5.conf and the files that it includes, and puts the parts of each
// section together, of which the library would heed the last one alone.
func readKrb5(path string) (string, error) {
	s := krb5Sections{text: map[string]string{}}
	if err := s.read(path, 0); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range s.names {
		b.WriteString(name + "\n" + s.text[name])
	}
	return b.String(), nil
}

// krb5Sections are the sections of krb5.conf, with their brackets.
type krb5Sections struct {
	names []string // in order
	text  map[string]string
}

// includable are the files of a directory that MIT Kerberos reads.
var includable = regexp.MustCompile(`\A(?:[A-Za-z0-9_-]+|[^.].*\.conf)\z`)

// read adds what a file says. Files that are included begin with sections of their own.
func (s *krb5Sections) read(path string, depth int) error {
	const deepest = 10
	if depth > deepest {
		return fmt.Errorf("%s is included by itself", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	section := ""
	for line := range strings.Lines(string(b)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "include":
			err = s.read(strings.TrimSpace(rest), depth+1)
		case word == "includedir":
			err = s.readAll(strings.TrimSpace(rest), depth+1)
		case strings.HasPrefix(word, "["):
			section = strings.ToLower(word)
			if _, known := s.text[section]; !known {
				s.names, s.text[section] = append(s.names, section), ""
			}
		case section != "":
			s.text[section] += strings.TrimRight(line, "\r\n") + "\n"
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the files of a directory, which may be missing.
func (s *krb5Sections) readAll(dir string, depth int) error {
	files, err := os.ReadDir(dir) // in order
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if includable.MatchString(f.Name()) && !f.IsDir() && err == nil {
			err = s.read(filepath.Join(dir, f.Name()), depth)
		}
	}
	return err
}
