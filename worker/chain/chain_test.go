package chain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/registry"
)

// mark appends its letter to the topic; the letter "x" drops, "!" fails. As a
// sink transform it appends the offset too when its letter is "o".
type mark struct {
	letter string
	closed *int
}

func (m mark) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	switch m.letter {
	case "x":
		return false, nil
	case "!":
		return false, errors.New("mark failed")
	}
	r.Topic += m.letter
	return true, nil
}

func (m mark) Close() error {
	*m.closed++
	return nil
}

type offsetMark struct{ mark }

func (m offsetMark) ApplySink(_ *data.Arena, r *connect.SinkRecord) (bool, error) {
	r.Topic += fmt.Sprint(r.KafkaOffset)
	return true, nil
}

// starts holds for topics with a prefix; the prefix "!" fails.
type starts string

func (s starts) Test(r *connect.Record) (bool, error) {
	if s == "!" {
		return false, errors.New("predicate failed")
	}
	return strings.HasPrefix(r.Topic, string(s)), nil
}

func (starts) Close() error { return nil }

func testRegistry(t *testing.T, closed *int) *registry.Registry {
	t.Helper()
	reg, err := registry.New(
		connect.Plugin{Class: "t.Mark", Kind: connect.KindTransformation, Def: configdef.New(),
			NewTransform: func(c map[string]string, _ connect.PluginContext) (connect.Transform, error) {
				switch c["letter"] {
				case "":
					return nil, errors.New("letter: is missing")
				case "o":
					return offsetMark{mark{"o", closed}}, nil
				}
				return mark{c["letter"], closed}, nil
			}},
		connect.Plugin{Class: "t.Starts", Kind: connect.KindPredicate, Def: configdef.New(),
			NewPredicate: func(c map[string]string) (connect.Predicate, error) { return starts(c["with"]), nil }},
	)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// config is a connector configuration of "key=value" lines.
func config(lines ...string) map[string]string {
	out := map[string]string{}
	for _, l := range lines {
		k, v, _ := strings.Cut(l, "=")
		out[k] = v
	}
	return out
}

func TestChain(t *testing.T) {
	marks := func(letters ...string) []string {
		var aliases, lines []string
		for i, l := range letters {
			alias := fmt.Sprintf("m%d", i)
			aliases = append(aliases, alias)
			lines = append(lines, "transforms."+alias+".type=t.Mark", "transforms."+alias+".letter="+l)
		}
		return append(lines, "transforms="+strings.Join(aliases, ", "))
	}
	for name, c := range map[string]struct {
		config    []string
		want      string // topic, "-" for dropped, or part of the error
		wantClass string
	}{
		"none":          {nil, "a", ""},
		"order":         {marks("b", "c"), "abc", ""},
		"drop":          {marks("b", "x", "!"), "-", ""},
		"failure":       {marks("b", "!"), "mark failed", "t.Mark"},
		"sink":          {marks("b", "o"), "ab7", ""},
		"predicate":     {append(marks("b", "c"), "transforms.m1.predicate=p", "predicates=p", "predicates.p.type=t.Starts", "predicates.p.with=ab"), "abc", ""},
		"predicate not": {append(marks("b", "c"), "transforms.m1.predicate=p", "predicates=p", "predicates.p.type=t.Starts", "predicates.p.with=z"), "ab", ""},
		"negated":       {append(marks("b", "c"), "transforms.m1.predicate=p", "transforms.m1.negate=true", "predicates=p", "predicates.p.type=t.Starts", "predicates.p.with=ab"), "ab", ""},
		"bad predicate": {append(marks("b"), "transforms.m0.predicate=p", "predicates=p", "predicates.p.type=t.Starts", "predicates.p.with=!"), "predicate failed", "t.Mark"},
	} {
		t.Run(name, func(t *testing.T) {
			closed := 0
			chain, err := New(config(c.config...), testRegistry(t, &closed), nil)
			if err != nil {
				t.Fatal(err)
			}
			if chain.Empty() != (c.config == nil) {
				t.Error("Empty is wrong")
			}
			r := connect.SinkRecord{Record: connect.Record{Topic: "a"}, KafkaOffset: 7}
			keep, err := chain.ApplySink(&data.Arena{}, &r)
			check(t, c.want, c.wantClass, r.Topic, keep, err)
			if name != "sink" {
				r := connect.Record{Topic: "a"}
				keep, err := chain.Apply(&data.Arena{}, &r)
				check(t, c.want, c.wantClass, r.Topic, keep, err)
			}
			if err := chain.Close(); err != nil || closed != len(chain.stages) {
				t.Errorf("closed %d of %d, %v", closed, len(chain.stages), err)
			}
		})
	}
}

func check(t *testing.T, want, wantClass, topic string, keep bool, err error) {
	t.Helper()
	got := topic
	var where *Error
	switch {
	case errors.As(err, &where):
		got = where.Error()
		if where.Class != wantClass {
			t.Errorf("class %s, want %s", where.Class, wantClass)
		}
	case err != nil:
		t.Fatal(err)
	case !keep:
		got = "-"
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestAgainGoesOnWhereItFailed lets the second of three transforms fail twice.
func TestAgainGoesOnWhereItFailed(t *testing.T) {
	failures := 2
	reg, err := registry.New(connect.Plugin{Class: "t.Flaky", Kind: connect.KindTransformation, Def: configdef.New(),
		NewTransform: func(c map[string]string, _ connect.PluginContext) (connect.Transform, error) {
			return flaky{c["letter"], &failures}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := New(config("transforms=a,b,c", "transforms.a.type=t.Flaky", "transforms.a.letter=a",
		"transforms.b.type=t.Flaky", "transforms.b.letter=b", "transforms.c.type=t.Flaky", "transforms.c.letter=c"), reg, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &connect.Record{}
	keep, err := chain.Apply(&data.Arena{}, r)
	for err != nil {
		keep, err = chain.Again(&data.Arena{}, r)
	}
	if !keep || r.Topic != "abc" || failures != 0 {
		t.Errorf("topic %s, %d failures left", r.Topic, failures)
	}
}

// flaky appends its letter; "b" fails first.
type flaky struct {
	letter   string
	failures *int
}

func (f flaky) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	if f.letter == "b" && *f.failures > 0 {
		*f.failures--
		return false, errors.New("not yet")
	}
	r.Topic += f.letter
	return true, nil
}

func (flaky) Close() error { return nil }

func TestBadConfigurations(t *testing.T) {
	closed := 0
	for want, lines := range map[string][]string{
		"transforms.a.type: ":    {"transforms=a", "transforms.a.type=no.such.Class"},
		"transforms.a.*: letter": {"transforms=a", "transforms.a.type=t.Mark"},
		"predicates.p.type: ":    {"transforms=a", "transforms.a.type=t.Mark", "transforms.a.letter=x", "transforms.a.predicate=p"},
		"letter: is missing":     {"transforms=a,b", "transforms.a.type=t.Mark", "transforms.a.letter=x", "transforms.b.type=t.Mark"},
		"predicates.q.type: ":    {"transforms=a", "transforms.a.type=t.Mark", "transforms.a.letter=x", "transforms.a.predicate=q", "predicates=q", "predicates.q.type=t.Mark"},
	} {
		if _, err := New(config(lines...), testRegistry(t, &closed), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", lines, err, want)
		}
	}
	if closed != 3 { // what was made before the fault
		t.Errorf("%d transforms were closed", closed)
	}
}
