package debezium

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func swapDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "srids", Type: configdef.String, NullDefault: true, Importance: configdef.Low, Order: 1,
		Width: configdef.WidthMedium, DisplayName: "Geometry SRIDs that should be considered for coordinate swapping",
		Doc: "Spatial reference systems, separated by commas, whose coordinates are swapped. 4326, 3857 and 4269 when not set."})
}

func geometryFormatDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "format", Type: configdef.String, Default: configdef.Text("wkb"), Importance: configdef.Low, Order: 1,
		Width: configdef.WidthMedium, DisplayName: "Target Format", Validate: oneOf("ewkb", "wkb"),
		Doc: "The format that geometries come in: wkb, which becomes EWKB, or ewkb, which becomes WKB."})
}

// geometries changes the well-known binary of every geometry in a value
// (SwapGeometryCoordinates and GeometryFormatTransformer).
type geometries struct {
	closer
	change func(wkb []byte, srid data.Value) ([]byte, error)
}

func newSwap(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	srids := []int64{4326, 3857, 4269}
	if !v.IsNull("srids") {
		srids = nil
		for text := range strings.SplitSeq(v.String("srids"), ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
			if err != nil {
				return nil, invalid("srids", v.String("srids"), "A comma-separated list of integers is expected")
			}
			srids = append(srids, n)
		}
	}
	return &geometries{change: func(wkb []byte, srid data.Value) ([]byte, error) {
		if srid.IsNull() || !slices.Contains(srids, srid.Int()) {
			return wkb, nil
		}
		return swapCoordinates(wkb)
	}}, nil
}

func newGeometryFormat(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	extend := strings.EqualFold(v.String("format"), "wkb")
	return &geometries{change: func(wkb []byte, srid data.Value) ([]byte, error) {
		extended, err := isExtended(wkb)
		switch {
		case err != nil:
			return nil, err
		case extended:
			return withoutSRID(wkb)
		case !extend:
			return wkb, nil
		case srid.IsNull():
			return nil, errors.New("Cannot convert to EWKB when SRID is null")
		}
		return withSRID(wkb, uint32(srid.Int())), nil
	}}, nil
}

// Apply implements connect.Transform.
func (t *geometries) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if r.Value.Struct() == nil {
		return true, nil
	}
	v, err := t.value(a, r.ValueSchema, r.Value)
	if err != nil {
		return false, dataError("geometry in a record of topic %s: %w", r.Topic, err)
	}
	r.Value = v
	return true, nil
}

// value copies what leads to a geometry.
func (t *geometries) value(a *data.Arena, s *data.Schema, v data.Value) (data.Value, error) {
	switch v.Kind() {
	case data.KindStruct:
		return t.structValue(a, s, v.Struct())
	case data.KindArray:
		out := a.Values(len(v.Elems()))
		for i, e := range v.Elems() {
			var err error
			if out[i], err = t.value(a, s.ValueSchema(), e); err != nil {
				return v, err
			}
		}
		return data.Array(out), nil
	case data.KindMap:
		m := &data.Map{Entries: slices.Clone(v.Map().Entries)}
		for i, e := range m.Entries {
			var err error
			if m.Entries[i].Value, err = t.value(a, s.ValueSchema(), e.Value); err != nil {
				return v, err
			}
		}
		return data.MapOf(m), nil
	}
	return v, nil
}

