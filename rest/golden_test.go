package rest

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/herder"
)

var update = flag.Bool("update", false, "write testdata/calls.txt anew")

// golden is what a Java worker has answered (integration/oracle/rest/play.py).
type golden struct {
	Case     string          `json:"case"`
	Status   int             `json:"status"`
	Type     *string         `json:"type"`
	Body     json.RawMessage `json:"body"`
	Location string          `json:"location"`
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	text, err := os.ReadFile("../integration/oracle/rest/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []golden
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) < 100 {
		t.Fatalf("only %d recorded answers", len(out))
	}
	return out
}

// kinds of errors by the status of a recorded answer.
var kinds = map[int]herder.Kind{
	400: herder.BadRequest, 403: herder.Forbidden, 404: herder.NotFound, 409: herder.Exists, 500: herder.BadRequest,
}

// TestGolden replays the requests that were put to a Java worker, on a herder
// that comes to the recorded results, and compares the answers. What the herder
// was asked is compared with testdata/calls.txt.
func TestGolden(t *testing.T) {
	f := &fake{}
	s, _ := start(t, f, nil)
	var calls strings.Builder
	for _, g := range readGolden(t) {
		f.set(g.Status, g.result(), nil)
		var said errorMessage
		if kind, failed := kinds[g.Status]; failed && json.Unmarshal(g.Body, &said) == nil {
			f.set(g.Status, "", &herder.Error{Kind: kind, Message: said.Message})
		}
		got := ask(t, s.Addresses()[0], g.Case)
		g.compare(t, got, s)
		fmt.Fprintf(&calls, "%s\n    %s\n", short(g.Case), short(f.calls()))
	}
	const file = "testdata/calls.txt"
	if *update {
		if err := os.WriteFile(file, []byte(calls.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wanted, got := strings.Split(string(want), "\n"), strings.Split(calls.String(), "\n")
	for i := range max(len(wanted), len(got)) {
		if i >= len(wanted) || i >= len(got) || wanted[i] != got[i] {
			t.Fatalf("the herder was asked otherwise than in %s, line %d; run with -update and look at the difference", file, i+1)
		}
	}
}

// result is what a herder returns for a recorded answer: mostly the same.
func (g golden) result() string {
	if strings.HasPrefix(g.Case, "GET /connectors/") && strings.HasSuffix(g.Case, "/config") {
		return `{"config":` + string(g.Body) + `}`
	}
	return string(g.Body)
}

func short(text string) string {
	if len(text) > 300 {
		return text[:300] + "..."
	}
	return text
}

func (g golden) compare(t *testing.T, got reply, s *Server) {
	t.Helper()
	if g.Status == http.StatusInternalServerError {
		var said errorMessage
		if err := json.Unmarshal([]byte(got.text), &said); err != nil || got.StatusCode != 400 || said.Message == "" || said.Code != 400 {
			t.Errorf("%s: %d %s, want a 400 that says what is wrong (Java fails with 500)", g.Case, got.StatusCode, got.text)
		}
		return
	}
	if got.StatusCode != g.Status {
		t.Errorf("%s: status %d, want %d: %s", g.Case, got.StatusCode, g.Status, got.text)
		return
	}
	types := got.Header["Content-Type"]
	if g.Type == nil && len(types) > 0 || g.Type != nil && (len(types) != 1 || types[0] != *g.Type) {
		t.Errorf("%s: Content-Type %q, want %v", g.Case, types, g.Type)
	}
	if location := strings.TrimPrefix(got.Header.Get("Location"), strings.TrimSuffix(s.Addresses()[0], "/")); location != g.Location {
		t.Errorf("%s: Location %q, want %q", g.Case, location, g.Location)
	}
	if want, have := recorded(t, g.Body), recordedText(got.text); !reflect.DeepEqual(want, have) {
		t.Errorf("%s:\n got %v\nwant %v", g.Case, have, want)
	}
}

// recorded is a body as it was recorded; a text that is not JSON stands under $text.
func recorded(t *testing.T, body json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return sorted(v)
}

func recordedText(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		v = map[string]any{"$text": text}
	}
	return sorted(v)
}

// sorted makes a list of texts a set: Java's lists of names have no order.
func sorted(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	set := map[string]int{}
	for _, item := range list {
		text, isText := item.(string)
		if !isText {
			return v
		}
		set[text]++
	}
	return maps.Clone(set)
}
