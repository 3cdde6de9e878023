// Package registrytest is a schema registry in memory that answers as the REST
// API of Confluent Schema Registry is documented: subjects, versions, ids,
// references, compatibility levels and error codes. For tests.
package registrytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/converter/registry"
)

// Checker knows one type of schema.
type Checker interface {
	// Check says why a schema is not valid.
	Check(s registry.Schema, refs []registry.Schema) error
	// CanRead says why what was written with writer cannot be read with reader.
	CanRead(reader, writer registry.Schema, refs []registry.Schema) error
}

// Config configures a Server.
type Config struct {
	Checkers map[string]Checker // by schemaType; a type without one takes every schema
	User     string             // with Password: basic authentication
	Password string
	Token    string // bearer authentication
	Level    string // the global compatibility level; "" means BACKWARD
	// Serialized gives a schema the form that format=serialized asks for, which Protobuf has; nil keeps its text.
	Serialized func(registry.Schema) (string, error)
}

// Server is a running registry.
type Server struct {
	*httptest.Server
	cfg Config

	mu       sync.Mutex
	schemas  []registry.Schema            // by id, from 1
	subjects map[string][]registry.Schema // versions in order; Version 0 marks a deleted one
	levels   map[string]string
	requests []string
	fail     []int // statuses of the next answers
}

// New starts a registry; Close ends it.
func New(cfg Config) *Server {
	s := NewUnstarted(cfg)
	s.Start()
	return s
}

// NewUnstarted is New for callers that start it themselves, such as with TLS.
func NewUnstarted(cfg Config) *Server {
	if cfg.Level == "" {
		cfg.Level = "BACKWARD"
	}
	s := &Server{cfg: cfg, subjects: map[string][]registry.Schema{}, levels: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /subjects", s.handle(s.listSubjects))
	mux.HandleFunc("POST /subjects/{subject}", s.handle(s.lookup))
	mux.HandleFunc("DELETE /subjects/{subject}", s.handle(s.deleteSubject))
	mux.HandleFunc("GET /subjects/{subject}/versions", s.handle(s.listVersions))
	mux.HandleFunc("POST /subjects/{subject}/versions", s.handle(s.register))
	mux.HandleFunc("GET /subjects/{subject}/versions/{version}", s.handle(s.version))
	mux.HandleFunc("GET /schemas/ids/{id}", s.handle(s.byID))
	mux.HandleFunc("GET /config/{subject}", s.handle(s.level))
	mux.HandleFunc("PUT /config/{subject}", s.handle(s.setLevel))
	mux.HandleFunc("POST /compatibility/subjects/{subject}/versions/{version}", s.handle(s.compatibility))
	s.Server = httptest.NewUnstartedServer(mux)
	return s
}

// Fail makes the next requests fail with these statuses, one each.
func (s *Server) Fail(statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = append(s.fail, statuses...)
}

// Requests are the requests so far, as "METHOD /path".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Put registers a schema without any check and returns its id.
func (s *Server) Put(subject string, schema registry.Schema) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(subject, schema)
}

// Versions are the schemas of a subject in the order of their versions.
func (s *Server) Versions(subject string) []registry.Schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live(subject)
}

// Subjects are the names of the subjects, sorted.
func (s *Server) Subjects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name := range s.subjects {
		if len(s.live(name)) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// problem is an error of the API.
type problem struct {
	status, code int
	message      string
}

func (p *problem) Error() string { return p.message }

func fail(code int, format string, args ...any) error {
	status := code
	for status > 999 {
		status /= 10
	}
	return &problem{status, code, fmt.Sprintf(format, args...)}
}

func (s *Server) handle(do func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		out, err := s.answer(do, r)
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		var p *problem
		if errors.As(err, &p) {
			w.WriteHeader(p.status)
			out = map[string]any{"error_code": p.code, "message": p.message}
		}
		_ = json.NewEncoder(w).Encode(out) // a client that has gone
	}
}

func (s *Server) answer(do func(r *http.Request) (any, error), r *http.Request) (any, error) {
	if len(s.fail) > 0 {
		status := s.fail[0]
		s.fail = s.fail[1:]
		return nil, fail(status, "asked to fail")
	}
	if user, password, _ := r.BasicAuth(); s.cfg.User != "" && (user != s.cfg.User || password != s.cfg.Password) {
		return nil, fail(401, "Unauthorized")
	}
	if s.cfg.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.cfg.Token {
		return nil, fail(401, "Unauthorized")
	}
	return do(r)
}

func (s *Server) live(subject string) []registry.Schema {
	return slices.DeleteFunc(slices.Clone(s.subjects[subject]), func(v registry.Schema) bool { return v.Version == 0 })
}

func (s *Server) add(subject string, schema registry.Schema) int {
	schema.Subject, schema.ID = "", 0
	schema.Version = 0
	id := slices.IndexFunc(s.schemas, func(o registry.Schema) bool { return same(o, schema) }) + 1
	if id == 0 {
		s.schemas = append(s.schemas, schema)
		id = len(s.schemas)
	}
	schema.Subject, schema.ID, schema.Version = subject, id, len(s.subjects[subject])+1
	s.subjects[subject] = append(s.subjects[subject], schema)
	return id
}

func same(a, b registry.Schema) bool {
	return a.Text == b.Text && typeOf(a) == typeOf(b) && slices.Equal(a.References, b.References)
}

func typeOf(s registry.Schema) string {
	if s.SchemaType == "" {
		return "AVRO"
	}
	return s.SchemaType
}

