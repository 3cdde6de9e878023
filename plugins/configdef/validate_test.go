package configdef

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func testDef() *Def {
	return New(
		Key{Name: "host", Type: String},
		Key{Name: "port", Type: Int, Default: Text("3306"), Validate: Between(1, 65535)},
		Key{Name: "small", Type: Short, Default: Text("7")},
		Key{Name: "wait.ms", Type: Long, Default: Text("1500")},
		Key{Name: "ratio", Type: Double, Default: Text("0.5")},
		Key{Name: "on", Type: Boolean, Default: Text("true")},
		Key{Name: "tables", Type: List, NullDefault: true},
		Key{Name: "class", Type: Class, NullDefault: true, Resolve: func(c string) (string, bool) { return "full." + c, c == "Known" }},
		Key{Name: "password", Type: Password, NullDefault: true},
	)
}

func TestParse(t *testing.T) {
	v, err := testDef().Parse(map[string]string{
		"host": " db ", "port": "1", "tables": "a, b", "class": "Known", "password": "x", "extra.a": "1", "extra.b": "2",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{v.String("host"), v.Int("port"), v.Int("small"), v.Long("port"), v.Long("wait.ms"), v.Duration("wait.ms"), v.Double("ratio"),
		v.Bool("on"), v.List("tables"), v.Class("class"), v.Password("password").Reveal()}
	want := []any{"db", 1, 7, int64(1), int64(1500), 1500 * time.Millisecond, 0.5, true, []string{"a", "b"}, "full.Known", "x"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if v.IsNull("host") {
		t.Error("IsNull is wrong")
	}
	if got := v.WithPrefix("extra."); !reflect.DeepEqual(got, map[string]string{"a": "1", "b": "2"}) {
		t.Errorf("WithPrefix gives %v", got)
	}
}

func TestParseGivesFirstError(t *testing.T) {
	tests := []struct {
		props map[string]string
		want  string
	}{
		{map[string]string{"port": "x"}, `Missing required configuration "host" which has no default value.`},
		{map[string]string{"host": "h", "port": "0", "on": "?"}, "Invalid value 0 for configuration port: Value must be at least 1"},
		{map[string]string{"host": "h", "class": "nope"}, "Invalid value nope for configuration class: Class nope could not be found."},
	}
	for _, tt := range tests {
		_, err := testDef().Parse(tt.props)
		var e *Error
		if !errors.As(err, &e) || e.Message != tt.want {
			t.Errorf("%v: %v, want %s", tt.props, err, tt.want)
		}
	}
}

func TestUndeclaredPropertyPanics(t *testing.T) {
	v, err := testDef().Parse(map[string]string{"host": "h"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), `"nope" is not declared`) {
			t.Errorf("recovered %v", r)
		}
	}()
	v.String("nope")
}

func TestNewRefusesBugs(t *testing.T) {
	for name, keys := range map[string][]Key{
		"twice":             {{Name: "a", Type: Int, NullDefault: true}, {Name: "a", Type: Int, NullDefault: true}},
		"bad default":       {{Name: "a", Type: Int, Default: Text("x")}},
		"default not valid": {{Name: "a", Type: Int, Default: Text("0"), Validate: AtLeast(1)}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			New(keys...)
		}()
	}
}

func TestValidateRecommends(t *testing.T) {
	var order []string
	recommend := func(visible bool, valid ...any) func(context.Context, string, *Values) ([]any, bool) {
		return func(_ context.Context, name string, _ *Values) ([]any, bool) {
			order = append(order, name)
			return valid, visible
		}
	}
	d := New(
		Key{Name: "child", Type: String, NullDefault: true, Recommend: recommend(false, "x", "y")},
		Key{Name: "parent", Type: String, NullDefault: true, Dependents: []string{"child", "ghost"}, Recommend: recommend(true, "p")},
	)
	r := d.Validate(t.Context(), nil)
	if !slices.Equal(order, []string{"parent", "child"}) {
		t.Errorf("asked in order %v", order)
	}
	if c := r.Get("child"); c.Visible || len(c.RecommendedValues) != 2 {
		t.Errorf("child: %+v", c)
	}
	if g := r.Get("ghost"); g == nil || g.Visible || !slices.Equal(g.Errors, []string{"ghost is referred in the dependents, but not defined."}) {
		t.Errorf("ghost: %+v", g)
	}
}

func TestValidatorSeesOtherValues(t *testing.T) {
	below := ValidatorFunc("below max", func(name string, value any, values *Values) error {
		if value.(int32) > int32(values.Int("max")) {
			return Invalid(name, value, "must not exceed max")
		}
		return nil
	})
	d := New(Key{Name: "n", Type: Int, Validate: below}, Key{Name: "max", Type: Int, Default: Text("3")})
	if _, err := d.Parse(map[string]string{"n": "4"}); err == nil {
		t.Error("4 was accepted")
	}
	embedded := New(Key{Name: "first", Type: Int, NullDefault: true}).With(d.Embedded("transforms.t.", "Transforms: t", 1)...)
	_, err := embedded.Parse(map[string]string{"transforms.t.n": "9", "transforms.t.max": "8"})
	if errText(err) != "Invalid value 9 for configuration n: must not exceed max" {
		t.Errorf("error %v", err)
	}
	if _, err := embedded.Parse(map[string]string{"transforms.t.n": "8", "transforms.t.max": "8"}); err != nil {
		t.Error(err)
	}
}

func TestEmbed(t *testing.T) {
	child := New(
		Key{Name: "b", Type: Int, NullDefault: true, Importance: Low},
		Key{Name: "a", Type: Int, Importance: High, Dependents: []string{"b"}},
		Key{Name: "g", Type: Int, NullDefault: true, Group: "G"},
	)
	d := New(Key{Name: "x", Type: Int, NullDefault: true}).With(child.Embedded("p.", "P", 3)...)
	var got []string
	for _, k := range d.Keys() {
		got = append(got, k.Name+"|"+k.Group+"|"+strings.Join(k.Dependents, ","))
	}
	if !slices.Equal(got, []string{"x||", "p.a|P|p.b", "p.b|P|", "p.g|P: G|"}) || d.Key("p.g").Order != 5 {
		t.Errorf("got %v, order %d", got, d.Key("p.g").Order)
	}
	r := d.Validate(t.Context(), map[string]string{})
	if e := r.Get("p.a").Errors; !slices.Equal(e, []string{`Missing required configuration "p.a" which has no default value.`}) {
		t.Errorf("errors %v", e)
	}
}