func (t *geometries) structValue(a *data.Arena, s *data.Schema, st *data.Struct) (data.Value, error) {
	out := copyStruct(a, st)
	if s.Name() == "io.debezium.data.geometry.Geometry" {
		at := st.Schema().FieldIndex("wkb")
		if at < 0 || st.At(at).IsNull() {
			return data.StructOf(st), nil
		}
		wkb, err := t.change(st.At(at).Raw(), member(st, "srid"))
		out.Set(at, data.Bytes(wkb))
		return data.StructOf(out), err
	}
	for i, f := range st.Schema().Fields() {
		v, err := t.value(a, f.Schema, orDefault(st, i))
		if err != nil {
			return data.Value{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		out.Set(i, v)
	}
	return data.StructOf(out), nil
}

// Flags in the type of extended well-known binary.
const (
	flagZ    = 0x80000000
	flagM    = 0x40000000
	flagSRID = 0x20000000
)

var errWKB = errors.New("not well-known binary")

// byteOrder is what the first byte of well-known binary says.
func byteOrder(b byte) interface {
	binary.ByteOrder
	binary.AppendByteOrder
} {
	if b == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

func isExtended(wkb []byte) (bool, error) {
	if len(wkb) < 5 {
		return false, errWKB
	}
	return byteOrder(wkb[0]).Uint32(wkb[1:])&flagSRID != 0, nil
}

func withSRID(wkb []byte, srid uint32) []byte {
	order := byteOrder(wkb[0])
	out := order.AppendUint32(wkb[:1:1], order.Uint32(wkb[1:])|flagSRID)
	return append(order.AppendUint32(out, srid), wkb[5:]...)
}

func withoutSRID(wkb []byte) ([]byte, error) {
	if len(wkb) < 9 {
		return nil, errWKB
	}
	order := byteOrder(wkb[0])
	out := order.AppendUint32(wkb[:1:1], order.Uint32(wkb[1:])&^flagSRID)
	return append(out, wkb[9:]...), nil
}

// swapCoordinates exchanges x and y of every point.
func swapCoordinates(wkb []byte) ([]byte, error) {
	w := &wkbWalk{b: slices.Clone(wkb)}
	if err := w.geometry(0); err != nil {
		return nil, fmt.Errorf("Failed to swap EWKB/WKB coordinates: %w", err)
	}
	return w.b[:w.at], nil
}

// wkbWalk goes through a geometry and swaps on its way.
type wkbWalk struct {
	b     []byte
	at    int
	order binary.ByteOrder
}

// maxGeometryDepth bounds collections in collections.
const maxGeometryDepth = 100

func (w *wkbWalk) geometry(depth int) error {
	if w.at+5 > len(w.b) || depth > maxGeometryDepth {
		return errWKB
	}
	w.order = byteOrder(w.b[w.at])
	w.at++
	kind, _ := w.number()
	if kind&flagSRID != 0 {
		if _, err := w.number(); err != nil {
			return err
		}
	}
	ordinates := 2
	for _, flag := range []uint32{flagZ, flagM} {
		if kind&flag != 0 {
			ordinates++
		}
	}
	switch kind & 0xff {
	case 1:
		return w.points(1, ordinates)
	case 2:
		return w.ring(ordinates)
	case 3:
		return w.repeat(func() error { return w.ring(ordinates) })
	case 4, 5, 6, 7:
		order := w.order
		return w.repeat(func() error {
			err := w.geometry(depth + 1)
			w.order = order
			return err
		})
	}
	return fmt.Errorf("Invalid geometry type: %d", kind&0xff)
}

func (w *wkbWalk) number() (uint32, error) {
	if w.at+4 > len(w.b) {
		return 0, errWKB
	}
	w.at += 4
	return w.order.Uint32(w.b[w.at-4:]), nil
}

func (w *wkbWalk) repeat(part func() error) error {
	n, err := w.number()
	for i := uint32(0); err == nil && i < n; i++ {
		err = part()
	}
	return err
}

func (w *wkbWalk) ring(ordinates int) error {
	n, err := w.number()
	if err != nil {
		return err
	}
	return w.points(int(n), ordinates)
}

func (w *wkbWalk) points(n, ordinates int) error {
	if n < 0 || n > (len(w.b)-w.at)/(8*ordinates) {
		return errWKB
	}
	for range n {
		p := w.b[w.at : w.at+16]
		for i := range 8 {
			p[i], p[i+8] = p[i+8], p[i]
		}
		w.at += 8 * ordinates
	}
	return nil
}
