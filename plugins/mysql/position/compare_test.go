package position

import "testing"

func TestAtOrBefore(t *testing.T) {
	gtid := func(set, rest string) string { return `{"gtids":"` + set + `"` + rest + `}` }
	for name, c := range map[string]struct {
		recorded, desired string
		want              bool
	}{
		"fewer transactions":           {gtid(uuidA+":1-5", ""), gtid(uuidA+":1-6", ""), true},
		"more transactions":            {gtid(uuidA+":1-7", ""), gtid(uuidA+":1-6", ""), false},
		"another server":               {gtid(uuidB+":1", ""), gtid(uuidA+":1-6", ""), false},
		"same set":                     {gtid(uuidA+":1-6", ""), gtid(uuidA+":1-6", ""), true},
		"same set, in order":           {gtid(uuidA+":1-6", `,"event":2`), gtid(uuidA+":1-6", `,"event":2`), true},
		"same set, later event":        {gtid(uuidA+":1-6", `,"event":3`), gtid(uuidA+":1-6", `,"event":2`), false},
		"same set, row does not count": {gtid(uuidA+":1-6", `,"event":2,"row":9`), gtid(uuidA+":1-6", `,"event":2`), true},
		"streamed, snapshot wanted":    {gtid(uuidA+":1-6", ""), gtid(uuidA+":1-6", `,"snapshot":true`), false},
		"snapshot, streamed wanted":    {gtid(uuidA+":1-6", `,"snapshot":true`), gtid(uuidA+":1-6", ""), true},
		"before GTIDs":                 {`{"file":"b.000009","pos":4}`, gtid(uuidA+":1-6", ""), true},
		"after GTIDs were switched on": {gtid(uuidA+":1", ""), `{"file":"b.000009","pos":4}`, false},
		"other server, no times":       {`{"server_id":1,"file":"x.2"}`, `{"server_id":2,"file":"b.1"}`, true},
		"other server, later":          {`{"server_id":1,"ts_ms":5}`, `{"server_id":2,"ts_ms":4}`, false},
		"snapshot, no server":          {`{"server_id":1,"file":"b.2","pos":50}`, `{"file":"b.2","pos":40,"snapshot":"INITIAL"}`, false},
		"of the snapshot":              {`{"file":"b.2","pos":40,"snapshot":"INITIAL"}`, `{"server_id":1,"file":"b.2","pos":50}`, true},
		"no server, other files":       {`{"file":"x.3","pos":40}`, `{"server_id":1,"file":"b.2","pos":50}`, true},
		"earlier file":                 {`{"file":"b.000009","pos":40}`, `{"file":"b.000010","pos":4}`, true},
		"later file":                   {`{"file":"b.1000000","pos":4}`, `{"file":"b.999999","pos":4}`, false},
		"earlier position":             {`{"file":"b.1","pos":39}`, `{"file":"b.1","pos":40}`, true},
		"beyond 2 GiB":                 {`{"file":"b.1","pos":3000000000}`, `{"file":"b.1","pos":40}`, false},
		"earlier event":                {`{"file":"b.1","pos":4,"event":1,"row":7}`, `{"file":"b.1","pos":4,"event":2}`, true},
		"later row":                    {`{"file":"b.1","pos":4,"row":7}`, `{"file":"b.1","pos":4,"row":6}`, false},
		"same place":                   {`{"file":"b.1","pos":4,"row":7}`, `{"file":"b.1","pos":4,"row":7}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			cmp, err := NewComparator(MySQL, nil, fromJSON(t, c.desired))
			if err != nil {
				t.Fatal(err)
			}
			got, err := cmp.AtOrBefore(fromJSON(t, c.recorded))
			if err != nil || got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		recorded, desired string
		want              bool
	}{
		"the statement behind it": {`{"gtids":"` + uuidA + `:1-6"}`, `{"gtids":"` + uuidA + `:1-6","event":2}`, true},
		"a statement done":        {`{"gtids":"` + uuidA + `:1-5"}`, `{"gtids":"` + uuidA + `:1-6"}`, false},
		"of the snapshot":         {`{"gtids":"` + uuidA + `:1-6","snapshot":"INITIAL"}`, `{"gtids":"` + uuidA + `:1-6"}`, false},
		"of a source left out":    {`{"gtids":"` + uuidA + `:1-6,` + uuidB + `:1"}`, `{"gtids":"` + uuidA + `:1-6,` + uuidB + `:1-2"}`, false},
		"recorded without GTIDs":  {`{"file":"b.1","pos":4}`, `{"gtids":"` + uuidA + `:1-6"}`, false},
		"read without GTIDs":      {`{"file":"b.1","pos":4}`, `{"file":"b.1","pos":4}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			cmp, err := NewComparator(MySQL, func(s string) bool { return s == uuidA }, fromJSON(t, c.desired))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := cmp.Repeated(fromJSON(t, c.recorded)); err != nil || got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestComparatorFiltersSources(t *testing.T) {
	keep := func(s string) bool { return s == uuidA }
	cmp, err := NewComparator(MySQL, keep, map[string]any{"gtids": uuidA + ":1-6"})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := cmp.AtOrBefore(map[string]any{"gtids": uuidA + ":1-5," + uuidB + ":1-99"}); !ok || err != nil {
		t.Errorf("a source that is filtered out counts: %v, %v", ok, err)
	}
}

func TestComparatorErrors(t *testing.T) {
	if _, err := NewComparator(MySQL, nil, map[string]any{"gtids": "x"}); err == nil {
		t.Error("a malformed desired set is accepted")
	}
	cmp, err := NewComparator(MySQL, nil, map[string]any{"file": "b.1", "pos": 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{{"file": "c.1"}, {"file": "b"}, {"file": "b.x"}, {"file": "b.1", "pos": "x"}, {"gtids": "x"}} {
		if got, err := cmp.AtOrBefore(m); err == nil {
			t.Errorf("%v: got %v without an error", m, got)
		}
	}
}
