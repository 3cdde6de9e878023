package datagen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func datagenDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "topic", Type: configdef.String, Importance: configdef.High, Validate: configdef.NonEmpty(),
			Doc: "The topic to write to."},
		configdef.Key{Name: "fields", Type: configdef.List, Importance: configdef.High, Validate: configdef.ValidatorFunc("NAME:KIND,...", checkFields),
			Default: configdef.Text("id:sequence, name:text, price:decimal, at:timestamp"),
			Doc: "Fields of a row, separated by commas, as NAME:KIND with further words after colons. Kinds are sequence, int:MIN:MAX, float, " +
				"boolean, text:LENGTH, bytes:LENGTH, choice:TEXT:TEXT..., decimal:SCALE and timestamp. A sequence counts the rows of a task from 0; " +
				"timestamps are the present time."},
		configdef.Key{Name: "key.field", Type: configdef.String, NullDefault: true, Importance: configdef.Medium,
			Validate: configdef.ValidatorFunc("one of the fields", checkKey),
			Doc:      "Field that makes up the key of records. Records have no key when not set."},
		throughput(configdef.Text("-1"), "Records per second that each task makes; a negative number means as many as it can."),
		configdef.Key{Name: "records", Type: configdef.Long, Default: configdef.Text("-1"), Importance: configdef.Medium,
			Doc: "Number of records that each task makes before it rests, counted over restarts; a negative number means no end."},
		configdef.Key{Name: "seed", Type: configdef.Long, Default: configdef.Text("0"), Importance: configdef.Low,
			Doc: "Rows of the same seed, task and number are the same, but for timestamps."},
	)
}

func checkFields(name string, v any, _ *configdef.Values) error {
	list, _ := v.([]string)
	if _, err := parseFields(list); err != nil {
		return configdef.Invalid(name, v, err.Error())
	}
	return nil
}

func checkKey(name string, v any, values *configdef.Values) error {
	row, err := parseFields(values.List("fields"))
	if v == nil || err != nil || row.schema.FieldIndex(v.(string)) >= 0 {
		return nil
	}
	return configdef.Invalid(name, v, "it must be one of the fields")
}

const recordNumber = numbered("sequence")

// datagen is the task of DatagenSource. Only Poll touches it after Start.
type datagen struct {
	topic     string
	row       row
	key       int // field that makes the key, or -1
	keySchema *data.Schema
	pace      *pace
	next, end int64  // number of the next record, and of the first that is not made
	seed      uint64 // for this task
	numbers   rand.PCG
	random    *rand.Rand // from numbers
	source    *connect.SourcePartition
}

var _ connect.SourceTask = (*datagen)(nil)

// Start implements connect.SourceTask.
func (t *datagen) Start(ctx context.Context, tc connect.SourceTaskContext, config map[string]string) error {
	v, err := datagenDef().Parse(config)
	if err != nil {
		return err
	}
	if t.row, err = parseFields(v.List("fields")); err != nil {
		return err
	}
	t.key = -1
	if !v.IsNull("key.field") {
		t.key = t.row.schema.FieldIndex(v.String("key.field"))
		t.keySchema = data.NewStruct().Field(v.String("key.field"), t.row.schema.Fields()[t.key].Schema).Build()
	}
	t.topic, t.pace, t.end = v.String("topic"), newPace(v.Long("throughput")), v.Long("records")
	t.seed, t.random = uint64(v.Long("seed"))^uint64(tc.Task())<<32, rand.New(&t.numbers)
	t.source = &connect.SourcePartition{Key: map[string]any{"task": int64(tc.Task())}}
	t.next, err = recordNumber.next(ctx, tc, t.source.Key)
	return err
}

// Poll implements connect.SourceTask.
func (t *datagen) Poll(ctx context.Context, b *connect.Batch) error {
	n := b.MaxRecords
	if t.end >= 0 {
		n = int(min(int64(n), t.end-t.next))
	}
	if n <= 0 {
		<-ctx.Done()
		return nil
	}
	for n = t.pace.take(ctx, n); n > 0; n-- {
		t.add(b)
	}
	return nil
}

func (t *datagen) add(b *connect.Batch) {
	r := b.Add()
	t.numbers.Seed(t.seed, uint64(t.next))
	st := b.Arena.Struct(t.row.schema)
	for i, make := range t.row.make {
		st.Set(i, make(&b.Arena, t.random, t.next))
	}
	r.Topic, r.ValueSchema, r.Value = t.topic, t.row.schema, data.StructOf(st)
	if t.key >= 0 {
		key := b.Arena.Struct(t.keySchema)
		key.Set(0, st.At(t.key))
		r.KeySchema, r.Key = t.keySchema, data.StructOf(key)
	}
	r.Source, r.Offset = t.source, connect.Offset{Base: recordNumber, N: t.next}
	t.next++
}

// Stop implements connect.SourceTask.
func (t *datagen) Stop(context.Context) error { return nil }

// row makes rows up.
type row struct {
	schema *data.Schema
	make   []maker // one for each field
}

// maker makes the value of a field in record n.
type maker func(a *data.Arena, random *rand.Rand, n int64) data.Value

func parseFields(fields []string) (row, error) {
	var r row
	if len(fields) == 0 {
		return r, fmt.Errorf("there must be a field")
	}
	b := data.NewStruct()
	for _, f := range fields {
		name, kind, _ := strings.Cut(f, ":")
		if name == "" {
			return r, fmt.Errorf("field %q has no name", f)
		}
		words := strings.Split(kind, ":")
		schema, make, err := newMaker(words[0], words[1:])
		if err != nil {
			return r, fmt.Errorf("field %s: %w", name, err)
		}
		b.Field(name, schema)
		r.make = append(r.make, make)
	}
	var err error
	r.schema, err = b.TryBuild()
	return r, err
}
