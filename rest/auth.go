package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/millrace/millrace/storage/kafka"
)

// The extension for basic authentication, and what its JAAS file may hold.
const (
	basicAuthClass = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
	fileLoginClass = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
	loginContext   = "KafkaConnect"
)

// authenticator decides who may use the API.
type authenticator interface {
	permits(r *http.Request) bool
	// user names who is permitted; known is false for somebody who is not named.
	user(r *http.Request) (name string, known bool)
}

// users holds, for each login module, passwords by user name. A module without
// users lets everybody in (PropertyFileLoginModule).
type users []map[string]string

// loginFile finds the Java system property that names the JAAS file.
func loginFile(javaOptions string) string {
	for option := range strings.FieldsSeq(javaOptions) {
		if path, ok := strings.CutPrefix(option, "-Djava.security.auth.login.config="); ok {
			return path
		}
	}
	return ""
}

// loadAuth reads a JAAS file and the property files of users that it names.
// Errors hold neither users nor passwords.
func loadAuth(path string) (authenticator, error) {
	if strings.TrimSpace(path) == "" {
		return nil, invalid("rest.extension.classes", "basic authentication needs a JAAS file: name it in KAFKA_OPTS as -Djava.security.auth.login.config=FILE")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the JAAS file for basic authentication: %w", err)
	}
	contexts, err := kafka.ParseLoginFile(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading the JAAS file %s: %w", path, err)
	}
	modules := contexts[loginContext]
	if len(modules) == 0 {
		return nil, fmt.Errorf("the JAAS file %s has no login module for %s", path, loginContext)
	}
	var out users
	for _, m := range modules {
		known, err := loadUsers(m)
		if err != nil {
			return nil, fmt.Errorf("the JAAS file %s: %w", path, err)
		}
		out = append(out, known)
	}
	return out, nil
}

func loadUsers(m kafka.LoginModule) (map[string]string, error) {
	if m.Class != fileLoginClass {
		return nil, fmt.Errorf("the login module %s is not available; the only one is %s", m.Class, fileLoginClass)
	}
	file := m.Options["file"]
	if strings.TrimSpace(file) == "" {
		return nil, fmt.Errorf("the login module needs the option file")
	}
	return kafka.LoadProperties(file)
}

// permits asks the modules one after the other. Whatever their control flags,
// one that knows the user is enough: a module that does not abstains.
func (u users) permits(r *http.Request) bool {
	_, known := u.user(r)
	return known || slices.ContainsFunc(u, func(m map[string]string) bool { return len(m) == 0 })
}

func (u users) user(r *http.Request) (string, bool) {
	name, password, given := credentials(r)
	for _, known := range u {
		want, exists := known[name]
		if given && equal(want, password) && exists {
			return name, true
		}
	}
	return "", false
}

// equal takes as long for any two texts.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func credentials(r *http.Request) (name, password string, ok bool) {
	method, text, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(method, "basic") {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	name, password, ok = strings.Cut(string(plain), ":")
	return name, password, ok && name != ""
}

// internalRequest reports whether a request is of the kind that workers make of
// each other: those are signed, and need no user.
func internalRequest(r *http.Request) bool {
	s := strings.Split(r.URL.EscapedPath(), "/")
	if len(s) != 4 || s[1] != "connectors" {
		return false
	}
	return r.Method == post && s[3] == "tasks" || r.Method == put && s[3] == "fence"
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "User cannot access the resource.")
}

// protect puts a handler that is no resource behind the same door.
func (s *Server) protect(auth authenticator, n need, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.access != nil:
			if err := s.admitIdentified(r.Context(), w, &request{Request: r}, n); err != nil {
				s.fail(w, r, err)
				return
			}
		case auth != nil && !auth.permits(r):
			refuse(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}
