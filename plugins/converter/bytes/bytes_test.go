package bytes

import (
	"errors"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func TestConverter(t *testing.T) {
	c := New()
	bytesSchema, text := data.New(data.TypeBytes).Build(), data.New(data.TypeString).Build()
	tests := []struct {
		s         *data.Schema
		v         data.Value
		out, fail string
		null      bool
	}{
		{bytesSchema, data.Bytes([]byte{1, 2}), "\x01\x02", "", false},
		{nil, data.Bytes(nil), "", "", false},
		{nil, data.Null(), "", "", true},
		{text, data.String("x"), "", "Invalid schema type for ByteArrayConverter: STRING", false},
		{nil, data.String("x"), "", "ByteArrayConverter is not compatible with objects of type class java.lang.String", false},
	}
	for _, tt := range tests {
		out, null, err := c.Append(nil, "t", nil, tt.s, tt.v)
		if tt.fail != "" {
			var d *connect.DataError
			if !errors.As(err, &d) || err.Error() != tt.fail {
				t.Errorf("error %v, want %s", err, tt.fail)
			}
			continue
		}
		if err != nil || null != tt.null || string(out) != tt.out {
			t.Errorf("%q, %v, %v", out, null, err)
		}
	}
	s, v, err := c.Parse(nil, "t", nil, []byte{7})
	if err != nil || s.Type() != data.TypeBytes || !s.Optional() || string(v.Raw()) != "\x07" {
		t.Errorf("%v, %v", v.Raw(), err)
	}
	if _, v, _ := c.Parse(nil, "t", nil, nil); !v.IsNull() {
		t.Error("null came back as bytes")
	}
}

func TestDebeziumDelegates(t *testing.T) {
	var made int
	for _, p := range Plugins() {
		if p.NewConverter == nil || p.Version != "3.6.1.Final" {
			continue
		}
		made++
		c, err := p.NewConverter(map[string]string{
			"delegate.converter.type":                "org.apache.kafka.connect.json.JsonConverter",
			"delegate.converter.type.schemas.enable": "false",
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, err := c.Append(nil, "t", nil, nil, data.Bytes([]byte("raw"))); err != nil || string(out) != "raw" {
			t.Errorf("%s: %q, %v", p.Class, out, err)
		}
		if out, _, err := c.Append(nil, "t", nil, data.New(data.TypeString).Build(), data.String("x")); err != nil || string(out) != `"x"` {
			t.Errorf("%s: %q, %v", p.Class, out, err)
		}
		if _, err := p.NewConverter(map[string]string{"delegate.converter.type": "nope"}, false); err == nil {
			t.Errorf("%s: an unknown delegate was accepted", p.Class)
		}
	}
	if made != 2 {
		t.Errorf("%d classes of Debezium", made)
	}
}
