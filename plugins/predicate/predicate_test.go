package predicate

import (
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func build(t *testing.T, name string, config map[string]string) (connect.Predicate, error) {
	t.Helper()
	for _, p := range Plugins() {
		if p.Class == "org.apache.kafka.connect.transforms.predicates."+name {
			return p.NewPredicate(config)
		}
	}
	t.Fatalf("no predicate %s", name)
	return nil, nil
}

func TestPredicates(t *testing.T) {
	record := func(topic string, v data.Value, headers ...string) connect.Record {
		r := connect.Record{Topic: topic, Value: v}
		for _, h := range headers {
			r.Headers = append(r.Headers, connect.Header{Key: h})
		}
		return r
	}
	tests := []struct {
		name   string
		config map[string]string
		r      connect.Record
		want   bool
	}{
		{"RecordIsTombstone", nil, record("t", data.Null()), true},
		{"RecordIsTombstone", nil, record("t", data.String("")), false},
		{"HasHeaderKey", map[string]string{"name": "h"}, record("t", data.Null(), "g", "h"), true},
		{"HasHeaderKey", map[string]string{"name": "h"}, record("t", data.Null(), "g"), false},
		{"TopicNameMatches", map[string]string{"pattern": "a.*"}, record("abc", data.Null()), true},
		{"TopicNameMatches", map[string]string{"pattern": "b"}, record("abc", data.Null()), false},
		{"TopicNameMatches", map[string]string{"pattern": "(?!x).*"}, record("abc", data.Null()), true},
	}
	for _, tt := range tests {
		p, err := build(t, tt.name, tt.config)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from what it remembers
			if got, err := p.Test(&tt.r); err != nil || got != tt.want {
				t.Errorf("%s %v on %s: %v, %v", tt.name, tt.config, tt.r.Topic, got, err)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []map[string]string{{}, {"pattern": ""}, {"pattern": "["}} {
		if _, err := build(t, "TopicNameMatches", bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
