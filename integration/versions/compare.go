package versions

import (
	"bytes"
	_ "embed" // the recorded answers
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/java.json
var java []byte

// own are Millrace's answers where Java's are no model.
//
//go:embed testdata/own.json
var own []byte

// better tells why an answer of Java is no model, "" if it is one.
func better(java Answer) string {
	const validation = "PUT /connector-plugins/"
	body := string(java.Body)
	switch {
	case java.Status >= 500:
		return "Java gives up with an exception: here the mistake is the caller's, or an error of its property"
	case strings.Contains(body, "NullPointerException"):
		return "Java overlooks that the worker's header converter is used, and fails; a version beside no class counts for nothing, as with the other converters"
	case strings.Contains(body, "is not a recognizable type"):
		return "the trace of the task names the version that is missing, as the connector's does"
	}
	if strings.HasPrefix(java.Case, validation) {
		for _, alias := range []string{`"transforms.t.type":"Mark"`, `"value.converter":"Text"`} {
			if strings.Contains(java.Case, alias) {
				return "Java shows the properties of the newest version where a plugin is named by its alias"
			}
		}
		// Java prefers, for what has no version, the folder in which the connector lies; all lie in one binary here.
		if strings.Contains(java.Case, `"connector.plugin.version":`) && !strings.Contains(body, `"errors"`) {
			return "in Java the version of a connector decides about that of other plugins, if they lie in its folder"
		}
	}
	return ""
}

// Better keeps those of the answers that are better than Java's.
func Better(answers map[string][]Answer) (map[string][]Answer, error) {
	var of map[string][]Answer
	if err := json.Unmarshal(java, &of); err != nil {
		return nil, err
	}
	out := map[string][]Answer{}
	for phase, all := range of {
		for i, w := range all {
			if why := better(w); why != "" && i < len(answers[phase]) {
				a := answers[phase][i]
				a.Why = why
				out[phase] = append(out[phase], a)
			}
		}
	}
	return out, nil
}

// Write makes a file of answers.
func Write(file string, answers map[string][]Answer) error {
	var b bytes.Buffer
	b.WriteString("{")
	for i, phase := range slices.Sorted(maps.Keys(answers)) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%q: [", phase)
		for j, a := range answers[phase] {
			if j > 0 {
				b.WriteString(",")
			}
			line, err := json.Marshal(a)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n %s", line)
		}
		b.WriteString("\n]")
	}
	b.WriteString("\n}\n")
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// Compare fails the test where answers by phase are neither Java's nor better ones that are known.
func Compare(t testing.TB, got map[string][]Answer) {
	t.Helper()
	var want, known map[string][]Answer
	if err := json.Unmarshal(java, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(own, &known); err != nil {
		t.Fatal(err)
	}
	answers, others := 0, 0
	for phase, all := range want {
		if len(got[phase]) != len(all) {
			t.Fatalf("%s: %d answers, recorded are %d: record anew", phase, len(got[phase]), len(all))
		}
		for i, w := range all {
			answers++
			if better(w) != "" {
				others++
				w = find(t, known[phase], w.Case)
			}
			compare(t, phase, got[phase][i], w)
		}
	}
	t.Logf("%d answers of %d workers are Java's, %d are better", answers-others, len(want), others)
}

// CompareJava fails the test where a Java worker answers otherwise than is recorded.
func CompareJava(t testing.TB, got map[string][]Answer) {
	t.Helper()
	var want map[string][]Answer
	if err := json.Unmarshal(java, &want); err != nil {
		t.Fatal(err)
	}
	for phase, all := range want {
		if len(got[phase]) != len(all) {
			t.Fatalf("%s: %d answers, recorded are %d: record anew", phase, len(got[phase]), len(all))
		}
		for i, w := range all {
			compare(t, phase, got[phase][i], w)
		}
	}
}

func find(t testing.TB, all []Answer, name string) Answer {
	t.Helper()
	i := slices.IndexFunc(all, func(a Answer) bool { return a.Case == name })
	if i < 0 {
		t.Fatalf("no answer of our own is known for %s: run with -own, and read it", name)
	}
	return all[i]
}

func compare(t testing.TB, phase string, got, want Answer) {
	t.Helper()
	if got.Case != want.Case {
		t.Fatalf("%s: the case is %s, recorded is %s: record anew", phase, got.Case, want.Case)
	}
	var g, w any
	if json.Unmarshal(got.Body, &g) != nil || json.Unmarshal(want.Body, &w) != nil {
		t.Fatalf("%s: %s: an answer is no JSON", phase, got.Case)
	}
	if got.Status != want.Status || !reflect.DeepEqual(g, w) {
		t.Errorf("%s: %s\ngot  %d %s\nwant %d %s", phase, got.Case, got.Status, got.Body, want.Status, want.Body)
	}
}
