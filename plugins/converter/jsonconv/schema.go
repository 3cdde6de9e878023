package jsonconv

import (
	"strconv"

	"github.com/millrace/millrace/plugins/data"
)

// typeName is the name that a JSON schema has for a type.
func typeName(t data.Type) string {
	switch t {
	case data.TypeFloat32:
		return "float"
	case data.TypeFloat64:
		return "double"
	}
	return t.String()
}

// appendSchema writes a schema (JsonConverter.asJsonSchema).
func appendSchema(dst []byte, cfg Config, s *data.Schema) ([]byte, error) {
	dst, err := appendMembers(dst, cfg, s)
	return append(dst, '}'), err
}

// appendMembers writes a schema without its closing brace.
func appendMembers(dst []byte, cfg Config, s *data.Schema) ([]byte, error) {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, typeName(s.Type())...)
	dst = append(dst, '"')
	dst, err := appendInner(dst, cfg, s)
	if err != nil {
		return dst, err
	}
	dst = appendBool(append(dst, `,"optional":`...), s.Optional())
	if s.Name() != "" {
		dst = appendString(append(dst, `,"name":`...), s.Name())
	}
	if version, ok := s.Version(); ok {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(version), 10)
	}
	if s.Doc() != "" {
		dst = appendString(append(dst, `,"doc":`...), s.Doc())
	}
	return appendDefault(appendParams(dst, s.Params()), cfg, s)
}

// appendInner writes the schemas that a schema is made of.
func appendInner(dst []byte, cfg Config, s *data.Schema) ([]byte, error) {
	switch s.Type() {
	case data.TypeArray:
		return appendSchema(append(dst, `,"items":`...), cfg, s.ValueSchema())
	case data.TypeMap:
		dst, err := appendSchema(append(dst, `,"keys":`...), cfg, s.KeySchema())
		if err != nil {
			return dst, err
		}
		return appendSchema(append(dst, `,"values":`...), cfg, s.ValueSchema())
	case data.TypeStruct:
		return appendFields(dst, cfg, s)
	}
	return dst, nil
}

func appendFields(dst []byte, cfg Config, s *data.Schema) ([]byte, error) {
	dst = append(dst, `,"fields":[`...)
	for i, f := range s.Fields() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendMembers(dst, cfg, f.Schema); err != nil {
			return dst, within(f.Name, err)
		}
		dst = appendString(append(dst, `,"field":`...), f.Name)
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func appendParams(dst []byte, params []data.Param) []byte {
	if len(params) == 0 {
		return dst
	}
	dst = append(dst, `,"parameters":{`...)
	for i, p := range params {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, p.Key), ':')
		dst = appendString(dst, p.Value)
	}
	return append(dst, '}')
}

func appendDefault(dst []byte, cfg Config, s *data.Schema) ([]byte, error) {
	def, ok := s.Default()
	if !ok || def.IsNull() {
		return dst, nil
	}
	n, err := compile(cfg, s)
	if err != nil {
		return dst, err
	}
	return n.append(append(dst, `,"default":`...), def)
}
