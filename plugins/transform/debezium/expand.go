package debezium

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/data"
)

// expander makes structs of JSON texts, with schemas that follow from what is
// in them (JsonSchemaData). The same schema is always the same pointer.
type expander struct {
	nullsAsBytes bool
	names        adjuster
	seed         maphash.Seed
	schemas      map[uint64][]*data.Schema
	count        int
}

func newExpander(nullsAsBytes bool, adjustment string) *expander {
	return &expander{nullsAsBytes: nullsAsBytes, names: newAdjuster(adjustment, false), seed: maphash.MakeSeed(), schemas: map[uint64][]*data.Schema{}}
}

// expand reads an object or array. name is that of the column, which becomes
// the name of the schema.
func (e *expander) expand(a *data.Arena, name, text string) (*data.Schema, data.Value, error) {
	if text == "" || text[0] != '{' && text[0] != '[' {
		first := "nothing"
		if text != "" {
			first = "'" + text[:1] + "'"
		}
		return nil, data.Value{}, fmt.Errorf("Unable to parse payload starting with %s", first)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return nil, data.Value{}, err
	}
	s, err := e.schema(name, n)
	if err != nil {
		return nil, data.Value{}, err
	}
	if s == nil {
		return nil, data.Value{}, errors.New("an empty array has no schema")
	}
	s = e.intern(s)
	v, err := e.value(a, s, n)
	return s, v, err
}

// maxInterned bounds the schemas that an expander keeps.
const maxInterned = 10_000

func (e *expander) intern(s *data.Schema) *data.Schema {
	h := s.Hash(e.seed)
	for _, known := range e.schemas[h] {
		if known.Equal(s) {
			return known
		}
	}
	if e.count++; e.count > maxInterned {
		e.schemas, e.count = map[uint64][]*data.Schema{}, 1
	}
	e.schemas[h] = append(e.schemas[h], s)
	return s
}

// node is a JSON value: nil, bool, string, json.Number, []node or []jsonMember.
type node any

type jsonMember struct {
	name  string
	value node
}

// maxNesting is Jackson's limit.
const maxNesting = 1000

func readNode(d *json.Decoder, depth int) (node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("nesting deeper than %d", maxNesting)
	}
	switch t {
	case json.Delim('{'):
		members := []jsonMember{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			members = putMember(members, name.(string), v)
		}
		_, err := d.Token()
		return members, err
	case json.Delim('['):
		elems := []node{}
		for d.More() {
			v, err := readNode(d, depth+1)
			if err != nil {
				return nil, err
			}
			elems = append(elems, v)
		}
		_, err := d.Token()
		return elems, err
	}
	return t, nil
}

// putMember lets the last of several members with the same name win, in the
// place of the first.
func putMember(members []jsonMember, name string, v node) []jsonMember {
	for i := range members {
		if members[i].name == name {
			members[i].value = v
			return members
		}
	}
	return append(members, jsonMember{name, v})
}

// schema infers a schema; nil for what has none: an empty array, and null
// unless nulls are bytes.
func (e *expander) schema(name string, n node) (*data.Schema, error) {
	switch n := n.(type) {
	case string:
		return optional(data.TypeString), nil
	case bool:
		return optional(data.TypeBoolean), nil
	case json.Number:
		return optional(numberType(n)), nil
	case []node:
		if len(n) == 0 {
			return nil, nil
		}
		elem, err := e.elemSchema(name, n)
		if err != nil {
			return nil, err
		}
		return data.NewArray(elem).Optional().Build(), nil
	case []jsonMember:
		return e.structSchema(name, n)
	}
	if e.nullsAsBytes {
		return optional(data.TypeBytes), nil
	}
	return nil, nil
}

func optional(t data.Type) *data.Schema { return data.New(t).Optional().Build() }

func numberType(n json.Number) data.Type {
	if _, err := strconv.ParseInt(n.String(), 10, 32); err == nil {
		return data.TypeInt32
	}
	if _, err := n.Int64(); err == nil {
		return data.TypeInt64
	}
	return data.TypeFloat64
}

func (e *expander) structSchema(name string, members []jsonMember) (*data.Schema, error) {
	b := data.NewStruct().Name(name).Optional()
	seen := map[string]bool{}
	for _, m := range members {
		field := e.names.adjust(m.name)
		full := field
		if strings.TrimSpace(name) != "" {
			full = name + "." + field
		}
		s, err := e.schema(full, m.value)
		if err != nil {
			return nil, err
		}
		if s != nil && !seen[field] {
			seen[field] = true
			b.Field(field, s)
		}
	}
	return b.Build(), nil
}

