package script

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/millrace/millrace/plugins/data"
)

// value makes what an expression sees of a Connect value: numbers (of decimals their nearest), texts, arrays, array
// buffers of bytes, and objects of structs and maps.
func (e *engine) value(s *data.Schema, v data.Value) goja.Value {
	switch v.Kind() {
	case data.KindNull:
		return goja.Null()
	case data.KindBoolean:
		return e.vm.ToValue(v.Bool())
	case data.KindInt8, data.KindInt16, data.KindInt32, data.KindInt64:
		return e.vm.ToValue(v.Int())
	case data.KindFloat32, data.KindFloat64:
		return e.vm.ToValue(v.Float())
	case data.KindString:
		return e.vm.ToValue(v.Str())
	case data.KindBytes:
		return e.bytes(s, v.Raw())
	case data.KindArray:
		return e.array(s, v.Elems())
	case data.KindMap:
		return e.vm.NewDynamicObject(&entries{e, s, v.Map()})
	}
	return e.vm.NewDynamicObject(&fields{e, v.Struct()})
}

func (e *engine) bytes(s *data.Schema, raw []byte) goja.Value {
	if s == nil || s.Name() != data.DecimalName {
		return e.vm.ToValue(e.vm.NewArrayBuffer(append([]byte(nil), raw...)))
	}
	text, _ := s.Param(data.ScaleParam)
	scale, err := strconv.Atoi(text)
	if err != nil {
		panic(e.vm.NewGoError(fmt.Errorf("the scale %q of a decimal: %w", text, err)))
	}
	number, err := strconv.ParseFloat(string(data.AppendDecimal(nil, raw, scale)), 64)
	if err != nil {
		panic(e.vm.NewGoError(err))
	}
	return e.vm.ToValue(number)
}

func (e *engine) array(s *data.Schema, elems []data.Value) goja.Value {
	var inner *data.Schema
	if s != nil {
		inner = s.ValueSchema()
	}
	all := make([]any, len(elems))
	for i, v := range elems {
		all[i] = e.value(inner, v)
	}
	return e.vm.NewArray(all...)
}

// fields shows a struct as an object with a property for each field. As in Debezium, what is written to it is lost.
type fields struct {
	e  *engine
	st *data.Struct
}

func (f *fields) Get(name string) goja.Value {
	i := f.st.Schema().FieldIndex(name)
	switch {
	case i >= 0:
		return f.e.value(f.st.Schema().Fields()[i].Schema, f.st.At(i))
	case name == "get": // as of Java's Struct
		return f.e.vm.ToValue(func(field string) goja.Value { return f.named(field) })
	case f.e.strict:
		return f.named(name)
	}
	return nil
}

func (f *fields) named(name string) goja.Value {
	i := f.st.Schema().FieldIndex(name)
	if i < 0 {
		panic(f.e.vm.NewTypeError("%s is not a valid field name", name))
	}
	return f.e.value(f.st.Schema().Fields()[i].Schema, f.st.At(i))
}

func (f *fields) Has(name string) bool { return f.st.Schema().FieldIndex(name) >= 0 }

func (f *fields) Keys() []string {
	names := make([]string, 0, len(f.st.Fields()))
	for _, field := range f.st.Schema().Fields() {
		names = append(names, field.Name)
	}
	return names
}

func (f *fields) Set(string, goja.Value) bool { return false }
func (f *fields) Delete(string) bool          { return false }

// entries shows a map with keys that are texts.
type entries struct {
	e *engine
	s *data.Schema
	m *data.Map
}

func (m *entries) Get(name string) goja.Value {
	if v, ok := m.m.Get(data.String(name)); ok {
		var inner *data.Schema
		if m.s != nil {
			inner = m.s.ValueSchema()
		}
		return m.e.value(inner, v)
	}
	if name == "get" {
		return m.e.vm.ToValue(func(key string) goja.Value { return m.Get(key) })
	}
	if m.e.strict {
		return goja.Null()
	}
	return nil
}

func (m *entries) Has(name string) bool {
	_, ok := m.m.Get(data.String(name))
	return ok
}

func (m *entries) Keys() []string {
	var names []string
	for _, entry := range m.m.Entries {
		names = append(names, entry.Key.Str())
	}
	return names
}

func (m *entries) Set(string, goja.Value) bool { return false }
func (m *entries) Delete(string) bool          { return false }

// headers shows the headers by name; of several the last one counts.
type headers struct{ e *engine }

func (h *headers) index(name string) int {
	all := h.e.record.Headers
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Key == name {
			return i
		}
	}
	return -1
}

func (h *headers) Get(name string) goja.Value {
	i := h.index(name)
	switch {
	case i >= 0:
		header := h.e.record.Headers[i]
		return h.e.object(map[string]any{"value": h.e.value(header.Schema, header.Value), "schema": h.e.schema(header.Schema)})
	case name == "get":
		return h.e.vm.ToValue(func(key string) goja.Value { return h.Get(key) })
	case h.e.strict:
		return goja.Null()
	}
	return nil
}

func (h *headers) Has(name string) bool { return h.index(name) >= 0 }

func (h *headers) Keys() []string {
	var names []string
	for _, header := range h.e.record.Headers {
		names = append(names, header.Key)
	}
	return names
}

func (h *headers) Set(string, goja.Value) bool { return false }
func (h *headers) Delete(string) bool          { return false }

// object makes an object with these properties and methods.
func (e *engine) object(properties map[string]any) goja.Value {
	o := e.vm.NewObject()
	for name, v := range properties {
		if err := o.Set(name, v); err != nil {
			panic(e.vm.NewGoError(err))
		}
	}
	return o
}

// schema shows a schema with the methods of Java's.
func (e *engine) schema(s *data.Schema) goja.Value {
	if s == nil {
		return goja.Null()
	}
	return e.object(map[string]any{
		"name":       func() goja.Value { return e.orNull(s.Name()) },
		"doc":        func() goja.Value { return e.orNull(s.Doc()) },
		"type":       func() string { return strings.ToUpper(s.Type().String()) },
		"isOptional": s.Optional,
		"version": func() goja.Value {
			if version, ok := s.Version(); ok {
				return e.vm.ToValue(version)
			}
			return goja.Null()
		},
		"field": func(name string) goja.Value { return e.field(s, s.FieldIndex(name)) },
	})
}

// field shows a field of a schema.
func (e *engine) field(s *data.Schema, i int) goja.Value {
	if i < 0 {
		return goja.Null()
	}
	f := s.Fields()[i]
	return e.object(map[string]any{
		"name":   func() string { return f.Name },
		"index":  func() int { return i },
		"schema": func() goja.Value { return e.schema(f.Schema) },
	})
}

func (e *engine) orNull(text string) goja.Value {
	if text == "" {
		return goja.Null()
	}
	return e.vm.ToValue(text)
}
