package registry

import (
	"context"
	"time"

	"github.com/millrace/millrace/plugins/converter/lru"
)

// Parser reads the texts of one kind of schema.
type Parser[P any] interface {
	// Type is the schemaType of the API: AVRO, PROTOBUF or JSON.
	Type() string
	// Parse reads a schema; refs holds the texts of what it refers to, by name,
	// those that others need first.
	Parse(s Schema, refs []Schema) (P, error)
	// Name is the full name of a record, "" when the schema is none.
	Name(p P) string
	// Compatible says why reader cannot read what was written with writer; nil when it can.
	Compatible(reader, writer P) error
}

// Serde chooses ids for what is written and finds the schemas of what is read.
// It belongs to one goroutine.
type Serde[P any] struct {
	cfg    Config
	isKey  bool
	client *Client
	parser Parser[P]

	ids    *lru.Cache[subjectText, chosen[P]]
	parsed *lru.Cache[int, Found[P]]
}

type subjectText struct{ subject, text string }

type chosen[P any] struct {
	id      int
	schema  P
	other   bool
	expires time.Time // zero for never
}

// Found is a schema of the registry, parsed, with the version it has under the
// subject that its reader names, 0 when it is not known.
type Found[P any] struct {
	Schema  P
	Version int
}

// NewSerde makes a Serde with a client of its own.
func NewSerde[P any](cfg Config, isKey bool, parser Parser[P]) *Serde[P] {
	return &Serde[P]{
		cfg: cfg, isKey: isKey, client: NewClient(cfg.Client), parser: parser,
		ids:    lru.New[subjectText, chosen[P]](cfg.MaxPerSubject),
		parsed: lru.New[int, Found[P]](cfg.MaxPerSubject),
	}
}

// Choice is the schema with which a record is to be written.
type Choice[P any] struct {
	ID int
	// Schema is the schema of ID when it is another than the record's own:
	// that of use.schema.id or use.latest.version.
	Schema P
	Other  bool
	// Expires is when to ask again; zero for never.
	Expires time.Time
}

// Choose finds the schema with which records of a schema are written to a
// topic. own is the record's schema parsed, for the check of compatibility;
// record is its name for the subject, "" when it is not a record.
func (s *Serde[P]) Choose(ctx context.Context, topic, record string, schema Schema, own func() (P, error)) (Choice[P], error) {
	strategy := s.cfg.ValueSubject
	if s.isKey {
		strategy = s.cfg.KeySubject
	}
	subject, err := strategy.Subject(topic, record, s.isKey)
	if err != nil {
		return Choice[P]{}, dataError("%w", err)
	}
	key := subjectText{subject, schema.Text}
	if c, ok := s.ids.Get(key); ok && (c.expires.IsZero() || time.Now().Before(c.expires)) {
		return Choice[P]{c.id, c.schema, c.other, c.expires}, nil
	}
	schema.SchemaType = typeOf(s.parser.Type())
	c, err := s.ask(ctx, subject, schema, own)
	if err != nil {
		return Choice[P]{}, err
	}
	s.ids.Put(key, c)
	return Choice[P]{c.id, c.schema, c.other, c.expires}, nil
}

// typeOf is the schemaType that a request carries: AVRO is left out, as old registries know no other.
func typeOf(t string) string {
	if t == "AVRO" {
		return ""
	}
	return t
}

func (s *Serde[P]) ask(ctx context.Context, subject string, schema Schema, own func() (P, error)) (c chosen[P], err error) {
	switch {
	case s.cfg.AutoRegister:
		c.id, err = s.client.Register(ctx, subject, schema, s.cfg.Normalize)
		return c, err
	case s.cfg.UseSchemaID >= 0:
		found, err := s.client.ByID(ctx, s.cfg.UseSchemaID, subject)
		if err != nil {
			return c, err
		}
		return s.adopt(ctx, found, own, s.cfg.IDStrict, "id.compatibility.strict")
	case s.cfg.UseLatest:
		found, err := s.client.Latest(ctx, subject)
		if err != nil {
			return c, err
		}
		c, err = s.adopt(ctx, found, own, s.cfg.LatestStrict, "latest.compatibility.strict")
		if s.cfg.LatestTTL >= 0 {
			c.expires = time.Now().Add(s.cfg.LatestTTL)
		}
		return c, err
	}
	found, err := s.client.Lookup(ctx, subject, schema, s.cfg.Normalize)
	c.id = found.ID
	return c, err
}

