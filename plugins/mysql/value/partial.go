package value

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/data"
)

// partialJSON is the bit of binlog_row_value_options that says so.
const partialJSON = 1

// Operations of a JSON diff (enum_json_diff_operation).
const (
	diffReplace = 0
	diffInsert  = 1
	diffRemove  = 2
)

// DecodePartial decodes the after image of a PARTIAL_UPDATE_ROWS event: JSON
// columns may hold the differences to their value in the row before. Changed
// documents are rendered as text into a.
func (d *RowDecoder) DecodePartial(a *data.Arena, present, image []byte, before, cells []Cell) (rest []byte, err error) {
	options, image, err := packedInt(image)
	if err != nil {
		return nil, err
	}
	if options&partialJSON == 0 {
		return d.Decode(a, present, image, cells)
	}
	n := (d.jsons + 7) / 8
	if len(image) < n {
		return nil, ErrTruncatedRow
	}
	partial, image := image[:n], image[n:]
	if rest, err = d.Decode(a, present, image, cells); err != nil {
		return nil, err
	}
	// There is a bit for each JSON column of the table, in the image or not.
	bit := 0
	for i := range d.ops {
		if d.ops[i].code != opJSON {
			continue
		}
		if partial[bit>>3]&(1<<(bit&7)) != 0 && cells[i].Kind == JSONBinary {
			if err := applyDiffs(a, &before[i], &cells[i]); err != nil {
				return nil, fmt.Errorf("column %d: applying a partial JSON update: %w", i+1, err)
			}
		}
		bit++
	}
	return rest, nil
}

func packedInt(b []byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 || b[0] == 0xFB || b[0] == 0xFF {
		return 0, nil, ErrTruncatedRow
	}
	size := map[byte]int{0xFC: 2, 0xFD: 3, 0xFE: 8}[b[0]]
	if size == 0 {
		return uint64(b[0]), b[1:], nil
	}
	if len(b) <= size {
		return 0, nil, ErrTruncatedRow
	}
	return littleEndian(b[1 : 1+size]), b[1+size:], nil
}

func applyDiffs(a *data.Arena, before, c *Cell) error {
	if len(c.Data) == 0 { // no difference
		*c = *before
		return nil
	}
	if before.Kind == Missing {
		*c = Cell{Kind: Missing, Num: 1}
		return nil
	}
	if before.Kind != JSONBinary || len(before.Data) == 0 {
		return errors.New("the row before is not in the binlog; set binlog_row_image=FULL or binlog_row_value_options=''")
	}
	root := jsonNode{typ: before.Data[0], raw: before.Data[1:]}
	for diffs := c.Data; len(diffs) > 0; {
		var err error
		if diffs, err = root.applyDiff(diffs); err != nil {
			return err
		}
	}
	text, err := root.append(a.Bytes(2 * (len(before.Data) + len(c.Data)))[:0])
	c.Kind, c.Data = Text, text
	return err
}

// applyDiff applies the first of a list of differences and returns the others.
func (n *jsonNode) applyDiff(diffs []byte) ([]byte, error) {
	op := diffs[0]
	path, rest, err := packedString(diffs[1:])
	if err != nil {
		return nil, err
	}
	var v jsonNode
	if op != diffRemove {
		var doc []byte
		if doc, rest, err = packedString(rest); err != nil || len(doc) == 0 {
			return nil, errJSON
		}
		v = jsonNode{typ: doc[0], raw: doc[1:]}
	}
	legs, err := parseJSONPath(string(path))
	if err != nil {
		return nil, err
	}
	if err := n.change(op, legs, v); err != nil {
		return nil, fmt.Errorf("path %s: %w", path, err)
	}
	return rest, nil
}

func packedString(b []byte) (s, rest []byte, err error) {
	n, rest, err := packedInt(b)
	if err != nil || n > uint64(len(rest)) {
		return nil, nil, errJSON
	}
	return rest[:n], rest[n:], nil
}

// jsonLeg is one step of a path: a member or an element.
type jsonLeg struct {
	key   string
	index int // -1 for a member
}

