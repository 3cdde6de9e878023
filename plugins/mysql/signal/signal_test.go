package signal

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestExecute(t *testing.T) {
	for _, c := range []struct {
		data string
		want Execute
		fail string
	}{
		{`{"data-collections": [" a.b ", "c.d"]}`, Execute{Tables: []string{"a.b", "c.d"}}, ""},
		{`{"data-collections": ["a.b"], "type": "blocking", "surrogate-key": "k", "additional-conditions": [{"data-collection": "a.b", "filter": "x > 1"}]}`,
			Execute{Tables: []string{"a.b"}, Blocking: true, SurrogateKey: "k", Conditions: []Condition{{"a.b", "x > 1"}}}, ""},
		{`{}`, Execute{}, "the field data-collections is missing or empty"},
		{`{"data-collections": [1]}`, Execute{}, "the field data-collections holds 1, which is not a name"},
		{`{"data-collections": ["a.b"], "type": "fast"}`, Execute{}, `the type "fast" is neither incremental nor blocking`},
		{`{"data-collections": ["a.b"], "additional-conditions": [{"filter": "x"}]}`, Execute{}, "the field additional-conditions holds map[filter:x], which has not both a data-collection and a filter"},
	} {
		d, err := ParseDocument(c.data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Execute()
		if c.fail != "" {
			if err == nil || err.Error() != c.fail {
				t.Errorf("%s: got %v, want %s", c.data, err, c.fail)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.data, got, err, c.want)
		}
	}
	if _, err := ParseDocument(`{"a": `); err == nil {
		t.Error("half a document is taken")
	}
}

func TestFileIsReadAndEmptied(t *testing.T) {
	file := filepath.Join(t.TempDir(), "signals")
	lines := `{"id":"1","type":"log","data":{"message":"x"}}` + "\n\nnonsense\n" + `{"id":2,"type":"pause-snapshot","data":null}` + "\n"
	rung := make(chan struct{}, 10)
	r := Start(t.Context(), Config{Channels: []string{File, Source}, PollInterval: time.Millisecond, File: file,
		Ring: func() { rung <- struct{}{} }, Logger: slog.New(slog.DiscardHandler)})
	defer r.Close()
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []Signal
	for len(got) < 2 {
		<-rung
		for s, ok := r.Take(); ok; s, ok = r.Take() {
			got = append(got, s)
		}
	}
	want := []Signal{{ID: "1", Type: "log", Data: `{"message":"x"}`}, {ID: "2", Type: "pause-snapshot"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if text, err := os.ReadFile(file); err != nil || len(text) > 0 {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