// adopt takes a schema of the registry for what is to be written.
func (s *Serde[P]) adopt(ctx context.Context, found Schema, own func() (P, error), strict bool, property string) (c chosen[P], err error) {
	if c.schema, err = s.parse(ctx, found); err != nil {
		return c, err
	}
	c.id, c.other = found.ID, true
	if !strict {
		return c, nil
	}
	mine, err := own()
	if err != nil {
		return c, err
	}
	if why := s.parser.Compatible(c.schema, mine); why != nil {
		return c, dataError("Incompatible schema of type '%s': schema %d of subject %s cannot hold these records: %w. Set %s=false to disable this check.",
			s.parser.Type(), found.ID, found.Subject, why, property)
	}
	return c, nil
}

// Find gives the schema with an id, from memory if it was asked for before.
func (s *Serde[P]) Find(ctx context.Context, id int, topic string) (Found[P], error) {
	if f, ok := s.parsed.Get(id); ok {
		return f, nil
	}
	got, err := s.client.ByID(ctx, id, s.readSubject(topic, ""))
	if err != nil {
		return Found[P]{}, err
	}
	if t := got.SchemaType; t != "" && t != s.parser.Type() || t == "" && s.parser.Type() != "AVRO" {
		return Found[P]{}, dataError("schema %d is of type %s, not %s: another converter wrote this data", id, orAvro(t), s.parser.Type())
	}
	var f Found[P]
	if f.Schema, err = s.parse(ctx, got); err != nil {
		return f, err
	}
	if subject := s.readSubject(topic, s.parser.Name(f.Schema)); subject != "" {
		f.Version = s.version(ctx, subject, got)
	}
	s.parsed.Put(id, f)
	return f, nil
}

func orAvro(t string) string {
	if t == "" {
		return "AVRO"
	}
	return t
}

// readSubject is the subject of what is read, "" while it is not known.
func (s *Serde[P]) readSubject(topic, record string) string {
	strategy := s.cfg.ValueSubject
	if s.isKey {
		strategy = s.cfg.KeySubject
	}
	subject, err := strategy.Subject(topic, record, s.isKey)
	if err != nil { // the record's name is not known yet
		return ""
	}
	return subject
}

// version is the version of a schema under a subject; 0 when the subject does not have it.
func (s *Serde[P]) version(ctx context.Context, subject string, schema Schema) int {
	version, err := s.client.VersionOf(ctx, subject, schema)
	if err != nil {
		return 0
	}
	return version
}

func (s *Serde[P]) parse(ctx context.Context, schema Schema) (P, error) {
	refs, err := s.references(ctx, schema.References, map[string]bool{})
	if err != nil {
		var none P
		return none, err
	}
	p, err := s.parser.Parse(schema, refs)
	if err != nil {
		return p, dataError("schema %d cannot be read: %w", schema.ID, err)
	}
	return p, nil
}

// references fetches what a schema refers to, each after what it needs itself.
func (s *Serde[P]) references(ctx context.Context, refs []Reference, seen map[string]bool) ([]Schema, error) {
	var out []Schema
	for _, r := range refs {
		if seen[r.Name] {
			continue
		}
		seen[r.Name] = true
		got, err := s.client.Version(ctx, r.Subject, r.Version)
		if err != nil {
			return nil, err
		}
		inner, err := s.references(ctx, got.References, seen)
		if err != nil {
			return nil, err
		}
		got.Subject = r.Name
		out = append(append(out, inner...), got)
	}
	return out, nil
}