func (s *Server) body(r *http.Request) (schema registry.Schema, refs []registry.Schema, err error) {
	if err := json.NewDecoder(r.Body).Decode(&schema); err != nil {
		return schema, nil, fail(42201, "Either the input schema or one its references is invalid: %v", err)
	}
	refs, err = s.references(schema.References)
	if err != nil {
		return schema, nil, err
	}
	if c := s.cfg.Checkers[typeOf(schema)]; c != nil {
		if err := c.Check(schema, refs); err != nil {
			return schema, nil, fail(42201, "Either the input schema or one its references is invalid. Details: %v", err)
		}
	}
	return schema, refs, nil
}

func (s *Server) references(list []registry.Reference) ([]registry.Schema, error) {
	var out []registry.Schema
	for _, ref := range list {
		at := slices.IndexFunc(s.live(ref.Subject), func(v registry.Schema) bool { return v.Version == ref.Version })
		if at < 0 {
			return nil, fail(42201, "Invalid schema: no schema reference found for subject %q and version %d", ref.Subject, ref.Version)
		}
		found := s.live(ref.Subject)[at]
		inner, err := s.references(found.References)
		if err != nil {
			return nil, err
		}
		found.Subject = ref.Name
		out = append(append(out, inner...), found)
	}
	return out, nil
}

func (s *Server) listSubjects(*http.Request) (any, error) {
	out := []string{}
	for name := range s.subjects {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

func (s *Server) listVersions(r *http.Request) (any, error) {
	versions, err := s.subject(r)
	out := []int{}
	for _, v := range versions {
		out = append(out, v.Version)
	}
	return out, err
}

func (s *Server) subject(r *http.Request) ([]registry.Schema, error) {
	name := r.PathValue("subject")
	versions := s.live(name)
	if len(versions) == 0 {
		return nil, fail(40401, "Subject '%s' not found.", name)
	}
	return versions, nil
}

func (s *Server) deleteSubject(r *http.Request) (any, error) {
	if _, err := s.subject(r); err != nil {
		return nil, err
	}
	for i := range s.subjects[r.PathValue("subject")] {
		s.subjects[r.PathValue("subject")][i].Version = 0
	}
	return []int{}, nil
}

func (s *Server) register(r *http.Request) (any, error) {
	schema, refs, err := s.body(r)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("subject")
	versions := s.live(name)
	for _, v := range versions {
		if same(v, schema) {
			return map[string]any{"id": v.ID}, nil
		}
	}
	if why := s.incompatible(name, versions, schema, refs); why != nil {
		return nil, fail(409, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [%v]", name, why)
	}
	return map[string]any{"id": s.add(name, schema)}, nil
}

func (s *Server) incompatible(subject string, versions []registry.Schema, next registry.Schema, refs []registry.Schema) error {
	level := s.cfg.Level
	if own := s.levels[subject]; own != "" {
		level = own
	}
	if !strings.HasSuffix(level, "_TRANSITIVE") && len(versions) > 0 {
		versions = versions[len(versions)-1:]
	}
	for _, v := range versions {
		if typeOf(v) != typeOf(next) {
			return fmt.Errorf("incompatible because of different schema type")
		}
		c := s.cfg.Checkers[typeOf(next)]
		if c == nil {
			continue
		}
		if strings.HasPrefix(level, "BACKWARD") || strings.HasPrefix(level, "FULL") {
			if err := c.CanRead(next, v, refs); err != nil {
				return err
			}
		}
		if strings.HasPrefix(level, "FORWARD") || strings.HasPrefix(level, "FULL") {
			if err := c.CanRead(v, next, refs); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) lookup(r *http.Request) (any, error) {
	schema, _, err := s.body(r)
	if err != nil {
		return nil, err
	}
	versions, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if same(v, schema) {
			return v, nil
		}
	}
	return nil, fail(40403, "Schema not found")
}

func (s *Server) version(r *http.Request) (any, error) {
	versions, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	want := r.PathValue("version")
	if want == "latest" || want == "-1" {
		return versions[len(versions)-1], nil
	}
	for _, v := range versions {
		if strconv.Itoa(v.Version) == want {
			return v, nil
		}
	}
	if _, err := strconv.Atoi(want); err != nil {
		return nil, fail(42202, "The specified version '%s' is not a valid version id.", want)
	}
	return nil, fail(40402, "Version %s not found.", want)
}

func (s *Server) byID(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(s.schemas) {
		return nil, fail(40403, "Schema %s not found", r.PathValue("id"))
	}
	found := s.schemas[id-1]
	if r.URL.Query().Get("format") == "serialized" && s.cfg.Serialized != nil {
		found.Text, err = s.cfg.Serialized(found)
	}
	return found, err
}

func (s *Server) level(r *http.Request) (any, error) {
	if own := s.levels[r.PathValue("subject")]; own != "" {
		return map[string]string{"compatibilityLevel": own}, nil
	}
	return nil, fail(40408, "Subject '%s' does not have subject-level compatibility configured", r.PathValue("subject"))
}

func (s *Server) setLevel(r *http.Request) (any, error) {
	var in struct {
		Level string `json:"compatibility"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil ||
		!slices.Contains([]string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}, in.Level) {
		return nil, fail(42203, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive")
	}
	s.levels[r.PathValue("subject")] = in.Level
	return map[string]string{"compatibility": in.Level}, nil
}

func (s *Server) compatibility(r *http.Request) (any, error) {
	schema, refs, err := s.body(r)
	if err != nil {
		return nil, err
	}
	versions, err := s.subject(r)
	if err != nil {
		return nil, err
	}
	return map[string]bool{"is_compatible": s.incompatible(r.PathValue("subject"), versions, schema, refs) == nil}, nil
}
