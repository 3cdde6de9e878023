package event_test

import (
	"encoding/base64"
	"encoding/json"

	"github.com/millrace/millrace/plugins/data"
)

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// schemaJSON renders a schema as Connect's JSON converter does.
func schemaJSON(s *data.Schema, field string) map[string]any {
	typ := s.Type().String()
	if t, ok := map[string]string{"float32": "float", "float64": "double"}[typ]; ok {
		typ = t
	}
	m := map[string]any{"type": typ, "optional": s.Optional()}
	set := func(key, v string) {
		if v != "" {
			m[key] = v
		}
	}
	set("field", field)
	set("name", s.Name())
	set("doc", s.Doc())
	if v, ok := s.Version(); ok {
		m["version"] = v
	}
	if len(s.Params()) > 0 {
		params := map[string]string{}
		for _, p := range s.Params() {
			params[p.Key] = p.Value
		}
		m["parameters"] = params
	}
	if def, ok := s.Default(); ok {
		m["default"] = plain(s, def)
	}
	if s.Type() == data.TypeArray {
		m["items"] = schemaJSON(s.ValueSchema(), "")
	}
	if s.Type() == data.TypeStruct {
		fields := []any{}
		for _, f := range s.Fields() {
			fields = append(fields, schemaJSON(f.Schema, f.Name))
		}
		m["fields"] = fields
	}
	return m
}

// plain renders a value as the JSON converter does, defaults in place of nulls.
func plain(s *data.Schema, v data.Value) any {
	if def, ok := s.Default(); ok && v.IsNull() {
		v = def
	}
	switch v.Kind() {
	case data.KindNull:
		return nil
	case data.KindBoolean:
		return v.Bool()
	case data.KindFloat32, data.KindFloat64:
		return v.Float()
	case data.KindString:
		return v.Str()
	case data.KindBytes:
		return base64.StdEncoding.EncodeToString(v.Raw())
	case data.KindStruct:
		m := map[string]any{}
		for i, f := range s.Fields() {
			m[f.Name] = plain(f.Schema, v.Struct().At(i))
		}
		return m
	case data.KindArray:
		out := []any{}
		for _, e := range v.Elems() {
			out = append(out, plain(s.ValueSchema(), e))
		}
		return out
	}
	return v.Int()
}

func number(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, _ := n.Int64()
	return i
}
