package text

import (
	"errors"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func TestConverter(t *testing.T) {
	tests := []struct{ charset, text, bytes string }{
		{"UTF-8", "é😀", "é😀"},
		{"ISO-8859-1", "é1", "\xe91"},
		{"us-ascii", "abc", "abc"},
		{"UTF-16", "é😀", "\xfe\xff\x00\xe9\xd8\x3d\xde\x00"},
		{"UTF-16LE", "é", "\xe9\x00"},
		{"UTF-16BE", "é", "\x00\xe9"},
	}
	for _, tt := range tests {
		c, err := New(tt.charset)
		if err != nil {
			t.Fatal(err)
		}
		got, null, err := c.Append([]byte("x"), "t", nil, nil, data.String(tt.text))
		if err != nil || null || string(got) != "x"+tt.bytes {
			t.Errorf("%s: %q, %v, %v", tt.charset, got, null, err)
		}
		s, v, err := c.Parse(&data.Arena{}, "t", nil, []byte(tt.bytes))
		if err != nil || v.Str() != tt.text || s.Type() != data.TypeString || !s.Optional() {
			t.Errorf("%s: parsed %q, %v", tt.charset, v.Str(), err)
		}
	}
}

func TestWhatAnEncodingCannotSay(t *testing.T) {
	for charset, want := range map[string]string{"ISO-8859-1": "é?", "US-ASCII": "??"} {
		c, err := New(charset)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := c.Append(nil, "t", nil, nil, data.String("é漢")); string(got) != map[string]string{"é?": "\xe9?", "??": "??"}[want] {
			t.Errorf("%s: %q", charset, got)
		}
	}
	for charset, in := range map[string]string{"UTF-8": "a\xff", "US-ASCII": "a\x80", "UTF-16BE": "\x00a\x00"} {
		c, err := New(charset)
		if err != nil {
			t.Fatal(err)
		}
		if _, v, _ := c.Parse(&data.Arena{}, "t", nil, []byte(in)); v.Str() != "a\ufffd" {
			t.Errorf("%s: %q", charset, v.Str())
		}
	}
}

func TestNulls(t *testing.T) {
	c, err := New("UTF-8")
	if err != nil {
		t.Fatal(err)
	}
	if out, null, err := c.Append(nil, "t", nil, c.schema, data.Null()); out != nil || !null || err != nil {
		t.Errorf("%q, %v, %v", out, null, err)
	}
	if _, v, err := c.Parse(&data.Arena{}, "t", nil, nil); !v.IsNull() || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if _, v, err := c.Parse(&data.Arena{}, "t", nil, []byte{}); v.IsNull() || err != nil {
		t.Errorf("empty text is null, %v", err)
	}
}

func TestStructIsJavasText(t *testing.T) {
	s := data.NewStruct().Field("a", data.New(data.TypeInt32).Build()).Field("b", data.New(data.TypeString).Optional().Build()).Build()
	st := data.NewStructValue(s)
	st.Set(0, data.Int32(1))
	c, err := New("UTF-8")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 100)
	got, _, err := c.Append(buf, "t", nil, s, data.StructOf(st))
	if err != nil || string(got) != "Struct{a=1}" {
		t.Errorf("%q, %v", got, err)
	}
	if n := testing.AllocsPerRun(50, func() { c.Append(buf, "t", nil, s, data.StructOf(st)) }); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

func TestPlugins(t *testing.T) {
	for _, p := range Plugins() {
		if p.NewConverter == nil {
			if _, err := p.NewHeaderConverter(nil); err != nil {
				t.Error(err)
			}
			continue
		}
		if _, err := p.NewConverter(map[string]string{"schemas.enable": "false"}, true); err != nil {
			t.Error(err)
		}
		var ce *connect.ConfigError
		if _, err := p.NewConverter(map[string]string{"converter.encoding": "klingon"}, false); !errors.As(err, &ce) {
			t.Errorf("error %v", err)
		}
	}
}
