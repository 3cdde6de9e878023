package datagen

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// taskContext is that of task 3, with one stored offset.
type taskContext struct {
	connect.SourceTaskContext
	offset map[string]any
}

func (c taskContext) Offset(context.Context, map[string]any) (map[string]any, error) {
	return c.offset, nil
}
func (c taskContext) Logger() *slog.Logger  { return slog.New(slog.DiscardHandler) }
func (c taskContext) ConnectorName() string { return "gen" }
func (c taskContext) Task() int             { return 3 }

func newBatch(n int) *connect.Batch { return &connect.Batch{MaxRecords: n, MaxBytes: 1 << 20} }

func startDatagen(t *testing.T, offset map[string]any, config map[string]string) *datagen {
	t.Helper()
	task := &datagen{}
	if err := task.Start(t.Context(), taskContext{offset: offset}, config); err != nil {
		t.Fatal(err)
	}
	return task
}

func rows(t *testing.T, task connect.SourceTask, n int) (rows []string) {
	t.Helper()
	b := newBatch(n)
	if err := task.Poll(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.Records {
		if err := r.ValueSchema.Validate(r.Value); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(data.AppendText(nil, r.ValueSchema, r.Value)))
	}
	return rows
}

const everyKind = "n:sequence, i:int:-5:5, j:int, f:float, b:boolean, t:text:20, y:bytes:0, c:choice:red:green, d:decimal:3"

func TestRowsFollowFromTheirNumbers(t *testing.T) {
	config := map[string]string{"topic": "t", "fields": everyKind, "key.field": "c", "seed": "7"}
	all := rows(t, startDatagen(t, nil, config), 40)
	if len(all) != 40 || !strings.HasPrefix(all[39], "Struct{n=39,") {
		t.Fatal(all)
	}
	later := rows(t, startDatagen(t, map[string]any{"sequence": int64(24)}, config), 15)
	if !slices.Equal(all[25:], later) {
		t.Errorf("got  %q\nwant %q", later, all[25:])
	}
	config["seed"] = "8"
	if slices.Equal(all, rows(t, startDatagen(t, nil, config), 40)) {
		t.Error("the same with another seed")
	}
}

func TestFieldsKeepTheirBounds(t *testing.T) {
	task := startDatagen(t, nil, map[string]string{"topic": "t", "fields": everyKind, "key.field": "c"})
	b := newBatch(2000)
	if err := task.Poll(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	ints, choices := map[int64]int{}, map[string]int{}
	for i, r := range b.Records {
		st := r.Value.Struct()
		ints[st.At(1).Int()]++
		choices[st.At(7).Str()]++
		if f := st.At(3).Float(); f < 0 || f >= 1 || len(st.At(5).Raw()) != 20 || len(st.At(6).Raw()) != 0 {
			t.Fatal(st)
		}
		if r.Topic != "t" || r.Key.Struct().At(0).Str() != st.At(7).Str() || r.Offset.Map()["sequence"] != int64(i) || r.Source.Key["task"] != int64(3) {
			t.Fatalf("%+v", r)
		}
	}
	for i := int64(-5); i <= 5; i++ {
		if ints[i] == 0 {
			t.Errorf("no %d", i)
		}
		delete(ints, i)
	}
	if len(ints) > 0 || choices["red"] == 0 || choices["green"] == 0 || len(choices) != 2 {
		t.Error(ints, choices)
	}
}

func TestDatagenRestsAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := startDatagen(t, map[string]any{"sequence": int64(9)}, map[string]string{"topic": "t", "records": "12"})
		if got := rows(t, task, 100); len(got) != 2 || !strings.HasPrefix(got[1], "Struct{id=11,name=") {
			t.Error(got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b := newBatch(100)
		if err := task.Poll(ctx, b); err != nil || len(b.Records) != 0 || ctx.Err() == nil {
			t.Error(b.Records, err)
		}
	})
}

func TestThroughput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := startDatagen(t, nil, map[string]string{"topic": "t", "throughput": "50"})
		began, n, polls := time.Now(), 0, 0
		for ; n < 500; polls++ {
			n += len(rows(t, task, 100))
		}
		if took := time.Since(began).Round(time.Millisecond); took != 10*time.Second || polls != n {
			t.Errorf("%d in %v, %d polls", n, took, polls)
		}
		time.Sleep(time.Second) // what could not be sent in time follows at once
		if got := rows(t, task, 100); len(got) != 50 {
			t.Error(len(got))
		}
	})
}

func TestNoThroughput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if n := newPace(0).take(ctx, 10); n != 0 || ctx.Err() == nil {
			t.Error(n)
		}
	})
}

func TestMistakesInFields(t *testing.T) {
	for fields, want := range map[string]string{
		"":                   "there must be a field",
		"a:sequence,a:float": "Cannot create field because of field name duplication a",
		"a:nope":             `field a: no such kind: "nope"`,
		"a":                  `field a: no such kind: ""`,
		":float":             `field ":float" has no name`,
		"a:int:5:4":          `field a: "4" must be a whole number from 5 to 9223372036854775807`,
		"a:int:x":            `field a: "x" must be a whole number`,
		"a:text:-1":          `field a: "-1" must be a whole number from 0 to 16777216`,
		"a:decimal:39":       "from 0 to 38",
		"a:float:1":          "field a: too much after float",
		"a:text:1:2":         "field a: too much after text",
		"a:choice":           "field a: choice needs what to choose from",
	} {
		_, err := datagenDef().Parse(map[string]string{"topic": "t", "fields": fields})
		if err == nil || !strings.Contains(err.Error(), "for configuration fields: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", fields, err)
		}
	}
	_, err := datagenDef().Parse(map[string]string{"topic": "t", "key.field": "nope"})
	if err == nil || err.Error() != "Invalid value nope for configuration key.field: it must be one of the fields" {
		t.Error(err)
	}
	err = (&datagen{}).Start(t.Context(), taskContext{offset: map[string]any{"sequence": "x"}}, map[string]string{"topic": "t"})
	if err == nil || !strings.Contains(err.Error(), `"sequence" must be a whole number`) {
		t.Error(err)
	}
}

func TestTaskConfigs(t *testing.T) {
	for _, p := range Plugins() {
		c := p.NewConnector()
		config := map[string]string{"topic": "t"}
		if err := c.Start(t.Context(), nil, config); err != nil {
			t.Fatal(err)
		}
		configs, err := c.TaskConfigs(t.Context(), 2)
		want := map[string]string{"topic": "t"}
		if strings.Contains(p.Class, "Verifiable") {
			want["id"] = "1"
		}
		if err != nil || len(configs) != 2 || !maps.Equal(configs[1], want) {
			t.Error(configs, err)
		}
	}
}

func TestDatagenAllocatesNothing(t *testing.T) {
	task := startDatagen(t, nil, map[string]string{"topic": "t", "fields": everyKind, "key.field": "n"})
	b := newBatch(100)
	if n := testing.AllocsPerRun(50, func() {
		b.Reset()
		if err := task.Poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations in 100 records", n)
	}
}
