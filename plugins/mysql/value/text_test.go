package value

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

// TestRepairUTF8 compares with what Java's UTF-8 decoder makes of random bytes;
// a line holds the bytes and the result.
func TestRepairUTF8(t *testing.T) {
	raw, err := os.ReadFile("testdata/utf8.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for l := range strings.Lines(string(raw)) {
		in, want, _ := strings.Cut(strings.TrimSpace(l), " ")
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if got := hex.EncodeToString(utf8Text(new(data.Arena), b).Raw()); !strings.EqualFold(got, want) {
			t.Errorf("%s gives %s, want %s", in, got, want)
		}
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"latin1", "caf\xE9 \x80\x81", "café €\uFFFD"},
		{"LATIN1", "\xFF", "ÿ"},
		{"ascii", "a\x80b", "a\uFFFDb"},
		{"binary", "\x80\xFF", "\u0080ÿ"},
		{"latin2", "\xB1", "ą"},
		{"cp1251", "\xCF\xF0\xE8\xE2\xE5\xF2", "Привет"},
		{"cp850", "\x82", "é"},
		{"cp852", "\x88", "ł"},
		{"cp866", "\x8F", "П"},
		{"koi8r", "\xF0", "П"},
		{"koi8u", "\xF0", "П"},
		{"greek", "\xE1", "α"},
		{"hebrew", "\xE0", "א"},
		{"latin5", "\xFD", "ı"},
		{"latin7", "\xE0", "ą"},
		{"cp1250", "\x9A", "š"},
		{"cp1256", "\xC8", "ب"},
		{"cp1257", "\xE0", "ą"},
		{"macroman", "\x8E", "é"},
		{"macce", "\x84", "Ą"},
		{"tis620", "\xA1", "ก"},
		{"armscii8", "\xE9", "é"},
		{"keybcs2", "\x88", "ł"},
		{"utf16", "\x00a\x4E\x2D\xD8\x3D\xDE\x00", "a中😀"},
		{"ucs2", "\xFF\xFEa\x00", "a"},
		{"utf16", "\xD8\x3D\x00a\x00", "\uFFFDa\uFFFD"},
		{"utf16le", "a\x00\x2D\x4E", "a中"},
		{"utf32", "\x00\x00\x00a\x00\x01\xF6\x00\x00\x11\x00\x00", "a😀\uFFFD"},
		{"sjis", "\x93\xFA\x96\x7B\x81\x60", "日本〜"},
		{"cp932", "\x93\xFA\x81\x60", "日～"},
		{"ujis", "\xC6\xFC\xA1\xC1", "日〜"},
		{"eucjpms", "\xC6\xFC", "日"},
		{"gbk", "\xD6\xD0", "中"},
		{"gb2312", "\xD6\xD0\xA1\xAA", "中―"},
		{"gb18030", "\x81\x30\x81\x30", "\u0080"},
		{"big5", "\xA4\xA4", "中"},
		{"euckr", "\xB0\xA1", "가"},
		{"utf8mb3", "ü", "ü"},
		{"", "ü\xFF", "ü\uFFFD"},
		{"nosuch", "ü", "ü"},
	} {
		if got := textDecoder(c.charset)(new(data.Arena), []byte(c.in)).Str(); got != c.want {
			t.Errorf("%s %x: %q, want %q", c.charset, c.in, got, c.want)
		}
		if got := textDecoder(c.charset)(new(data.Arena), nil).Str(); got != "" {
			t.Errorf("%s: nothing becomes %q", c.charset, got)
		}
	}
}

// FuzzText checks that any bytes of any charset become valid UTF-8.
func FuzzText(f *testing.F) {
	charsets := []string{"utf8mb4", "latin1", "sjis", "ujis", "gbk", "gb18030", "big5", "euckr", "utf16", "utf32", "utf16le", "gb2312"}
	f.Add(0, []byte("a\xFF"))
	f.Add(8, []byte{0xD8, 0x3D, 0xDE})
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		charset := charsets[uint(which)%uint(len(charsets))]
		if got := textDecoder(charset)(new(data.Arena), b).Str(); !strings.EqualFold(strings.ToValidUTF8(got, "?"), got) {
			t.Errorf("%s %x gives %q", charset, b, got)
		}
	})
}
