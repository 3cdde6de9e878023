package incremental

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Keys stand in offsets as Debezium writes them: an Object[] in the form of
// Java's serialization, in hexadecimal digits. The classes of its elements are
// those that Debezium's field readers give for the types of columns.
//
// Source: Java Object Serialization Specification, chapter 6, and
// AbstractIncrementalSnapshotContext.arrayToSerializedString.

// Type codes of the stream.
const (
	tcNull      = 0x70
	tcReference = 0x71
	tcClassDesc = 0x72
	tcObject    = 0x73
	tcString    = 0x74
	tcArray     = 0x75
	tcBlockData = 0x77
	tcEnd       = 0x78

	scWriteMethod    = 0x01
	scSerializable   = 0x02
	scExternalizable = 0x04
	scBlockData      = 0x08

	baseHandle = 0x7e0000
)

// javaHead begins every stream: magic number and version 5.
var javaHead = []byte{0xac, 0xed, 0, 5}

// javaClass is a class that occurs in keys.
type javaClass struct {
	name   string
	serial uint64
	flags  byte
	fields []javaField
	super  *javaClass
}

// javaField is a field; signature is that of an object's class, "" for a primitive type.
type javaField struct {
	kind      byte
	name      string
	signature string
}

func number(name string, serial uint64, kind byte) *javaClass {
	return &javaClass{name: name, serial: serial, flags: scSerializable, fields: []javaField{{kind, "value", ""}},
		super: &javaClass{name: "java.lang.Number", serial: 0x86ac951d0b94e08b, flags: scSerializable}}
}

// encoder writes one stream. Classes, objects and strings that occurred before
// are referred to by the number of their occurrence.
type encoder struct {
	out     []byte
	handles int
	classes map[string]int
	strings map[string]int
	objects map[string]int // those that Java has once only
	pending string         // the one of them that comes next
}

// encodeKey writes a key; nil stands for no key.
func encodeKey(columns []*table.Column, key chunk.Key) (string, error) {
	e := &encoder{out: append([]byte(nil), javaHead...), classes: map[string]int{}, strings: map[string]int{}, objects: map[string]int{}}
	if key == nil {
		return hex.EncodeToString(append(e.out, tcNull)), nil
	}
	if len(columns) != len(key) {
		return "", fmt.Errorf("a key has %d values, but is made of %d columns", len(key), len(columns))
	}
	e.out = append(e.out, tcArray)
	e.class(&javaClass{name: "[Ljava.lang.Object;", serial: 0x90ce589f1073296c, flags: scSerializable})
	e.handles++
	e.int(len(key))
	for i, v := range key {
		if v.Null {
			e.out = append(e.out, tcNull)
			continue
		}
		if err := e.value(columns[i], v.Text); err != nil {
			return "", fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
	}
	return hex.EncodeToString(e.out), nil
}

func (e *encoder) int(n int) { e.out = binary.BigEndian.AppendUint32(e.out, uint32(n)) }

func (e *encoder) utf(s string) {
	b := modifiedUTF8(s)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(len(b)))
	e.out = append(e.out, b...)
}

// reference writes a reference to an earlier occurrence, if there is one.
func (e *encoder) reference(seen map[string]int, name string) bool {
	at, ok := seen[name]
	if !ok {
		seen[name] = e.handles
		e.handles++
		return false
	}
	e.out = append(e.out, tcReference)
	e.int(baseHandle + at)
	return true
}

func (e *encoder) class(c *javaClass) {
	if c == nil {
		e.out = append(e.out, tcNull)
		return
	}
	if e.reference(e.classes, c.name) {
		return
	}
	e.out = append(e.out, tcClassDesc)
	e.utf(c.name)
	e.out = binary.BigEndian.AppendUint64(e.out, c.serial)
	e.out = append(e.out, c.flags)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(len(c.fields)))
	for _, f := range c.fields {
		e.out = append(e.out, f.kind)
		e.utf(f.name)
		if f.signature != "" {
			e.string(f.signature)
		}
	}
	e.out = append(e.out, tcEnd)
	e.class(c.super)
}

// shared writes a reference to an object that occurred before, or else notes
// that it comes next.
func (e *encoder) shared(object string) bool {
	at, ok := e.objects[object]
	if !ok {
		e.pending = object
		return false
	}
	e.out = append(e.out, tcReference)
	e.int(baseHandle + at)
	return true
}

// object begins an object; its fields follow, those of the uppermost class first.
func (e *encoder) object(c *javaClass) {
	e.out = append(e.out, tcObject)
	e.class(c)
	if e.pending != "" {
		e.objects[e.pending], e.pending = e.handles, ""
	}
	e.handles++
}

// string writes a string of its own in a key, which is the same object only if
// it is a signature.
func (e *encoder) string(s string) {
	if e.reference(e.strings, s) {
		return
	}
	e.text(s)
}

func (e *encoder) text(s string) {
	e.out = append(e.out, tcString)
	e.utf(s)
}

func (e *encoder) bytes(b []byte) {
	e.out = append(e.out, tcArray)
	e.class(&javaClass{name: "[B", serial: 0xacf317f8060854e0, flags: scSerializable})
	e.handles++
	e.int(len(b))
	e.out = append(e.out, b...)
}

