package configdef

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What Java's ConfigDef.parseType answers, and how convertToString prints it.
func TestParseValue(t *testing.T) {
	tests := []struct {
		typ        Type
		text       string
		want       any
		out, error string
	}{
		{Int, "x", nil, "", "Invalid value x for configuration k: Not a number of type INT"},
		{Int, " 5 ", int32(5), "5", ""},
		{Int, "+5", int32(5), "5", ""},
		{Int, "", nil, "", "Invalid value  for configuration k: Not a number of type INT"},
		{Int, "2147483648", nil, "", "Invalid value 2147483648 for configuration k: Not a number of type INT"},
		{Short, "40000", nil, "", "Invalid value 40000 for configuration k: Not a number of type SHORT"},
		{Short, "-3", int16(-3), "-3", ""},
		{Long, "9223372036854775807", int64(9223372036854775807), "9223372036854775807", ""},
		{Long, "9x", nil, "", "Invalid value 9x for configuration k: Not a number of type LONG"},
		{Double, "1d", 1.0, "1.0", ""},
		{Double, "0x1p3", 8.0, "8.0", ""},
		{Double, ".5", 0.5, "0.5", ""},
		{Double, "12345678", 12345678.0, "1.2345678E7", ""},
		{Double, "0.0001", 0.0001, "1.0E-4", ""},
		{Double, "inf", nil, "", "Invalid value inf for configuration k: Not a number of type DOUBLE"},
		{Double, "1_0", nil, "", "Invalid value 1_0 for configuration k: Not a number of type DOUBLE"},
		{Double, "", nil, "", "Invalid value  for configuration k: Not a number of type DOUBLE"},
		{Boolean, " TRUE ", true, "true", ""},
		{Boolean, "yes", nil, "", "Invalid value yes for configuration k: Expected value to be either true or false"},
		{List, "", []string{}, "", ""},
		{List, " a , b,,c ,", []string{"a", "b", "", "c", ""}, "a,b,,c,", ""},
		{List, "a", []string{"a"}, "a", ""},
		{String, " s\t", "s", "s", ""},
		{Class, " java.lang.String ", "java.lang.String", "java.lang.String", ""},
		{Password, " s ", Secret{"s"}, "[hidden]", ""},
	}
	for _, tt := range tests {
		got, err := ParseValue("k", tt.text, tt.typ)
		if text := errText(err); text != tt.error {
			t.Errorf("%s %q: error %q, want %q", tt.typ, tt.text, text, tt.error)
			continue
		}
		if !reflect.DeepEqual(got, tt.want) || FormatValue(got) != tt.out {
			t.Errorf("%s %q = %#v, as text %q", tt.typ, tt.text, got, FormatValue(got))
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestDoubleBeyondRange(t *testing.T) {
	for text, want := range map[string]string{"1e999": "Infinity", "-1e999": "-Infinity", "-Infinity": "-Infinity", "NaN": "NaN"} {
		v, err := ParseValue("k", text, Double)
		if err != nil || FormatValue(v) != want {
			t.Errorf("%s gives %v, %v", text, FormatValue(v), err)
		}
	}
}

// What Java's validators say.
func TestValidators(t *testing.T) {
	null := any(nil)
	tests := []struct {
		v        Validator
		describe string
		value    any
		want     string
	}{
		{AtLeast(0), "[0,...]", int32(-1), "Invalid value -1 for configuration k: Value must be at least 0"},
		{Between(1, 10), "[1,...,10]", int64(11), "Invalid value 11 for configuration k: Value must be no more than 10"},
		{Between(1, 10), "[1,...,10]", int64(10), ""},
		{AtLeast(0), "[0,...]", null, "Invalid value null for configuration k: Value must be non-null"},
		{AtLeast(0.5), "[0.5,...]", 0.1, "Invalid value 0.1 for configuration k: Value must be at least 0.5"},
		{OneOf("a", "b"), "[a, b]", "c", "Invalid value c for configuration k: String must be one of: a, b"},
		{OneOf("a", "b"), "[a, b]", null, "Invalid value null for configuration k: String must be one of: a, b"},
		{OneOf("a", "b"), "[a, b]", "b", ""},
		{OneOfFold("a", "b"), "(case insensitive) [A, B]", "c", "Invalid value c for configuration k: String must be one of (case insensitive): A, B"},
		{OneOfFold("a", "b"), "(case insensitive) [A, B]", "B", ""},
		{ListOf(true, "a", "b"), "[a, b]", []string{"a", "c"}, "Invalid value c for configuration k: String must be one of: a, b"},
		{ListOf(true, "a", "b"), "[a, b]", []string{}, ""},
		{ListOf(true, "a", "b"), "[a, b]", []string{"a", "a"}, "Configuration 'k' values must not be duplicated."},
		{ListOf(true, "a", "b"), "[a, b]", null, "Configuration 'k' values must not be null."},
		{ListOf(false, "a", "b"), "[a, b]", []string{}, "Configuration 'k' must not be empty. Valid values include: [a, b]"},
		{ListOf(false), "", []string{}, "Configuration 'k' must not be empty. Valid values include: any non-empty value"},
		{ListOf(false), "", []string{"a", ""}, "Configuration 'k' values must not be empty."},
		{ListOf(false), "", []string{"a", "b"}, ""},
		{NonNull(), "non-null string", null, "Invalid value null for configuration k: entry must be non null"},
		{NonEmpty(), "non-empty string", "", "Invalid value  for configuration k: String must be non-empty"},
		{NonEmpty(), "non-empty string", null, ""},
		{NonEmptyPlain(), "non-empty string without ISO control characters", "", "Invalid value  for configuration k: String may not be empty"},
		{NonEmptyPlain(), "non-empty string without ISO control characters", "a\x01b\n",
			"Invalid value a\x01b\n for configuration k: String may not contain control sequences but had the following ASCII chars: 1, 10"},
		{NonEmptyList(), "non-empty list", []string{}, "Invalid value [] for configuration k: Empty list"},
		{All(NonEmpty(), OneOf("x")), "non-empty string, [x]", "y", "Invalid value y for configuration k: String must be one of: x"},
	}
	for _, tt := range tests {
		if got := errText(tt.v.Check("k", tt.value, nil)); got != tt.want {
			t.Errorf("%s on %v: %q, want %q", tt.v, tt.value, got, tt.want)
		}
		if tt.v.String() != tt.describe {
			t.Errorf("described as %q, want %q", tt.v, tt.describe)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	s := NewSecret("geheim")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", s)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), log.String(), asJSON(t, s)} {
		if strings.Contains(shown, "geheim") {
			t.Errorf("the password shows in %s", shown)
		}
	}
	if s.Reveal() != "geheim" {
		t.Error("Reveal does not give the password")
	}
}

func FuzzParseValue(f *testing.F) {
	types := []Type{Boolean, String, Int, Short, Long, Double, List, Class, Password}
	f.Add(uint8(2), "12")
	f.Add(uint8(6), "a, b,")
	f.Add(uint8(5), "0x1p3f")
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		typ := types[int(which)%len(types)]
		v, err := ParseValue("k", text, typ)
		if err != nil || typ == Password {
			return
		}
		again, err := ParseValue("k", FormatValue(v), typ)
		if err != nil || FormatValue(again) != FormatValue(v) {
			t.Errorf("%s %q: %q does not parse to itself: %v", typ, text, FormatValue(v), err)
		}
	})
}

func TestElements(t *testing.T) {
	for list, want := range map[string][]string{"": nil, " , ": nil, "a": {"a"}, " a ,b,, c\n,a": {"a", "b", "c", "a"}} {
		if got := Elements(list); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}
