package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
)

// decode reads a body as JSON into out. What Java answers with an exception of
// its parser and status 500 is a BadRequest here, and the same goes for bodies
// that are missing. Messages quote no values: they may be secret.
func decode(body []byte, what string, out any) error {
	if len(bytes.TrimSpace(body)) == 0 || bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return herder.Errorf(herder.BadRequest, "The request has no body: expected %s", what)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return badBody(d.InputOffset(), what, err)
	}
	if name := misspelt(body, reflect.TypeOf(out)); name != "" {
		return badBody(d.InputOffset(), what, fmt.Errorf("unknown field %q", name))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return herder.Errorf(herder.BadRequest, "The request holds more than %s: something follows at byte %d", what, d.InputOffset())
	}
	return nil
}

// misspelt finds a field that is called like one of the struct t, or of one inside
// it, but for small and capital letters: the library takes it, Java does not.
func misspelt(body []byte, t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return misspelt(body, t.Elem())
	case reflect.Slice:
		var items []json.RawMessage
		_ = json.Unmarshal(body, &items) // it has been decoded before
		for _, item := range items {
			if name := misspelt(item, t.Elem()); name != "" {
				return name
			}
		}
	case reflect.Struct:
		return misspeltIn(body, t)
	}
	return ""
}

func misspeltIn(body []byte, t reflect.Type) string {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(body, &fields)
	for i := range t.NumField() {
		known, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name := misspelt(fields[known], t.Field(i).Type); name != "" {
			return name
		}
		delete(fields, known)
	}
	for name := range fields {
		return name
	}
	return ""
}

func badBody(offset int64, what string, err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return herder.Errorf(herder.BadRequest, "The request is not JSON: at byte %d: %v", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return herder.Errorf(herder.BadRequest, "The request is not JSON: it ends too early")
	case errors.As(err, &wrong) && wrong.Field != "":
		return herder.Errorf(herder.BadRequest, "Expected %s, but %s is of another type (at byte %d)", what, wrong.Field, wrong.Offset)
	case errors.As(err, &wrong):
		return herder.Errorf(herder.BadRequest, "Expected %s, but the request is of another type (at byte %d)", what, wrong.Offset)
	}
	return herder.Errorf(herder.BadRequest, "Expected %s: %s (at byte %d)", what, strings.TrimPrefix(err.Error(), "json: "), offset)
}

// text is a JSON value that stands for a string: numbers and booleans as they
// are written, as Jackson reads them. null leaves it nil.
type text struct{ value *string }

func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '{', '[':
		return errors.New("a value is an object or an array where a string is needed")
	case '"':
		return json.Unmarshal(b, &t.value)
	case 'n':
		t.value = nil
		return nil
	}
	s := string(b)
	t.value = &s
	return nil
}

// properties is a JSON object of strings. UnmarshalJSON names the property that
// is not one.
type properties map[string]*string

func (p *properties) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if raw == nil {
		return nil // null
	}
	out := properties{}
	for name, value := range raw {
		var t text
		if err := t.UnmarshalJSON(value); err != nil {
			return fmt.Errorf("the property %q: %w", name, err)
		}
		out[name] = t.value
	}
	*p = out
	return nil
}

// split separates the properties that are null.
func (p properties) split() (values map[string]string, nulls []string) {
	values = make(map[string]string, len(p))
	for name, v := range p {
		if v == nil {
			nulls = append(nulls, name)
		} else {
			values[name] = *v
		}
	}
	slices.Sort(nulls)
	return values, nulls
}

// createRequest is the body of POST /connectors (CreateConnectorRequest).
type createRequest struct {
	Name         text       `json:"name"`
	Config       properties `json:"config"`
	InitialState text       `json:"initial_state"`
}

// put turns it into what a herder takes. White space around a name is dropped,
// and a missing name is an empty one, for the validation to complain of.
func (c createRequest) put() (herder.PutRequest, error) {
	if c.Config == nil {
		return herder.PutRequest{}, herder.Errorf(herder.BadRequest, `The request has no "config": expected the connector's properties`)
	}
	var r herder.PutRequest
	r.Config, r.Nulls = c.Config.split()
	if c.Name.value != nil {
		r.Name = strings.TrimFunc(*c.Name.value, func(r rune) bool { return r <= ' ' })
	}
	if c.InitialState.value == nil {
		return r, nil
	}
	given := *c.InitialState.value
	targets := map[string]state.Target{"RUNNING": state.TargetStarted, "PAUSED": state.TargetPaused, "STOPPED": state.TargetStopped}
	target, known := targets[strings.ToUpper(given)]
	if !known {
		return r, herder.Errorf(herder.BadRequest, `The "initial_state" %q is none of RUNNING, PAUSED, STOPPED`, given)
	}
	r.Target = target
	return r, nil
}
