package value

import (
	"crypto"
	_ "crypto/md5"    // hash algorithms that
	_ "crypto/sha1"   // column.mask.hash
	_ "crypto/sha256" // may name
	_ "crypto/sha3"
	_ "crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Mapper changes the schema or the values of the columns that it matches
// (io.debezium.relational.mapping). Make one with Truncate, Mask, Hash or
// PropagateType. Debezium keeps them in this order: truncate, mask with
// characters, propagate by column, propagate by data type, mask with hash
// (version 1, then 2).
type Mapper struct {
	match func(table.ID, *table.Column) bool
	alter func(*table.Column, *data.Builder)
	value func(*table.Column) mapFunc
}

// mapFunc maps a converted value; it may see null.
type mapFunc func(a *data.Arena, v data.Value) data.Value

// MatchColumns matches database.table.column, as most column properties do.
func MatchColumns(ps table.Patterns) func(table.ID, *table.Column) bool {
	return func(id table.ID, c *table.Column) bool { return ps.Match(id.String() + "." + c.Name) }
}

// MatchTypes matches database.table.TYPE, as datatype.propagate.source.type does.
func MatchTypes(ps table.Patterns) func(table.ID, *table.Column) bool {
	return func(id table.ID, c *table.Column) bool { return ps.Match(id.String() + "." + c.TypeName) }
}

// Truncate is column.truncate.to.N.chars.
func Truncate(match func(table.ID, *table.Column) bool, n int) Mapper {
	possible := func(c *table.Column) bool { return c.Length < 0 || c.Length > n }
	return Mapper{
		match: match,
		alter: func(c *table.Column, b *data.Builder) {
			if possible(c) {
				b.Param("truncateLength", strconv.Itoa(n))
			}
		},
		value: func(c *table.Column) mapFunc {
			if !possible(c) {
				return nil
			}
			return func(_ *data.Arena, v data.Value) data.Value { return truncated(v, n) }
		},
	}
}

// truncated cuts text to n UTF-16 units, as Java counts, and bytes to n bytes.
// A surrogate pair is never cut in two.
func truncated(v data.Value, n int) data.Value {
	switch v.Kind() {
	case data.KindBytes:
		if b := v.Raw(); len(b) > n {
			return data.Bytes(b[:n])
		}
	case data.KindString:
		if b := v.Raw(); len(b) > n {
			return data.StringBytes(b[:prefixOf(b, n)])
		}
	}
	return v
}

// prefixOf is the length in bytes of the first n UTF-16 units.
func prefixOf(b []byte, n int) int {
	at := 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		if n--; r > 0xFFFF {
			n--
		}
		if n < 0 {
			break
		}
		at += size
	}
	return at
}

// Mask is column.mask.with.N.chars.
func Mask(match func(table.ID, *table.Column) bool, n int) Mapper {
	stars := data.String(strings.Repeat("*", n))
	return Mapper{match: match, alter: alterMasked, value: func(c *table.Column) mapFunc {
		if !maskable(c) {
			return nil
		}
		return func(*data.Arena, data.Value) data.Value { return stars }
	}}
}

func alterMasked(_ *table.Column, b *data.Builder) { b.Param("masked", "true") }

func maskable(c *table.Column) bool {
	switch c.JDBCType {
	case table.JDBCChar, table.JDBCVarChar, table.JDBCLongVarChar, table.JDBCNChar, table.JDBCNVarChar, jdbcLongNVarChar, jdbcClob, jdbcNClob:
		return true
	}
	return false
}

// Hash is column.mask.hash.ALGORITHM.with.salt.SALT, or with v2
// column.mask.hash.v2. The first version hashes the value as Java serializes it.
func Hash(match func(table.ID, *table.Column) bool, algorithm, salt string, v2 bool) (Mapper, error) {
	h, ok := hashOf(algorithm)
	if !ok {
		return Mapper{}, fmt.Errorf("unknown hash algorithm %q in column.mask.hash; "+
			"known are MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512, SHA-512/224, SHA-512/256 and SHA3-224 to SHA3-512", algorithm)
	}
	return Mapper{match: match, alter: alterMasked, value: func(c *table.Column) mapFunc {
		if !maskable(c) {
			return nil
		}
		return func(a *data.Arena, v data.Value) data.Value {
			if v.Kind() != data.KindString {
				return data.Null()
			}
			out := hashed(a, h, salt, v.Raw(), v2)
			if c.Length > 0 && len(out) > c.Length {
				out = out[:c.Length]
			}
			return data.StringBytes(out)
		}
	}}, nil
}

