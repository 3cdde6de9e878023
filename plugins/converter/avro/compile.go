package avro

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// compile makes the node that writes values of cs in the form of as, which is
// the schema made of cs or another one of the registry. Fields are found by
// name: one that as has not is left out, one that cs has not gets as's default.
func (o Options) compile(cs *data.Schema, as *schema) (*node, error) {
	switch {
	case cs.Type() == data.TypeStruct && isUnion(cs) && as.kind == kUnion:
		return o.compileUnion(cs, as)
	case as.kind != kUnion:
		return o.compileBranch(cs, as)
	}
	n, at, err := o.findBranch(cs, as)
	if err != nil {
		return nil, err
	}
	n.branch = appendLong(nil, int64(at))
	if null := as.nullBranch(); cs.Optional() && null >= 0 {
		n.null = appendLong(nil, int64(null))
	}
	return n, nil
}

// findBranch finds the branch of a union that holds values of cs.
func (o Options) findBranch(cs *data.Schema, as *schema) (*node, int, error) {
	var first error
	for i, b := range as.branches {
		if b.kind == kNull {
			continue
		}
		n, err := o.compileBranch(cs, b)
		if err == nil {
			return n, i, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = mismatch(cs, as)
	}
	return nil, 0, first
}

func mismatch(cs *data.Schema, as *schema) error {
	return dataError("an Avro %s cannot hold values of type %s", as.fullName(), cs.Type().EnumName())
}

func (o Options) compileUnion(cs *data.Schema, as *schema) (*node, error) {
	n := &node{schema: cs, kind: data.KindStruct, write: opUnion}
	if null := as.nullBranch(); cs.Optional() && null >= 0 {
		n.null = appendLong(nil, int64(null))
	}
	taken := map[int]bool{}
	for i, f := range cs.Fields() {
		field := required(f.Schema)
		at, inner := o.unionBranch(field, as, taken)
		if inner == nil {
			return nil, within(f.Name, mismatch(field, as))
		}
		taken[at] = true
		inner.branch = appendLong(nil, int64(at))
		fn := fieldNode{at: i, node: inner}
		if def, ok := f.Schema.Default(); ok && !def.IsNull() && !o.IgnoreDefaults {
			var err error
			if fn.null, err = inner.append(nil, def); err != nil {
				return nil, within(f.Name, err)
			}
		}
		n.fields = append(n.fields, fn)
	}
	return n, nil
}

func (o Options) unionBranch(cs *data.Schema, as *schema, taken map[int]bool) (int, *node) {
	for i, b := range as.branches {
		if taken[i] || b.kind == kNull || o.memberOf(b, i) != o.memberName(cs, i) && !o.SumTypes {
			continue
		}
		if n, err := o.compileBranch(cs, b); err == nil {
			return i, n
		}
	}
	return -1, nil
}

// compileBranch is compile for a schema that is no union.
func (o Options) compileBranch(cs *data.Schema, as *schema) (*node, error) {
	n := &node{schema: cs, kind: cs.Type().Kind()}
	switch t := cs.Type(); {
	case t <= data.TypeInt32 && (as.kind == kInt || as.kind == kLong), t == data.TypeInt64 && as.kind == kLong:
		n.write = opInt
	case t == data.TypeFloat32 && as.kind == kFloat:
		n.write = opFloat32
	case t == data.TypeFloat32 && as.kind == kDouble:
		n.write = opFloatAsDouble
	case t == data.TypeFloat64 && as.kind == kDouble:
		n.write = opFloat64
	case t == data.TypeBoolean && as.kind == kBoolean:
		n.write = opBool
	case t == data.TypeString && as.kind == kString, t == data.TypeBytes && as.kind == kBytes:
		n.write = opText
	case t == data.TypeString && as.kind == kEnum:
		n.write, n.symbols, n.set = opEnum, map[string][]byte{}, as.symbols
		for i, symbol := range as.symbols {
			n.symbols[symbol] = appendLong(nil, int64(i))
		}
	case t == data.TypeBytes && as.kind == kFixed:
		n.write, n.size, n.pad = opFixed, as.size, cs.Logical() == data.LogicalDecimal
	case t == data.TypeArray && as.kind == kArray:
		return o.compileElems(n, as)
	case t == data.TypeMap:
		return o.compileMap(n, as)
	case t == data.TypeStruct && as.kind == kRecord:
		return o.compileRecord(n, as)
	default:
		return nil, mismatch(cs, as)
	}
	return n, nil
}

func (o Options) compileElems(n *node, as *schema) (_ *node, err error) {
	n.write = opArray
	n.elem, err = o.compile(n.schema.ValueSchema(), as.items)
	return n, err
}

func (o Options) compileMap(n *node, as *schema) (*node, error) {
	if as.kind == kMap && n.schema.KeySchema().Type() == data.TypeString {
		n.write = opMap
		n.key = &node{schema: n.schema.KeySchema(), kind: data.KindString, write: opText}
		var err error
		n.elem, err = o.compile(n.schema.ValueSchema(), as.items)
		return n, err
	}
	if as.kind != kArray || as.items.kind != kRecord || len(as.items.fields) != 2 {
		return nil, mismatch(n.schema, as)
	}
	n.write = opPairs
	_, key := as.items.field(keyField)
	_, value := as.items.field(valueField)
	if key == nil || value == nil {
		return nil, mismatch(n.schema, as)
	}
	var err error
	if n.key, err = o.compile(n.schema.KeySchema(), key.schema); err != nil {
		return nil, err
	}
	n.elem, err = o.compile(n.schema.ValueSchema(), value.schema)
	return n, err
}

func (o Options) compileRecord(n *node, as *schema) (*node, error) {
	n.write = opRecord
	names := map[string]int{}
	for i, f := range n.schema.Fields() {
		names[o.name(f.Name)] = i
	}
	for _, f := range as.fields {
		at, ok := names[f.name]
		for _, alias := range f.aliases {
			if !ok {
				at, ok = names[alias]
			}
		}
		fn, err := o.compileField(n.schema, at, ok, f)
		if err != nil {
			return nil, within(f.name, err)
		}
		n.fields = append(n.fields, fn)
	}
	return n, nil
}

func (o Options) compileField(s *data.Schema, at int, found bool, f *field) (fn fieldNode, err error) {
	if !found {
		fn.at = -1
		if f.def == nil {
			return fn, dataError("the record has no such field, and the schema of the registry has no default for it")
		}
		fn.fixed, err = appendDefault(nil, f.schema, *f.def)
		return fn, err
	}
	cs := s.Fields()[at].Schema
	fn.at = at
	if fn.node, err = o.compile(cs, f.schema); err != nil {
		return fn, err
	}
	fn.null = fn.node.null
	if def, ok := cs.Default(); ok && !def.IsNull() && !o.IgnoreDefaults {
		if fn.null, err = fn.node.append(nil, def); err != nil {
			err = fmt.Errorf("default value: %w", err)
		}
	}
	return fn, err
}

// appendDefault writes a default of an Avro schema. That of a union is of the first branch that it suits.
func appendDefault(dst []byte, s *schema, n jsontree.Node) ([]byte, error) {
	if !suits(s, n) {
		return dst, dataError("default %s is not valid for an Avro %s", n, s.fullName())
	}
	switch s.kind {
	case kInt, kLong:
		i, _ := n.Int64()
		return appendLong(dst, i), nil
	case kFloat, kDouble:
		f, err := strconv.ParseFloat(n.Text, 64)
		if err != nil {
			return dst, dataError("default %s is not a number", n)
		}
		write := &node{kind: data.KindFloat64, write: opFloat64}
		if s.kind == kFloat {
			write.write = opFloat32
		}
		return write.append(dst, data.Float64(f))
	case kBoolean:
		return (&node{kind: data.KindBoolean, write: opBool}).append(dst, data.Boolean(n.Bool))
	case kString:
		return append(appendLong(dst, int64(len(n.Text))), n.Text...), nil
	case kBytes, kFixed:
		b, ok := fromLatin1(n.Text)
		if !ok || s.kind == kFixed && len(b) != s.size {
			return dst, dataError("default %s is not valid for an Avro %s", n, s.fullName())
		}
		if s.kind == kBytes {
			dst = appendLong(dst, int64(len(b)))
		}
		return append(dst, b...), nil
	case kNull:
		return dst, nil
	}
	return appendComplexDefault(dst, s, n)
}

func appendComplexDefault(dst []byte, s *schema, n jsontree.Node) (_ []byte, err error) {
	switch s.kind {
	case kEnum:
		for i, symbol := range s.symbols {
			if symbol == n.Text {
				return appendLong(dst, int64(i)), nil
			}
		}
		return dst, dataError("default %s is not a symbol of %s", n, s.fullName())
	case kUnion:
		for i, b := range s.branches {
			if suits(b, n) {
				return appendDefault(appendLong(dst, int64(i)), b, n)
			}
		}
	case kArray:
		if len(n.Elems) > 0 {
			dst = appendLong(dst, int64(len(n.Elems)))
		}
		for _, e := range n.Elems {
			if dst, err = appendDefault(dst, s.items, e); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	case kMap:
		if len(n.Members) > 0 {
			dst = appendLong(dst, int64(len(n.Members)))
		}
		for _, m := range n.Members {
			dst = append(appendLong(dst, int64(len(m.Name))), m.Name...)
			if dst, err = appendDefault(dst, s.items, m.Value); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	}
	for _, f := range s.fields {
		v, ok := n.Get(f.name)
		if !ok && f.def != nil {
			v = *f.def
		}
		if dst, err = appendDefault(dst, f.schema, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// memberOf is the name of the struct field that stands for a branch of a union.
func (o Options) memberOf(b *schema, at int) string {
	switch {
	case o.SumTypes:
		return sumField + strconv.Itoa(at)
	case b.named() && o.Enhanced:
		return b.fullName()
	case b.named():
		return o.name(b.name)
	}
	return b.kind.String()
}

// memberName is memberOf for the Connect schema of the branch.
func (o Options) memberName(s *data.Schema, at int) string {
	switch {
	case o.SumTypes:
		return sumField + strconv.Itoa(at)
	case (s.Type() == data.TypeStruct || isEnum(s) || isFixed(s)) && o.Enhanced:
		return o.full(s.Name())
	case s.Type() == data.TypeStruct || isFixed(s):
		_, short := o.split(s.Name())
		return short
	case isEnum(s):
		if !o.Enhanced {
			return kString.String()
		}
		_, short := o.split(s.Name())
		return short
	}
	switch s.Type() {
	case data.TypeInt8, data.TypeInt16, data.TypeInt32:
		return kInt.String()
	case data.TypeInt64:
		return kLong.String()
	case data.TypeFloat32:
		return kFloat.String()
	case data.TypeFloat64:
		return kDouble.String()
	}
	return strings.ToLower(s.Type().String())
}
