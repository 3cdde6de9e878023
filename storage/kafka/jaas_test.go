package kafka

import (
	"reflect"
	"strings"
	"testing"
)

func TestLoginModules(t *testing.T) {
	for text, want := range map[string]LoginModule{
		`org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="a;b=\"c\" \\ d";`: {
			"org.apache.kafka.common.security.plain.PlainLoginModule", "required",
			map[string]string{"username": "alice", "password": `a;b="c" \ d`}},
		"a.B Required\n  // comment\n x=y-1 /* more */ z='it'\n q = \"\\101\\n\" ;": {
			"a.B", "required", map[string]string{"x": "y-1", "z": "it", "q": "A\n"}},
		"C sufficient useKeyTab=true keyTab=\"/etc/x.keytab\";": {
			"C", "sufficient", map[string]string{"useKeyTab": "true", "keyTab": "/etc/x.keytab"}},
		"// one\rM\r// two\r\noptional / three\r;":     {"M", "optional", map[string]string{}},
		`"a.B" 'required' "x y"="1";`:                  {"a.B", "required", map[string]string{"x y": "1"}},
		`M required a="" b="\7\1012\477" c=x$y_z-1.2;`: {"M", "required", map[string]string{"a": "", "b": "\aA2'7", "c": "x$y_z-1.2"}},
		"M optional;":          {"M", "optional", map[string]string{}},
		"M required a=\"ü😀\";": {"M", "required", map[string]string{"a": "ü😀"}},
	} {
		got, err := ParseLoginModules(text)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s\ngot  %q %v\nwant %q", text, got, err, want)
		}
	}
	if two, err := ParseLoginModules("A required; B required;"); err != nil || len(two) != 2 {
		t.Errorf("two modules: %v %v", two, err)
	}
}

func TestBadLoginModules(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "not specified",
		"  // only a comment":            "not specified",
		"M":                              "control flag",
		"M needed;":                      "control flag",
		"M required":                     "semi-colon",
		"M required a=\"hunter2\"":       "semi-colon",
		"M required username;":           "key 'username'",
		"M required password=;":          "key 'password'",
		"M required password=1hunter2;":  "quotes",
		"M required password=\"hunter2;": "not closed",
		// What follows is a password that lacks its quotes, or holds one.
		`M required password=x hunter2;`:                "an option",
		`M required password="x"hunter2" username="u";`: "an option",
		`M required password=x@hunter2;`:                "an option",
		`M required password=x;hunter2;`:                "control flag",
		`hunter2`:                                       "control flag",
		`M hunter2;`:                                    "control flag",
	} {
		_, err := ParseLoginModules(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q and without the value", text, err, want)
		}
	}
}

func TestLoginFile(t *testing.T) {
	got, err := ParseLoginFile(`
		// of the broker
		KafkaServer { A required x="1"; };
		KafkaClient {
		  B required username="u"
		    password="p";
		};`)
	if err != nil || len(got) != 2 || got["KafkaClient"][0].Options["username"] != "u" {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"X", "X {", "X { A required; }", "X { A required", "{}", "X { A };", "hunter2", `X { A required p="a"; }; hunter2;`,
		`X { A required p="a"hunter2"; };`} {
		if got, err := ParseLoginFile(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s was read as %v, %v", text, got, err)
		}
	}
}

func FuzzLoginModules(f *testing.F) {
	f.Add(`a.B required x="y\"" z=1; /* c */`)
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = ParseLoginModules(s)
		_, _ = ParseLoginFile(s)
	})
}
