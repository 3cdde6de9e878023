// Package datatest makes random schemas and values, for property tests of
// whatever converts, transforms or carries Connect data.
package datatest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/millrace/millrace/plugins/data"
)

// Gen makes schemas and values from a source of randomness. With the same seed
// it makes the same ones.
type Gen struct {
	Rand *rand.Rand
	// Depth bounds the nesting of structs, arrays and maps.
	Depth int
	// Entries bounds the size of maps.
	Entries int
	// Finite leaves out infinities and NaN.
	Finite bool
}

// New makes a Gen with a seed.
func New(seed uint64) *Gen {
	return &Gen{Rand: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), Depth: 3, Entries: 3}
}

func (g *Gen) chance(percent int) bool { return g.Rand.IntN(100) < percent }

// Schema makes a schema of any type.
func (g *Gen) Schema() *data.Schema { return g.schema(g.Depth) }

func (g *Gen) schema(depth int) *data.Schema {
	t := data.Type(g.Rand.IntN(int(data.TypeStruct) + 1))
	if depth == 0 && t > data.TypeBytes {
		t = data.TypeString
	}
	switch t {
	case data.TypeArray:
		return g.decorate(data.NewArray(g.schema(depth - 1)))
	case data.TypeMap:
		key := data.New(data.TypeString).Build()
		if g.chance(40) {
			key = g.schema(0)
		}
		return g.decorate(data.NewMap(key, g.schema(depth-1)))
	case data.TypeStruct:
		return g.structSchema(depth)
	}
	if g.chance(15) {
		return g.decorate(g.logical())
	}
	return g.withDefault(data.New(t))
}

// Struct makes a struct schema.
func (g *Gen) Struct() *data.Schema { return g.structSchema(g.Depth) }

func (g *Gen) structSchema(depth int) *data.Schema {
	b := data.NewStruct()
	for i := range g.Rand.IntN(6) {
		b.Field(fmt.Sprintf("%s%d", g.Text(), i), g.schema(depth-1))
	}
	return g.decorate(b)
}

func (g *Gen) logical() *data.Builder {
	switch g.Rand.IntN(4) {
	case 0:
		return data.DecimalOf(g.Rand.IntN(12) - 2)
	case 1:
		return data.NewDate()
	case 2:
		return data.NewTime()
	}
	return data.NewTimestamp()
}

func (g *Gen) decorate(b *data.Builder) *data.Schema {
	if g.chance(30) {
		b.Optional()
	}
	if g.chance(10) {
		b.Doc(g.Text() + ".")
	}
	return b.Build()
}

func (g *Gen) withDefault(b *data.Builder) *data.Schema {
	if g.chance(15) {
		b.Name("io.example." + g.Text())
	}
	if g.chance(15) {
		b.Version(g.Rand.IntN(9)).Param("k", g.Text())
	}
	if g.chance(15) {
		plain := *b
		b.Default(g.Value(plain.Required().Build()))
	}
	return g.decorate(b)
}

// Value makes a value that fits the schema.
func (g *Gen) Value(s *data.Schema) data.Value {
	if s.Optional() && g.chance(25) {
		return data.Null()
	}
	switch s.Type() {
	case data.TypeInt8:
		return data.Int8(int8(g.Rand.Int64()))
	case data.TypeInt16:
		return data.Int16(int16(g.Rand.Int64()))
	case data.TypeInt32:
		if s.Logical() == data.LogicalTime {
			return data.Int32(int32(g.Rand.IntN(24 * 60 * 60 * 1000)))
		}
		return data.Int32(int32(g.Rand.Int64()))
	case data.TypeInt64:
		return data.Int64(g.Rand.Int64() >> g.Rand.IntN(63) * int64(1-2*g.Rand.IntN(2)))
	case data.TypeFloat32:
		return data.Float32(float32(g.float()))
	case data.TypeFloat64:
		return data.Float64(g.float())
	case data.TypeBoolean:
		return data.Boolean(g.chance(50))
	case data.TypeString:
		return data.String(g.Text())
	case data.TypeBytes:
		return data.Bytes(g.bytes(s))
	case data.TypeArray:
		return data.Array(g.values(s.ValueSchema()))
	case data.TypeMap:
		return g.mapOf(s)
	}
	st := data.NewStructValue(s)
	for i, f := range s.Fields() {
		st.Set(i, g.Value(f.Schema))
	}
	return data.StructOf(st)
}

func (g *Gen) float() float64 {
	switch g.Rand.IntN(5) {
	case 0:
		return float64(g.Rand.IntN(1000))
	case 1:
		if g.Finite {
			return float64(g.Rand.IntN(1<<20)) / 64
		}
		return math.Float64frombits(g.Rand.Uint64()&^(0x7ff<<52) | uint64(g.Rand.IntN(0x7ff))<<52)
	case 2:
		if g.Finite {
			return 0.1
		}
		return []float64{math.Inf(1), math.Inf(-1), math.NaN()}[g.Rand.IntN(3)]
	}
	return math.Round(g.Rand.NormFloat64()*1e6) / 100
}

func (g *Gen) bytes(s *data.Schema) []byte {
	if s.Logical() == data.LogicalDecimal {
		return data.AppendUnscaledInt(nil, g.Rand.Int64()>>g.Rand.IntN(64))
	}
	b := make([]byte, g.Rand.IntN(20))
	for i := range b {
		b[i] = byte(g.Rand.Uint32())
	}
	return b
}

func (g *Gen) values(s *data.Schema) []data.Value {
	out := make([]data.Value, g.Rand.IntN(4))
	for i := range out {
		out[i] = g.Value(s)
	}
	return out
}

func (g *Gen) mapOf(s *data.Schema) data.Value {
	m := &data.Map{}
	for range g.Rand.IntN(g.Entries + 1) {
		m.Put(g.Value(s.KeySchema()), g.Value(s.ValueSchema()))
	}
	return data.MapOf(m)
}

// Text makes a short text with characters of every kind in it.
func (g *Gen) Text() string {
	const odd = "\"\\/\b\f\n\r\t\x00\x1f\x7f é漢😀\u2028<&>{}[]'`$."
	runes := []rune(odd)
	out := make([]rune, g.Rand.IntN(24))
	for i := range out {
		out[i] = 'a' + rune(g.Rand.IntN(26))
		if g.chance(10) {
			out[i] = runes[g.Rand.IntN(len(runes))]
		}
	}
	return string(out)
}
