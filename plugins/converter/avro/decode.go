package avro

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
)

// maxNesting bounds the nesting of data without schema, whose records contain themselves.
const maxNesting = 1000

// cursor walks over a payload.
type cursor struct {
	b     []byte
	at    int
	arena *data.Arena
	depth int
}

// Read implements registry.Reader.
func (r *reader) Read(a *data.Arena, b []byte) (*data.Schema, data.Value, error) {
	if r.raw {
		return r.schema, r.root.binary(b), nil
	}
	c := &cursor{b: b, arena: a}
	if r.root.any {
		v, err := c.anything()
		return r.schema, v, err
	}
	v, err := c.value(r.root)
	return r.schema, v, err
}

func (c *cursor) fail(what string) error {
	return dataError("Error deserializing Avro message: %s at byte %d of %d", what, c.at, len(c.b))
}

func (c *cursor) long() (int64, error) {
	i, n := binary.Varint(c.b[c.at:])
	if n <= 0 {
		return 0, c.fail("the number is cut off or too long")
	}
	c.at += n
	return i, nil
}

func (c *cursor) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(c.b)-c.at) {
		return nil, c.fail("the data ends too early")
	}
	c.at += int(n)
	return c.b[c.at-int(n) : c.at : c.at], nil
}

func (c *cursor) bytes() ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	return c.take(n)
}

func (c *cursor) text() (data.Value, error) {
	b, err := c.bytes()
	if err == nil && !utf8.Valid(b) {
		err = c.fail("a text that is not UTF-8 ends")
	}
	return data.StringBytes(b), err
}

func (c *cursor) value(n *rnode) (data.Value, error) {
	switch n.kind {
	case kInt, kLong:
		return c.integer(n)
	case kString:
		return c.text()
	case kBoolean:
		b, err := c.take(1)
		return data.Boolean(err == nil && b[0] != 0), err
	case kFloat:
		b, err := c.take(4)
		if err != nil {
			return data.Value{}, err
		}
		return data.Float32(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case kDouble:
		b, err := c.take(8)
		if err != nil {
			return data.Value{}, err
		}
		return data.Float64(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case kBytes:
		b, err := c.bytes()
		return n.binary(b), err
	case kFixed:
		b, err := c.take(int64(n.size))
		return n.binary(b), err
	case kEnum:
		i, err := c.long()
		if err == nil && (i < 0 || i >= int64(len(n.symbols))) {
			err = c.fail("unknown symbol of an enum")
		}
		if err != nil {
			return data.Value{}, err
		}
		return n.symbols[i], nil
	}
	return c.complex(n)
}

// binary cuts off the bytes of a decimal that only repeat its sign, as Java's BigInteger does.
func (n *rnode) binary(b []byte) data.Value {
	if n.schema != nil && n.schema.Logical() == data.LogicalDecimal {
		for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			b = b[1:]
		}
	}
	return data.Bytes(b)
}

func (c *cursor) integer(n *rnode) (data.Value, error) {
	i, err := c.long()
	if err != nil {
		return data.Value{}, err
	}
	if n.kind == kInt && (i < math.MinInt32 || i > math.MaxInt32) {
		return data.Value{}, c.fail("an int is too big")
	}
	return data.Integer(n.schema.Type(), i), nil
}

func (c *cursor) complex(n *rnode) (data.Value, error) {
	switch n.kind {
	case kRecord:
		st := c.arena.Struct(n.schema)
		for i, child := range n.children {
			v, err := c.value(child)
			if err != nil {
				return v, within(n.schema.Fields()[i].Name, err)
			}
			st.Set(i, v)
		}
		return data.StructOf(st), nil
	case kUnion:
		return c.union(n)
	case kMap:
		m := &data.Map{}
		err := c.blocks(func() error {
			k, err := c.text()
			if err != nil {
				return err
			}
			v, err := c.value(n.children[0])
			m.Put(k, v)
			return err
		})
		return data.MapOf(m), err
	}
	if n.pairs {
		m := &data.Map{}
		err := c.blocks(func() error {
			k, err := c.value(n.children[0])
			if err != nil {
				return err
			}
			v, err := c.value(n.children[1])
			m.Put(k, v)
			return err
		})
		return data.MapOf(m), err
	}
	var out []data.Value
	err := c.blocks(func() error {
		v, err := c.value(n.children[0])
		out = append(out, v)
		return err
	})
	return data.Array(out), err
}

func (c *cursor) union(n *rnode) (data.Value, error) {
	i, err := c.long()
	switch {
	case err != nil:
		return data.Value{}, err
	case i == int64(n.null):
		return data.Null(), nil
	case i < 0 || i >= int64(len(n.children)):
		return data.Value{}, c.fail("unknown branch of a union")
	}
	v, err := c.value(n.children[i])
	if err != nil || n.member == nil {
		return v, err
	}
	st := c.arena.Struct(n.schema)
	st.Set(n.member[i], v)
	return data.StructOf(st), nil
}

// blocks reads the blocks of an array or a map. A negative count is followed by the size of the block.
func (c *cursor) blocks(item func() error) error {
	for {
		count, err := c.long()
		if err != nil || count == 0 {
			return err
		}
		if count < 0 {
			if _, err := c.long(); err != nil {
				return err
			}
			count = -count
		}
		for ; count > 0; count-- {
			before := c.at
			if err := item(); err != nil {
				return err
			}
			if c.at == before && count > int64(len(c.b)) { // items without bytes: the count alone is no proof
				return c.fail("a block has too many items")
			}
		}
	}
}

// anything reads a value that has no schema.
func (c *cursor) anything() (data.Value, error) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxNesting {
		return data.Value{}, c.fail("nested too deeply")
	}
	var out data.Value
	for i := range 9 {
		branch, err := c.long()
		switch {
		case err != nil:
			return out, err
		case branch == 0:
			continue
		case branch != 1:
			return out, c.fail("unknown branch of a union")
		}
		v, err := c.anyValue(i)
		if err != nil {
			return out, err
		}
		if out.IsNull() {
			out = v
		}
	}
	return out, nil
}

// anyScalars are the fields of Anything that are no collections.
var anyScalars = [...]*rnode{
	{kind: kBoolean}, {kind: kBytes}, {kind: kDouble}, {kind: kFloat},
	{kind: kInt, schema: data.New(data.TypeInt32).Build()}, {kind: kLong, schema: data.New(data.TypeInt64).Build()}, {kind: kString},
}

func (c *cursor) anyValue(field int) (data.Value, error) {
	if field < len(anyScalars) {
		return c.value(anyScalars[field])
	}
	if field == 7 {
		var out []data.Value
		err := c.blocks(func() error {
			v, err := c.anything()
			out = append(out, v)
			return err
		})
		return data.Array(out), err
	}
	m := &data.Map{}
	err := c.blocks(func() error {
		k, err := c.anything()
		if err != nil {
			return err
		}
		v, err := c.anything()
		m.Put(k, v)
		return err
	})
	return data.MapOf(m), err
}