// parseJSONPath reads a path as the server writes it: $.name."quoted name"[3].
func parseJSONPath(path string) ([]jsonLeg, error) {
	var legs []jsonLeg
	rest, ok := strings.CutPrefix(path, "$")
	for ok && rest != "" {
		var leg jsonLeg
		leg, rest, ok = parseJSONLeg(rest)
		legs = append(legs, leg)
	}
	if !ok {
		return nil, fmt.Errorf("malformed JSON path %q", path)
	}
	return legs, nil
}

func parseJSONLeg(s string) (leg jsonLeg, rest string, ok bool) {
	if s[0] == '[' {
		number, rest, found := strings.Cut(s[1:], "]")
		n, err := strconv.Atoi(number)
		return jsonLeg{index: n}, rest, found && err == nil && n >= 0
	}
	if s[0] != '.' || len(s) < 2 {
		return leg, "", false
	}
	if s = s[1:]; s[0] != '"' {
		end := strings.IndexAny(s, ".[")
		if end < 0 {
			end = len(s)
		}
		return jsonLeg{key: s[:end], index: -1}, s[end:], end > 0
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return leg, "", false
	}
	key, err := strconv.Unquote(quoted)
	return jsonLeg{key: key, index: -1}, s[len(quoted):], err == nil
}

// jsonNode is a value of a document that is being changed: binary until
// something inside it changes.
type jsonNode struct {
	typ    byte
	raw    []byte
	opened bool
	elems  []jsonElem
}

type jsonElem struct {
	key  []byte // of a member of an object
	node jsonNode
}

func (n *jsonNode) isObject() bool { return n.typ == jsonSmallObject || n.typ == jsonLargeObject }

func (n *jsonNode) open() error {
	if n.opened {
		return nil
	}
	if n.typ > jsonLargeArray {
		return errors.New("not an object or array")
	}
	var c container
	if !c.open(n.typ, n.raw) {
		return errJSON
	}
	n.elems = make([]jsonElem, c.count)
	var err error
	for i := range n.elems {
		e := &n.elems[i]
		if e.node.typ, e.node.raw, err = c.value(i); err != nil {
			return err
		}
		if !c.object {
			continue
		}
		if e.key, err = c.key(i); err != nil {
			return err
		}
	}
	n.opened = true
	return nil
}

func (n *jsonNode) change(op byte, legs []jsonLeg, v jsonNode) error {
	if len(legs) == 0 {
		if op != diffReplace {
			return errors.New("the document itself can only be replaced")
		}
		*n = v
		return nil
	}
	if err := n.open(); err != nil {
		return err
	}
	leg := legs[0]
	if n.isObject() != (leg.index < 0) {
		return errors.New("path does not fit the document")
	}
	at, found := n.find(leg)
	switch {
	case len(legs) > 1 && found:
		return n.elems[at].node.change(op, legs[1:], v)
	case len(legs) == 1 && op == diffInsert && (!found || !n.isObject()):
		n.elems = slices.Insert(n.elems, at, jsonElem{key: []byte(leg.key), node: v})
	case len(legs) == 1 && op == diffReplace && found:
		n.elems[at].node = v
	case len(legs) == 1 && op == diffRemove && found:
		n.elems = slices.Delete(n.elems, at, at+1)
	default:
		return errors.New("path does not fit the document")
	}
	return nil
}

// find gives the position of a member or element, or where it would be
// inserted. Members are sorted by the length of their keys first.
func (n *jsonNode) find(leg jsonLeg) (at int, found bool) {
	if leg.index >= 0 {
		return min(leg.index, len(n.elems)), leg.index < len(n.elems)
	}
	return slices.BinarySearchFunc(n.elems, leg.key, func(e jsonElem, key string) int {
		if d := len(e.key) - len(key); d != 0 {
			return d
		}
		return bytes.Compare(e.key, []byte(key))
	})
}

func (n *jsonNode) append(dst []byte) ([]byte, error) {
	if !n.opened {
		return appendJSONValue(dst, n.typ, n.raw, 0)
	}
	open, end := byte('['), byte(']')
	if n.isObject() {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i := range n.elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		if n.isObject() {
			dst = append(appendQuoted(dst, n.elems[i].key), ':')
		}
		var err error
		if dst, err = n.elems[i].node.append(dst); err != nil {
			return dst, err
		}
	}
	return append(dst, end), nil
}
