package number

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func TestRoundTrip(t *testing.T) {
	tests := []struct {
		typ   data.Type
		v     data.Value
		bytes string
	}{
		{data.TypeBoolean, data.Boolean(true), "\x01"},
		{data.TypeBoolean, data.Boolean(false), "\x00"},
		{data.TypeInt16, data.Int16(-2), "\xff\xfe"},
		{data.TypeInt32, data.Int32(258), "\x00\x00\x01\x02"},
		{data.TypeInt64, data.Int64(-1), strings.Repeat("\xff", 8)},
		{data.TypeFloat32, data.Float32(1.5), "\x3f\xc0\x00\x00"},
		{data.TypeFloat64, data.Float64(-2), "\xc0\x00\x00\x00\x00\x00\x00\x00"},
	}
	for _, tt := range tests {
		c := New(tt.typ)
		out, null, err := c.Append([]byte("x"), "t", nil, nil, tt.v)
		if err != nil || null || string(out) != "x"+tt.bytes {
			t.Errorf("%v: %q, %v, %v", tt.typ, out, null, err)
		}
		s, v, err := c.Parse(nil, "t", nil, []byte(tt.bytes))
		if err != nil || !v.Equal(tt.v) || s.Type() != tt.typ || !s.Optional() {
			t.Errorf("%v: parsed %v, %v", tt.typ, v, err)
		}
	}
}

func TestErrorsAndNulls(t *testing.T) {
	for _, tt := range []struct {
		c    *Converter
		s    *data.Schema
		v    data.Value
		want string
	}{
		{New(data.TypeInt32), nil, data.Int64(1), "Failed to serialize to integer (was class java.lang.Long): "},
		{New(data.TypeFloat64), nil, data.String("1"), "Failed to serialize to double (was class java.lang.String): "},
		{New(data.TypeBoolean), nil, data.Int8(1), "BooleanConverter is not compatible with objects of type class java.lang.Byte"},
		{New(data.TypeBoolean), data.New(data.TypeString).Build(), data.String("true"), "Invalid schema type for BooleanConverter: STRING"},
	} {
		var d *connect.DataError
		if _, _, err := tt.c.Append(nil, "t", nil, tt.s, tt.v); !errors.As(err, &d) || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
	for _, p := range Plugins() {
		if p.NewConverter == nil {
			continue
		}
		c, err := p.NewConverter(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Parse(nil, "t", nil, bytes.Repeat([]byte{9}, 3)); err == nil || !strings.HasPrefix(err.Error(), "Failed to deserialize ") {
			t.Errorf("%s took three bytes: %v", p.Class, err)
		}
		if _, v, err := c.Parse(nil, "t", nil, nil); err != nil || !v.IsNull() {
			t.Errorf("%s: null gives %v, %v", p.Class, v, err)
		}
		if _, null, err := c.Append(nil, "t", nil, nil, data.Null()); err != nil || !null {
			t.Errorf("%s: %v, %v", p.Class, null, err)
		}
	}
	if _, _, err := New(data.TypeBoolean).Parse(nil, "t", nil, []byte{200}); err == nil || !strings.Contains(err.Error(), "Unexpected byte received by BooleanDeserializer: -56") {
		t.Errorf("error %v", err)
	}
}
