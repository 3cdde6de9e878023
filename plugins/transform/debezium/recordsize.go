package debezium

import (
	"math"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func recordSizeDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "max.bytes", Type: configdef.Int, Importance: configdef.High,
			Doc: "Size in bytes that a record may have. The long text and binary columns of a bigger one are cut in proportion."},
		configdef.Key{Name: "compression.ratio", Type: configdef.Double, Default: configdef.Text("1.0"), Importance: configdef.Medium,
			Doc: "What the estimated size is multiplied with before it is compared, for records that get smaller on their way: 0.5 when they shrink to half."},
		configdef.Key{Name: "min.field.size", Type: configdef.Int, Default: configdef.Text("25000"), Importance: configdef.Medium,
			Doc: "Columns of this size in bytes and below are never cut."},
	)
}

// recordSize is EnforceRecordSize: it cuts the long columns of a change event
// that would be too big. Sizes are estimated as Debezium does, in Java's
// memory; a source offset is taken to have seven entries.
type recordSize struct {
	closer
	max   int64
	ratio float64
	min   int
}

func newRecordSize(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	t := &recordSize{max: v.Long("max.bytes"), ratio: v.Double("compression.ratio"), min: v.Int("min.field.size")}
	switch {
	case t.max <= 0:
		return nil, configdef.Invalid("max.bytes", v.Raw("max.bytes"), "Must be a positive integer")
	case t.ratio <= 0:
		return nil, configdef.Invalid("compression.ratio", v.Raw("compression.ratio"), "Must be a positive number")
	case t.min < 0:
		return nil, configdef.Invalid("min.field.size", v.Raw("min.field.size"), "Must be non-negative")
	}
	return t, nil
}

// Apply implements connect.Transform.
func (t *recordSize) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	st := r.Value.Struct()
	if st == nil {
		return true, nil
	}
	size := int64(math.Ceil(float64(t.estimate(r)) * t.ratio))
	if size <= t.max {
		return true, nil
	}
	before, after := t.longFields(member(st, "before").Struct()), t.longFields(member(st, "after").Struct())
	total := before + after
	if total == 0 {
		return true, nil
	}
	excess := float64(size - t.max)
	out := copyStruct(a, st)
	t.cut(a, out, "before", before, math.Ceil(float64(before)/float64(total)*excess))
	t.cut(a, out, "after", after, math.Ceil(float64(after)/float64(total)*excess))
	r.Value = data.StructOf(out)
	return true, nil
}

// estimate is the size of a record, with 100 bytes for each header and each
// entry of its source partition and offset.
func (t *recordSize) estimate(r *connect.Record) int64 {
	const entries = 1 + 7
	size := int64(100*(entries+len(r.Headers)) + 8 + len(r.Topic))
	return size + structSize(r.Key.Struct()) + structSize(r.Value.Struct())
}

func structSize(st *data.Struct) int64 {
	if st == nil {
		return 0
	}
	size := int64(56)
	for i, f := range st.Schema().Fields() {
		size += 8 + valueSize(f.Schema, st.At(i))
	}
	return size
}

func valueSize(s *data.Schema, v data.Value) int64 {
	switch s.Type() {
	case data.TypeString, data.TypeBytes:
		if v.IsNull() {
			return 0
		}
		if s.Type() == data.TypeString {
			return 56 + int64(len(v.Raw()))
		}
		return 24 + int64(len(v.Raw()))
	case data.TypeStruct:
		return structSize(v.Struct())
	case data.TypeArray:
		if v.IsNull() {
			return 0
		}
		size := int64(64)
		for _, e := range v.Elems() {
			size += 8 + valueSize(s.ValueSchema(), e)
		}
		return size
	case data.TypeMap:
		if v.IsNull() {
			return 0
		}
		size := int64(88)
		for _, e := range v.Map().Entries {
			size += 16 + valueSize(s.KeySchema(), e.Key) + valueSize(s.ValueSchema(), e.Value)
		}
		return size
	}
	return 24
}

// long reports whether a column may be cut. A Decimal may not.
func (t *recordSize) long(f data.Field, v data.Value) bool {
	text := f.Schema.Type() == data.TypeString || f.Schema.Type() == data.TypeBytes && f.Schema.Logical() == data.LogicalNone
	return text && len(v.Raw()) > t.min
}

// longFields is the size of all columns of a row that may be cut.
func (t *recordSize) longFields(row *data.Struct) int64 {
	if row == nil {
		return 0
	}
	var total int64
	for i, f := range row.Schema().Fields() {
		if v := orDefault(row, i); t.long(f, v) {
			total += int64(len(v.Raw()))
		}
	}
	return total
}

// cut takes its share of the excess from each long column of a row.
func (t *recordSize) cut(a *data.Arena, event *data.Struct, part string, total int64, excess float64) {
	if total == 0 || excess <= 0 {
		return
	}
	row := copyStruct(a, member(event, part).Struct())
	for i, f := range row.Schema().Fields() {
		v := orDefault(row, i)
		if !t.long(f, v) {
			continue
		}
		raw := v.Raw()
		keep := max(0, len(raw)-int(math.Ceil(float64(len(raw))/float64(total)*excess)))
		if f.Schema.Type() == data.TypeBytes {
			row.Set(i, data.Bytes(raw[:keep]))
			continue
		}
		for keep > 0 && keep < len(raw) && !utf8.RuneStart(raw[keep]) { // not within a character
			keep--
		}
		row.Set(i, data.StringBytes(raw[:keep]))
	}
	event.Set(event.Schema().FieldIndex(part), data.StructOf(row))
}
