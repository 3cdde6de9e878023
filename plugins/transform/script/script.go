package script

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// verdict uses what an expression gave for a record and reports whether the record is kept.
type verdict func(result goja.Value, r *connect.Record) (bool, error)

func keepIfTrue(result goja.Value, _ *connect.Record) (bool, error) {
	if keep, ok := result.Export().(bool); ok {
		return keep, nil
	}
	return false, fmt.Errorf("value '%s' returned by the expression is not a Boolean", result)
}

func route(result goja.Value, r *connect.Record) (bool, error) {
	if goja.IsNull(result) || goja.IsUndefined(result) {
		return true, nil
	}
	topic, ok := result.Export().(string)
	if !ok {
		return false, fmt.Errorf("value '%s' returned by the expression is not a String", result)
	}
	r.Topic = topic
	return true, nil
}

// script is a transform that evaluates an expression (ScriptingTransformation).
type script struct {
	topics *configdef.Regex // nil: all
	nulls  string
	text   string
	engine *engine
	use    verdict
}

func newScript(v *configdef.Values, property string, use verdict) (connect.Transform, error) {
	s := &script{nulls: strings.ToLower(v.String("null.handling.mode")), text: v.String(property), use: use}
	if pattern := v.String("topic.regex"); pattern != "" {
		var err error
		if s.topics, err = configdef.CompileRegex(pattern); err != nil {
			return nil, &configdef.Error{Name: "topic.regex", Message: err.Error()}
		}
	}
	language, ok := strings.CutPrefix(v.String("language"), "jsr223.")
	if !ok {
		return nil, &configdef.Error{Name: "language", Message: "Value for option 'language' must begin with 'jsr223.', e.g. 'jsr223.graal.js'; WebAssembly is not served"}
	}
	var err error
	switch language {
	case "graal.js", "js", "JavaScript", "javascript", "ECMAScript", "ecmascript":
		s.engine, err = newJavaScript(s.text)
	case "groovy", "Groovy":
		s.engine, err = newGroovy(s.text)
	default:
		return nil, &configdef.Error{Name: "language", Message: "Implementation of language '" + language + "' not found: there are jsr223.graal.js and, in part, jsr223.groovy"}
	}
	if err != nil {
		return nil, &configdef.Error{Name: property, Message: fmt.Sprintf("Failed to parse expression '%s': %v", s.text, err)}
	}
	return s, nil
}

// Apply implements connect.Transform.
func (s *script) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	if s.topics != nil && !s.topics.Match(r.Topic) {
		return true, nil
	}
	if r.Value.IsNull() && s.nulls != "evaluate" {
		return s.nulls == "keep", nil
	}
	result, err := s.engine.eval(r)
	keep := false
	if err == nil {
		keep, err = s.use(result, r)
	}
	if err != nil {
		return false, &connect.DataError{Err: fmt.Errorf("evaluating expression '%s' for a record of topic %s: %w", s.text, r.Topic, err)}
	}
	return keep, nil
}

// Close implements connect.Transform.
func (s *script) Close() error { return nil }
