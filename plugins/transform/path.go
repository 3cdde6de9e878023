package transform

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/data"
)

const fieldSyntax = "field.syntax.version"

func fieldSyntaxKey() configdef.Key {
	return configdef.Key{Name: fieldSyntax, Type: configdef.String, Default: configdef.Text("V1"), Importance: configdef.High,
		Validate: configdef.OneOfFold("V1", "V2"),
		Doc: "How a field is named: V1 names fields of the whole value only; V2 reaches nested fields with dots between the names, " +
			"and a name that contains dots itself stands between backticks, as in \"`foo.bar`.baz\"."}
}

// path leads to a field (SingleFieldPath of KIP-821).
type path []string

// newPath reads a path in the syntax that the property field.syntax.version names.
func newPath(text, syntax string) (path, error) {
	if strings.EqualFold(syntax, "V1") {
		return path{text}, nil
	}
	var steps path
	for rest := text; rest != ""; {
		var step string
		var err error
		if rest[0] == '`' {
			step, rest, err = quotedStep(text, rest)
		} else {
			step, rest, _ = strings.Cut(rest, ".")
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	if text == "" || strings.HasSuffix(text, ".") {
		steps = append(steps, "")
	}
	return steps, nil
}

// quotedStep reads a step in backticks. A backtick ends it only before a dot or
// at the end; a backslash keeps it from ending even there.
func quotedStep(text, rest string) (step, after string, err error) {
	var out strings.Builder
	start := 1
	for i := 1; i < len(rest); i++ {
		if rest[i] != '`' {
			continue
		}
		escaped, last := rest[i-1] == '\\' && i > 1, i == len(rest)-1
		switch {
		case last && !escaped:
			return out.String() + rest[start:i], "", nil
		case last || rest[i+1] != '.':
		case escaped:
			out.WriteString(rest[start:i-1] + "`")
			start = i + 1
		default:
			return out.String() + rest[start:i], rest[i+2:], nil
		}
	}
	return "", "", fmt.Errorf("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it",
		text, len(text)-len(rest))
}

// field finds the schema's field; nil when there is none.
func (p path) field(s *data.Schema) *data.Field {
	for _, step := range p[:len(p)-1] {
		f := s.Field(step)
		if f == nil {
			return nil
		}
		s = f.Schema
	}
	return s.Field(p[len(p)-1])
}

// value finds the field's value; null when something on the way is null or missing.
func (p path) value(st *data.Struct, withDefault bool) (data.Value, error) {
	for _, step := range p[:len(p)-1] {
		i := st.Schema().FieldIndex(step)
		if i < 0 {
			return data.Null(), nil
		}
		v := fieldValue(st, i, true)
		if v.IsNull() {
			return v, nil
		}
		var err error
		if st, err = requireStruct(v, "nested field access"); err != nil {
			return v, err
		}
	}
	i := st.Schema().FieldIndex(p[len(p)-1])
	if i < 0 {
		return data.Null(), nil
	}
	return fieldValue(st, i, withDefault), nil
}

// mapValue is value for data without schema.
func (p path) mapValue(m *data.Map) (data.Value, error) {
	for _, step := range p[:len(p)-1] {
		v := mapGet(m, step)
		if v.IsNull() {
			return v, nil
		}
		var err error
		if m, err = requireMap(v, "nested field access"); err != nil {
			return v, err
		}
	}
	return mapGet(m, p[len(p)-1]), nil
}
