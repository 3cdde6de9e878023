package jsonconv

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
)

// schemaOf gives the schema that its JSON text describes, nil for null.
func (c *Converter) schemaOf(text []byte) (*data.Schema, error) {
	if string(text) == "null" {
		return nil, nil
	}
	if s, ok := c.schemas.Get(asString(text)); ok {
		return s, nil
	}
	own := bytes.Clone(text) // names and defaults of the schema refer to it
	s, err := parseSchema(own, c.cfg.ReplaceNull)
	if err == nil {
		c.schemas.Put(asString(own), s)
	}
	return s, err
}

// parseContent reads schema.content.
func (c *Converter) parseContent(text string) (*data.Schema, error) {
	b := []byte(text)
	sc := scanner{b: b, arena: &data.Arena{}}
	raw, err := sc.skip()
	if err == nil && (!utf8.Valid(b) || sc.peek() != 0) {
		err = errors.New("expected one JSON object")
	}
	if err != nil {
		return nil, err
	}
	return c.schemaOf(raw)
}

// jsonSchema holds the members of a schema's object as texts.
type jsonSchema struct {
	parser  *parser
	members map[string][]byte
}

func parseSchema(text []byte, replaceNull bool) (*data.Schema, error) {
	p := &parser{scanner: scanner{b: text, arena: &data.Arena{}}, replaceNull: replaceNull}
	return p.schema()
}

// schema reads a schema (JsonConverter.asConnectSchema).
func (p *parser) schema() (*data.Schema, error) {
	if p.nodeType() != "OBJECT" {
		return nil, p.rest(dataError("Schema must contain 'type' field"))
	}
	js, err := p.collect()
	if err != nil {
		return nil, err
	}
	return js.build()
}

// collect moves over an object and keeps the texts of its members.
func (p *parser) collect() (jsonSchema, error) {
	js := jsonSchema{p, map[string][]byte{}}
	err := p.object(func(name []byte) error {
		text, err := p.skip()
		js.members[string(name)] = text
		return err
	})
	return js, err
}

func (js jsonSchema) build() (*data.Schema, error) {
	typ, ok := js.text("type")
	if !ok {
		return nil, dataError("Schema must contain 'type' field")
	}
	b, err := js.start(typ)
	if err != nil {
		return nil, err
	}
	if string(js.members["optional"]) == "true" {
		b.Optional()
	}
	if name, ok := js.text("name"); ok {
		b.Name(name)
	}
	if version, err := strconv.Atoi(string(js.members["version"])); err == nil {
		b.Version(version)
	}
	if doc, ok := js.text("doc"); ok {
		b.Doc(doc)
	}
	if err := js.params(b); err != nil {
		return nil, err
	}
	return js.withDefault(b)
}

// sub makes a parser for a member's text; nil when there is no such member.
func (js jsonSchema) sub(name string) *parser {
	text, ok := js.members[name]
	if !ok {
		return nil
	}
	return &parser{scanner: scanner{b: text, arena: js.parser.arena, depth: js.parser.depth}, replaceNull: js.parser.replaceNull}
}

// text is a member that is a string.
func (js jsonSchema) text(name string) (string, bool) {
	p := js.sub(name)
	if p == nil || p.nodeType() != "STRING" {
		return "", false
	}
	b, err := p.str()
	return string(b), err == nil
}

// start begins the schema of a type with what the type asks for.
func (js jsonSchema) start(typ string) (*data.Builder, error) {
	switch typ {
	case "array":
		items := js.sub("items")
		if items == nil || items.peek() == 'n' {
			return nil, dataError("Array schema did not specify the element type")
		}
		elem, err := items.schema()
		if err != nil {
			return nil, err
		}
		return data.NewArray(elem), nil
	case "map":
		return js.startMap()
	case "struct":
		return js.startStruct()
	}
	for t := data.TypeInt8; t <= data.TypeBytes; t++ {
		if typeName(t) == typ {
			return data.New(t), nil
		}
	}
	return nil, dataError("Unknown schema type: %s", typ)
}

func (js jsonSchema) startMap() (*data.Builder, error) {
	keys, values := js.sub("keys"), js.sub("values")
	switch {
	case keys == nil || keys.peek() == 'n':
		return nil, dataError("Map schema did not specify the key type")
	case values == nil || values.peek() == 'n':
		return nil, dataError("Map schema did not specify the value type")
	}
	key, err := keys.schema()
	if err != nil {
		return nil, err
	}
	value, err := values.schema()
	if err != nil {
		return nil, err
	}
	return data.NewMap(key, value), nil
}

func (js jsonSchema) startStruct() (*data.Builder, error) {
	fields := js.sub("fields")
	if fields == nil || fields.nodeType() != "ARRAY" {
		return nil, dataError(`Struct schema's "fields" argument is not an array.`)
	}
	b := data.NewStruct()
	names := map[string]bool{}
	err := fields.array(func() error {
		name, s, err := fields.fieldSchema()
		if err != nil {
			return err
		}
		if names[name] {
			return dataError("Cannot create field because of field name duplication %s", name)
		}
		names[name] = true
		b.Field(name, s)
		return nil
	})
	return b, err
}

// fieldSchema reads one element of "fields".
func (p *parser) fieldSchema() (string, *data.Schema, error) {
	unnamed := dataError("Struct schema's field name not specified properly")
	if p.nodeType() != "OBJECT" {
		return "", nil, p.rest(unnamed)
	}
	js, err := p.collect()
	if err != nil {
		return "", nil, err
	}
	name, ok := js.text("field")
	if !ok {
		return "", nil, unnamed
	}
	s, err := js.build()
	if err != nil {
		err = within(name, err)
	}
	return name, s, err
}

func (js jsonSchema) params(b *data.Builder) error {
	p := js.sub("parameters")
	if p == nil || p.nodeType() != "OBJECT" {
		return nil
	}
	return p.object(func(name []byte) error {
		if p.nodeType() != "STRING" {
			return p.rest(dataError("Schema parameters must have string values."))
		}
		value, err := p.str()
		b.Param(string(name), string(value))
		return err
	})
}

// withDefault ends the schema. A default is read with the schema itself.
func (js jsonSchema) withDefault(b *data.Builder) (*data.Schema, error) {
	p := js.sub("default")
	if p == nil {
		return b.Build(), nil
	}
	plain := *b
	def, err := p.value(plain.Build())
	if err != nil {
		return nil, err
	}
	if !def.IsNull() {
		b.Default(def)
	}
	return b.Build(), nil
}