// value writes one value of a key, as the object that Debezium has for it.
func (e *encoder) value(c *table.Column, text string) error {
	switch c.Kind {
	case table.TinyInt, table.SmallInt, table.MediumInt, table.Int, table.BigInt:
		return e.integer(c, text)
	case table.Decimal:
		return e.decimal(text)
	case table.Double:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		e.object(number("java.lang.Double", 0x80b3c24a296bfb04, 'D'))
		e.out = binary.BigEndian.AppendUint64(e.out, math.Float64bits(f))
		return nil
	case table.Bit:
		if c.Length == 1 || c.Length == table.Unset {
			e.boolean(text != "\x00")
			return nil
		}
		e.bytes([]byte(text))
		return nil
	case table.Binary, table.VarBinary, table.TinyBlob, table.Blob, table.MediumBlob, table.LongBlob:
		e.bytes([]byte(text))
		return nil
	}
	return e.temporalOrText(c, text)
}

func (e *encoder) boolean(b bool) {
	if e.shared(fmt.Sprint(b)) {
		return
	}
	e.object(&javaClass{name: "java.lang.Boolean", serial: 0xcd207280d59cfaee, flags: scSerializable, fields: []javaField{{'Z', "value", ""}}})
	if b {
		e.out = append(e.out, 1)
	} else {
		e.out = append(e.out, 0)
	}
}

var (
	integers = map[byte]*javaClass{
		'I': number("java.lang.Integer", 0x12e2a0a4f7818738, 'I'),
		'J': number("java.lang.Long", 0x3b8be490cc8f23df, 'J'),
	}
)

// integer writes an integer as Integer, Long or BigInteger.
func (e *encoder) integer(c *table.Column, text string) error {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return fmt.Errorf("malformed integer %q", text)
	}
	kind := integerClass(c)
	if kind == 'B' {
		e.bigInteger(n)
		return nil
	}
	if !n.IsInt64() || kind == 'I' && n.Int64() != int64(int32(n.Int64())) {
		return fmt.Errorf("%s is out of the range of %s", text, c.TypeName)
	}
	// Java keeps one object for each small number.
	if small := n.Int64() >= -128 && n.Int64() < 128; small && e.shared(fmt.Sprintf("%c%s", kind, n)) {
		return nil
	}
	e.object(integers[kind])
	switch kind {
	case 'I':
		e.int(int(n.Int64()))
	default:
		e.out = binary.BigEndian.AppendUint64(e.out, uint64(n.Int64()))
	}
	return nil
}

// integerClass is the class that Debezium's readers have for a column: I and J
// for Integer and Long, B for BigInteger.
func integerClass(c *table.Column) byte {
	switch {
	case c.Kind == table.BigInt && c.Unsigned:
		return 'B'
	case c.Kind == table.BigInt, c.Kind == table.Int && c.Unsigned:
		return 'J'
	}
	return 'I'
}

// decimal writes a BigDecimal.
func (e *encoder) decimal(text string) error {
	digits, fraction, _ := strings.Cut(text, ".")
	unscaled, ok := new(big.Int).SetString(digits+fraction, 10)
	if !ok {
		return fmt.Errorf("malformed decimal %q", text)
	}
	c := &javaClass{name: "java.math.BigDecimal", serial: 0x54c71557f981284f, flags: scSerializable | scWriteMethod,
		fields: []javaField{{'I', "scale", ""}, {'L', "intVal", "Ljava/math/BigInteger;"}},
		super:  &javaClass{name: "java.lang.Number", serial: 0x86ac951d0b94e08b, flags: scSerializable}}
	e.object(c)
	e.int(len(fraction))
	e.bigInteger(unscaled)
	e.out = append(e.out, tcEnd)
	return nil
}

// bigInteger writes a BigInteger; only sign and magnitude count, the other
// fields have the values that Java writes for the sake of old releases.
func (e *encoder) bigInteger(n *big.Int) {
	c := &javaClass{name: "java.math.BigInteger", serial: 0x8cfc9f1fa93bfb1d, flags: scSerializable | scWriteMethod,
		fields: []javaField{{'I', "bitCount", ""}, {'I', "bitLength", ""}, {'I', "firstNonzeroByteNum", ""},
			{'I', "lowestSetBit", ""}, {'I', "signum", ""}, {'[', "magnitude", "[B"}},
		super: &javaClass{name: "java.lang.Number", serial: 0x86ac951d0b94e08b, flags: scSerializable}}
	e.object(c)
	for _, v := range []int{-1, -1, -2, -2, n.Sign()} {
		e.int(v)
	}
	e.bytes(n.Bytes())
	e.out = append(e.out, tcEnd)
}

// temporalOrText writes dates and times, and everything else as a string.
func (e *encoder) temporalOrText(c *table.Column, text string) error {
	switch c.Kind {
	case table.Date:
		return e.date(text)
	case table.DateTime, table.Timestamp:
		return e.timestamp(text)
	case table.Time:
		return e.duration(text)
	case table.Year:
		return e.year(text)
	}
	e.handles++
	e.text(text)
	return nil
}

// asSent gives a key the form that it has in Debezium once its row became a
// record, and takes it back: the bytes of BIT columns are turned round.
func asSent(columns []*table.Column, k chunk.Key) chunk.Key {
	k = slices.Clone(k)
	for i, c := range columns {
		if c.Kind == table.Bit && i < len(k) {
			b := []byte(k[i].Text)
			slices.Reverse(b)
			k[i].Text = string(b)
		}
	}
	return k
}

// modifiedUTF8 is how Java writes strings: NUL takes two bytes, and characters
// outside the basic plane are written as surrogates of three bytes each.
func modifiedUTF8(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == 0:
			out = append(out, 0xc0, 0x80)
		case r >= 0x10000:
			r -= 0x10000
			out = appendThree(appendThree(out, 0xd800|r>>10), 0xdc00|r&0x3ff)
		default:
			out = append(out, string(r)...)
		}
	}
	return out
}

func appendThree(out []byte, r rune) []byte {
	return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
}