// elemSchema is the one schema of an array's elements: objects are merged,
// everything else must be of one type.
func (e *expander) elemSchema(name string, elems []node) (*data.Schema, error) {
	sample, err := e.sample(elems)
	if err != nil {
		return nil, err
	}
	if _, object := sample.([]jsonMember); !object {
		s, err := e.schema("", sample)
		if err == nil && s == nil {
			err = errors.New("Array has unrecognized member schema.")
		}
		return s, err
	}
	var merged *data.Schema
	for _, el := range elems {
		if _, object := el.([]jsonMember); !object {
			continue
		}
		s, err := e.schema(name, el)
		if err != nil {
			return nil, err
		}
		if merged == nil {
			merged = s
		} else if !merged.Equal(s) {
			merged = merge(merged, s)
		}
	}
	return merged, nil
}

// sample is the first element that is not null; all others must be like it.
func (e *expander) sample(elems []node) (node, error) {
	var first node
	for _, el := range elems {
		switch {
		case el == nil:
		case first == nil:
			first = el
		case shape(el) != shape(first):
			return nil, fmt.Errorf("Field is not a homogenous array (%s x %s).", shape(first), shape(el))
		}
	}
	return first, nil
}

func shape(n node) string {
	switch n := n.(type) {
	case string:
		return "STRING"
	case bool:
		return "BOOLEAN"
	case json.Number:
		return "NUMBER " + numberType(n).EnumName()
	case []node:
		return "ARRAY"
	}
	return "OBJECT"
}

// merge has the fields of both. A type takes the place of bytes, which stand
// for a null.
func merge(left, right *data.Schema) *data.Schema {
	b := data.Like(left, data.TypeStruct)
	for _, f := range left.Fields() {
		s := f.Schema
		if other := right.Field(f.Name); other != nil && s.Type() == data.TypeBytes && other.Schema.Type() != data.TypeBytes {
			s = other.Schema
		}
		b.Field(f.Name, s)
	}
	for _, f := range right.Fields() {
		if left.Field(f.Name) == nil {
			b.Field(f.Name, f.Schema)
		}
	}
	return b.Build()
}

func (e *expander) value(a *data.Arena, s *data.Schema, n node) (data.Value, error) {
	mismatch := func() (data.Value, error) {
		return data.Value{}, fmt.Errorf("a value of the type %s stands where others are %s", shape(n), s.Type().EnumName())
	}
	switch n := n.(type) {
	case nil:
		return data.Null(), nil
	case string:
		if s.Type() != data.TypeString {
			return mismatch()
		}
		return data.String(n), nil
	case bool:
		if s.Type() != data.TypeBoolean {
			return mismatch()
		}
		return data.Boolean(n), nil
	case json.Number:
		return numberValue(s, n, mismatch)
	case []node:
		if s.Type() != data.TypeArray {
			return mismatch()
		}
		return e.arrayValue(a, s, n)
	case []jsonMember:
		if s.Type() != data.TypeStruct {
			return mismatch()
		}
		return e.structValue(a, s, n)
	}
	return mismatch()
}

func numberValue(s *data.Schema, n json.Number, mismatch func() (data.Value, error)) (data.Value, error) {
	i, intErr := n.Int64()
	switch {
	case s.Type() == data.TypeInt32 && numberType(n) == data.TypeInt32:
		return data.Int32(int32(i)), nil
	case s.Type() == data.TypeInt64 && intErr == nil:
		return data.Int64(i), nil
	case s.Type() == data.TypeFloat64:
		f, _ := n.Float64()
		return data.Float64(f), nil
	}
	return mismatch()
}

func (e *expander) arrayValue(a *data.Arena, s *data.Schema, elems []node) (data.Value, error) {
	out := a.Values(len(elems))
	for i, el := range elems {
		var err error
		if out[i], err = e.value(a, s.ValueSchema(), el); err != nil {
			return data.Value{}, err
		}
	}
	return data.Array(out), nil
}

func (e *expander) structValue(a *data.Arena, s *data.Schema, members []jsonMember) (data.Value, error) {
	out := a.Struct(s)
	for _, m := range members {
		i := s.FieldIndex(e.names.adjust(m.name))
		if i < 0 {
			continue // null, or an empty array
		}
		v, err := e.value(a, s.Fields()[i].Schema, m.value)
		if err != nil {
			return data.Value{}, fmt.Errorf("%s: %w", m.name, err)
		}
		out.Set(i, v)
	}
	return data.StructOf(out), nil
}