// hashOf finds an algorithm of java.security.MessageDigest.
func hashOf(name string) (crypto.Hash, bool) {
	switch strings.ToUpper(name) {
	case "MD5":
		return crypto.MD5, true
	case "SHA", "SHA1", "SHA-1":
		return crypto.SHA1, true
	case "SHA-224", "SHA224":
		return crypto.SHA224, true
	case "SHA-256", "SHA256":
		return crypto.SHA256, true
	case "SHA-384", "SHA384":
		return crypto.SHA384, true
	case "SHA-512", "SHA512":
		return crypto.SHA512, true
	case "SHA-512/224", "SHA512/224":
		return crypto.SHA512_224, true
	case "SHA-512/256", "SHA512/256":
		return crypto.SHA512_256, true
	case "SHA3-224":
		return crypto.SHA3_224, true
	case "SHA3-256":
		return crypto.SHA3_256, true
	case "SHA3-384":
		return crypto.SHA3_384, true
	case "SHA3-512":
		return crypto.SHA3_512, true
	}
	return 0, false
}

func hashed(a *data.Arena, h crypto.Hash, salt string, text []byte, v2 bool) []byte {
	in := append(a.Bytes(len(salt) + 13 + 2*len(text))[:0], salt...)
	if v2 {
		in = append(in, text...)
	} else {
		in = appendJavaString(in, text)
	}
	digest := h.New()
	digest.Write(in)
	sum := digest.Sum(a.Bytes(h.Size())[:0])
	out := a.Bytes(2 * len(sum))
	hex.Encode(out, sum)
	return out
}

// appendJavaString appends what ObjectOutputStream.writeObject(String) writes:
// magic, version, type code and length, then modified UTF-8.
func appendJavaString(dst, text []byte) []byte {
	dst = append(dst, 0xAC, 0xED, 0, 5, 0x74)
	at := len(dst)
	dst = append(dst, 0, 0)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		dst, text = appendModified(dst, r), text[n:]
	}
	if n := len(dst) - at - 2; n > 0xFFFF {
		dst = append(dst, "------"...)
		copy(dst[at+8:], dst[at+2:])
		binary.BigEndian.PutUint64(dst[at:], uint64(n))
		dst[at-1] = 0x7C
	} else {
		binary.BigEndian.PutUint16(dst[at:], uint16(n))
	}
	return dst
}

func appendModified(dst []byte, r rune) []byte {
	switch {
	case r == 0:
		return append(dst, 0xC0, 0x80)
	case r > 0xFFFF:
		r -= 0x10000
		return appendUnit(appendUnit(dst, 0xD800+r>>10), 0xDC00+r&0x3FF)
	}
	return utf8.AppendRune(dst, r)
}

// appendUnit appends one surrogate as three bytes.
func appendUnit(dst []byte, u rune) []byte {
	return append(dst, 0xE0|byte(u>>12), 0x80|byte(u>>6&0x3F), 0x80|byte(u&0x3F))
}

// PropagateType adds a column's type, length, scale and name to its schema's
// parameters (column.propagate.source.type, datatype.propagate.source.type).
func PropagateType(match func(table.ID, *table.Column) bool) Mapper {
	return Mapper{match: match, alter: func(c *table.Column, b *data.Builder) {
		b.Param("__debezium.source.column.type", strings.ToUpper(c.TypeName))
		if c.Length != table.Unset {
			b.Param("__debezium.source.column.length", strconv.Itoa(c.Length))
		}
		if c.Scale != table.Unset {
			b.Param("__debezium.source.column.scale", strconv.Itoa(c.Scale))
		}
		if c.Comment != nil && *c.Comment != "" {
			b.Param("__debezium.source.column.comment", *c.Comment)
		}
		b.Param("__debezium.source.column.name", c.Name)
	}}
}

func findMapper(id table.ID, col *table.Column, ms []Mapper) *Mapper {
	for i := range ms {
		if ms[i].match(id, col) {
			return &ms[i]
		}
	}
	return nil
}

func (m *Mapper) alterSchema(col *table.Column, b *data.Builder) {
	if m.alter != nil {
		m.alter(col, b)
	}
}

// wrap applies the mapper behind a conversion and to the value of NULL.
func (m *Mapper) wrap(col *table.Column, convert convertFunc, null data.Value) (convertFunc, data.Value) {
	if m.value == nil {
		return convert, null
	}
	apply := m.value(col)
	if apply == nil {
		return convert, null
	}
	mapped := func(a *data.Arena, c *Cell) (data.Value, error) {
		v, err := convert(a, c)
		if err != nil {
			return v, err
		}
		return apply(a, v), nil
	}
	return mapped, apply(new(data.Arena), null)
}
