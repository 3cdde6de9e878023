// Package jsontree is JSON as a tree that keeps what encoding/json's any loses:
// the order of members and the digits of numbers.
package jsontree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind says what a Node is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String gives the name that Jackson has for the kind.
func (k Kind) String() string {
	return [...]string{"NULL", "BOOLEAN", "NUMBER", "STRING", "ARRAY", "OBJECT"}[k]
}

// Node is one JSON value. The zero Node is null.
type Node struct {
	Kind    Kind
	Bool    bool
	Text    string // of a String, unescaped; of a Number, as it was written
	Elems   []Node
	Members []Member
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value Node
}

// Str, Num, Int and Truth make nodes.
func Str(s string) Node     { return Node{Kind: String, Text: s} }
func Num(s string) Node     { return Node{Kind: Number, Text: s} }
func Int(i int64) Node      { return Num(strconv.FormatInt(i, 10)) }
func Truth(b bool) Node     { return Node{Kind: Bool, Bool: b} }
func (n Node) IsNull() bool { return n.Kind == Null }

// Get finds a member of an object.
func (n Node) Get(name string) (Node, bool) {
	for _, m := range n.Members {
		if m.Name == name {
			return m.Value, true
		}
	}
	return Node{}, false
}

// Set puts a member into an object: in place when there is one of that name.
func (n *Node) Set(name string, v Node) {
	n.Kind = Object
	for i := range n.Members {
		if n.Members[i].Name == name {
			n.Members[i].Value = v
			return
		}
	}
	n.Members = append(n.Members, Member{name, v})
}

// StrOf is the text of a string member; ok is false when it is none.
func (n Node) StrOf(name string) (text string, ok bool) {
	v, ok := n.Get(name)
	return v.Text, ok && v.Kind == String
}

// Int64 reads an integer; ok is false for other numbers and other kinds.
func (n Node) Int64() (i int64, ok bool) {
	if n.Kind != Number {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Text, 10, 64)
	return i, err == nil
}

// maxDepth is the deepest nesting that is read (Jackson's StreamReadConstraints).
const maxDepth = 1000

// Parse reads one JSON value.
func Parse(b []byte) (Node, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := value(d, 0)
	if err != nil {
		return n, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("there is more after the value, at byte %d", d.InputOffset())
	}
	return n, nil
}

func value(d *json.Decoder, depth int) (Node, error) {
	if depth > maxDepth {
		return Node{}, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Node{}, err
	}
	switch t := t.(type) {
	case bool:
		return Truth(t), nil
	case json.Number:
		return Num(t.String()), nil
	case string:
		return Str(t), nil
	case json.Delim:
		if t == '[' {
			return array(d, depth)
		}
		return object(d, depth)
	}
	return Node{}, nil
}

func array(d *json.Decoder, depth int) (Node, error) {
	n := Node{Kind: Array}
	for d.More() {
		e, err := value(d, depth+1)
		if err != nil {
			return n, err
		}
		n.Elems = append(n.Elems, e)
	}
	_, err := d.Token()
	return n, err
}

func object(d *json.Decoder, depth int) (Node, error) {
	n := Node{Kind: Object}
	at := map[string]int{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return n, err
		}
		text := name.(string) // the decoder admits no other
		v, err := value(d, depth+1)
		if err != nil {
			return n, err
		}
		if i, dup := at[text]; dup {
			n.Members[i].Value = v
			continue
		}
		at[text] = len(n.Members)
		n.Members = append(n.Members, Member{text, v})
	}
	_, err := d.Token()
	return n, err
}

// Append writes the tree without white space. Only quotes, backslashes and
// control characters are escaped, with capital digits, as Jackson does.
func (n Node) Append(dst []byte) []byte {
	switch n.Kind {
	case Bool:
		return strconv.AppendBool(dst, n.Bool)
	case Number:
		return append(dst, n.Text...)
	case String:
		return AppendString(dst, n.Text)
	case Array:
		dst = append(dst, '[')
		for i, e := range n.Elems {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.Append(dst)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i, m := range n.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.Value.Append(append(AppendString(dst, m.Name), ':'))
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// AppendString writes a JSON string.
func AppendString(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, digits[c>>4], digits[c&15])
		}
	}
	return append(dst, '"')
}

// String is the tree as text.
func (n Node) String() string { return string(n.Append(nil)) }
