package header

import (
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

func TestConverter(t *testing.T) {
	c := New()
	tests := []struct {
		v    data.Value
		text string
		back data.Kind
	}{
		{data.Int32(0), "0", data.KindInt8}, // a task id is read as the smallest integer
		{data.String("mysql"), "mysql", data.KindString},
		{data.Boolean(true), "true", data.KindBoolean},
		{data.Array([]data.Value{data.Int64(1), data.Int64(300)}), "[1,300]", data.KindArray},
		{data.Bytes([]byte("ab")), "YWI=", data.KindString},
	}
	for _, tt := range tests {
		out, null, err := c.AppendHeader(nil, "t", "k", nil, tt.v)
		if err != nil || null || string(out) != tt.text {
			t.Errorf("%q, %v, %v", out, null, err)
		}
		if _, v, err := c.ParseHeader(nil, "t", "k", out); err != nil || v.Kind() != tt.back {
			t.Errorf("%s came back as %v, %v", out, v.Kind(), err)
		}
	}
	if _, null, err := c.AppendHeader(nil, "t", "k", nil, data.Null()); !null || err != nil {
		t.Errorf("%v, %v", null, err)
	}
	if s, v, err := c.ParseHeader(nil, "t", "k", nil); s != nil || !v.IsNull() || err != nil {
		t.Errorf("%v, %v, %v", s, v, err)
	}
	if s, v, _ := c.ParseHeader(nil, "t", "k", []byte{0xff}); s.Type() != data.TypeBytes || len(v.Raw()) != 1 {
		t.Errorf("%v, %v", s, v)
	}
}
