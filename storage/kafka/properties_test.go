package kafka_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
)

// TestPropertiesAreJavas compares with what java.util.Properties.load made of
// random texts; null stands for its IllegalArgumentException.
func TestPropertiesAreJavas(t *testing.T) {
	f, err := os.Open("testdata/java-properties.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var c [2]json.RawMessage
		var text string
		var want map[string]string
		for _, err := range []error{json.Unmarshal(s.Bytes(), &c), json.Unmarshal(c[0], &text), json.Unmarshal(c[1], &want)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := kafka.ParseProperties(latin1(text))
		if want == nil {
			if err == nil {
				t.Errorf("%q: read as %q, Java refuses it", text, got)
			}
			continue
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: read as %q %v, Java reads %q", text, got, err, want)
		}
	}
	if n < 1000 {
		t.Errorf("only %d cases", n)
	}
}

func latin1(s string) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

func TestPropertiesErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"a=1\nb=\\u12":                      "line 2:",
		"#\n\n a = x\\\n   y\\\n \\uZZZZ\n": "line 3:", // where the logical line begins
		"a=1\r\n\r\nb\\u00=2":               "line 3:",
		"password=hunter2\nsecret\\u1=more": "line 2:",
	} {
		_, err := kafka.ParseProperties([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestLoadProperties(t *testing.T) {
	path := t.TempDir() + "/w.properties"
	if err := os.WriteFile(path, []byte("a = \\u00fc\xfc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := kafka.LoadProperties(path)
	if err != nil || p["a"] != "üü" {
		t.Errorf("%q %v", p, err)
	}
	if _, err := kafka.LoadProperties(path + "x"); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("missing file: %v", err)
	}
}

func TestPrefixes(t *testing.T) {
	p := kafka.Properties{"producer.acks": "1", "producer.": "x", "acks": "all", "a": "b"}
	if got := p.WithPrefix("producer."); len(got) != 1 || got["acks"] != "1" {
		t.Errorf("prefix: %v", got)
	}
	if got := p.With(kafka.Properties{"acks": "0"}); got["acks"] != "0" || got["a"] != "b" || p["acks"] != "all" {
		t.Errorf("merged: %v, original %v", got, p)
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add([]byte("a=b\\\n  c\\u0041\n#x\n:y"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := kafka.ParseProperties(b)
		if err == nil && len(b) > 0 && p == nil {
			t.Error("neither properties nor an error")
		}
	})
}
