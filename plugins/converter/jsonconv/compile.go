package jsonconv

import (
	"fmt"

	"github.com/millrace/millrace/plugins/data"
)

// op says how a node's values are written.
type op uint8

const (
	opInt op = iota
	opFloat32
	opFloat64
	opBool
	opString
	opBytes
	opDecimalNumber
	opArray
	opMapObject
	opMapPairs
	opStruct
)

// node is a compiled schema.
type node struct {
	schema    *data.Schema
	op        op
	kind      data.Kind // of the values
	null      string    // what null is written as, "" when null is an error
	scale     int       // of opDecimalNumber
	fields    []field   // of opStruct
	key, elem *node
}

// field is a struct field: lead is `{"name":` for the first, `,"name":` for others.
type field struct {
	lead string
	null string // lead and null, "" when null is an error
	op   op
	kind data.Kind
	node *node
	memo memo
}

// program is a compiled schema with what surrounds a whole record.
type program struct {
	root       *node
	head, tail string
}

func compileProgram(cfg Config, schema *data.Schema) (*program, error) {
	root, err := compile(cfg, schema)
	if err != nil || !cfg.Schemas {
		return &program{root: root}, err
	}
	text, err := appendSchema(nil, cfg, schema)
	if err != nil {
		return nil, err
	}
	return &program{root, `{"schema":` + string(text) + `,"payload":`, "}"}, nil
}

func compile(cfg Config, s *data.Schema) (*node, error) {
	n := &node{schema: s, kind: s.Type().Kind(), op: plainOp(s)}
	var err error
	switch n.op {
	case opStruct:
		err = n.compileFields(cfg)
	case opMapObject, opMapPairs:
		if n.key, err = compile(cfg, s.KeySchema()); err == nil {
			n.elem, err = compile(cfg, s.ValueSchema())
		}
	case opArray:
		n.elem, err = compile(cfg, s.ValueSchema())
	case opBytes:
		if cfg.NumericDecimals && s.Logical() == data.LogicalDecimal {
			n.op = opDecimalNumber
			n.scale, err = s.Scale()
		}
	}
	if err == nil {
		err = n.compileNull(cfg)
	}
	return n, err
}

func plainOp(s *data.Schema) op {
	switch s.Type() {
	case data.TypeFloat32:
		return opFloat32
	case data.TypeFloat64:
		return opFloat64
	case data.TypeBoolean:
		return opBool
	case data.TypeString:
		return opString
	case data.TypeBytes:
		return opBytes
	case data.TypeArray:
		return opArray
	case data.TypeMap:
		if s.KeySchema().Type() == data.TypeString {
			return opMapObject
		}
		return opMapPairs
	case data.TypeStruct:
		return opStruct
	}
	return opInt
}

func (n *node) compileFields(cfg Config) error {
	n.fields = make([]field, len(n.schema.Fields()))
	for i, f := range n.schema.Fields() {
		child, err := compile(cfg, f.Schema)
		if err != nil {
			return within(f.Name, err)
		}
		lead := append([]byte(nil), ',')
		if i == 0 {
			lead[0] = '{'
		}
		lead = append(appendString(lead, f.Name), ':')
		n.fields[i] = field{lead: string(lead), op: child.op, kind: child.kind, node: child}
		if child.null != "" {
			n.fields[i].null = string(lead) + child.null
		}
	}
	return nil
}

// compileNull renders what stands for null.
func (n *node) compileNull(cfg Config) error {
	def, ok := n.schema.Default()
	if ok && !def.IsNull() && cfg.ReplaceNull {
		text, err := n.append(nil, def)
		if err != nil {
			return fmt.Errorf("default value: %w", err)
		}
		n.null = string(text)
	} else if n.schema.Optional() {
		n.null = "null"
	}
	return nil
}
