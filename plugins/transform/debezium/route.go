package debezium

import (
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func logicalTableDef() *configdef.Def {
	long := func(name, display, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.String, NullDefault: true, Importance: configdef.Low, Width: configdef.WidthLong,
			DisplayName: display, Doc: doc, Order: 1}
	}
	key := func(k configdef.Key, change func(*configdef.Key)) configdef.Key { change(&k); return k }
	return configdef.New(
		key(long("topic.regex", "Topic regex", "A regular expression that matches the topics to reroute, and picks the name of the logical table out of them."),
			func(k *configdef.Key) { k.Validate = required(true) }),
		key(long("topic.replacement", "Topic replacement", "The new topic, with what topic.regex picked out."),
			func(k *configdef.Key) { k.Validate = required(false) }),
		configdef.Key{Name: "key.enforce.uniqueness", Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.Low,
			Width: configdef.WidthShort, DisplayName: "Add source topic name into key", Order: 1,
			Doc: "Adds a field to each key that tells from which table the record comes, so that rows of several tables in one topic keep different keys."},
		key(long("key.field.regex", "Key field regex", "A regular expression that picks the identifier of the table out of the old topic."),
			func(k *configdef.Key) { k.Validate = optionalRegex() }),
		key(long("key.field.name", "Key field name", "Name of the field that is added to keys."),
			func(k *configdef.Key) {
				k.Default, k.NullDefault = configdef.Text("__dbz__physicalTableIdentifier"), false
			}),
		key(long("key.field.replacement", "Key field replacement", "The value of the field that is added to keys, with what key.field.regex picked out."),
			func(k *configdef.Key) { k.Validate = withRegex() }),
		configdef.Key{Name: "schema.name.adjustment.mode", Type: configdef.String, Default: configdef.Text("none"), Importance: configdef.Low,
			Width: configdef.WidthMedium, DisplayName: "Schema Name Adjustment", Order: 1, Validate: oneOf("none", "avro", "avro_unicode"),
			Doc: "How schema names that follow from the new topic are adjusted: none, avro, or avro_unicode."},
		configdef.Key{Name: "logical.table.cache.size", Type: configdef.Int, Default: configdef.Text("16"), Importance: configdef.Low,
			Width: configdef.WidthLong, DisplayName: "Logical table cache size", Order: 1,
			Doc: "Accepted for compatibility: what was worked out for a topic or schema is always kept."},
	)
}

func required(regex bool) configdef.Validator {
	return configdef.ValidatorFunc("non-empty", func(name string, value any, _ *configdef.Values) error {
		s, _ := value.(string)
		if s == "" {
			return invalid(name, value, "A value is required")
		}
		if regex {
			return checkRegex(name, s)
		}
		return nil
	})
}

func optionalRegex() configdef.Validator {
	return configdef.ValidatorFunc("valid regex", func(name string, value any, _ *configdef.Values) error {
		s, _ := value.(string)
		return checkRegex(name, s)
	})
}

func checkRegex(name, pattern string) error {
	if _, err := configdef.CompileRegex(pattern); err != nil {
		return invalid(name, pattern, "A valid regular expression is expected, but "+err.Error())
	}
	return nil
}

func withRegex() configdef.Validator {
	return configdef.ValidatorFunc("set with key.field.regex", func(name string, value any, values *configdef.Values) error {
		if regex, _ := values.Original("key.field.regex"); strings.TrimSpace(regex) != "" && (value == nil || value == "") {
			return invalid(name, value, "key.field.replacement must be non-empty if key.field.regex is set.")
		}
		return nil
	})
}

// logicalTable is ByLogicalTableRouter: the events of several tables go to one
// topic, with schemas named after it and the table in the key.
type logicalTable struct {
	closer
	pc             connect.PluginContext
	topic, key     replacer
	unique         bool
	keyField       string
	names          adjuster
	topics, tables cache[string, string]
	keys           cache[schemaAndTopic, *data.Schema]
	values         cache[schemaAndTopic, *data.Schema]
}

type schemaAndTopic struct {
	schema *data.Schema
	topic  string
}

// replacer replaces the first match in a text that matches as a whole.
type replacer struct {
	regex       *configdef.Regex // nil replaces nothing
	replacement string
}

func (p replacer) replace(s string) (out string, matched bool, err error) {
	if p.regex == nil || !p.regex.Match(s) {
		return s, false, nil
	}
	out, err = p.regex.ReplaceFirst(s, p.replacement)
	if err != nil {
		return "", false, dataError("replacement %s: %w", p.replacement, err)
	}
	return out, true, nil
}

func newLogicalTable(v *configdef.Values, pc connect.PluginContext) (connect.Transform, error) {
	t := &logicalTable{pc: pc, unique: v.Bool("key.enforce.uniqueness"), keyField: v.String("key.field.name"),
		names: newAdjuster(v.String("schema.name.adjustment.mode"), true)}
	var err error
	if t.topic, err = newReplacer(v.String("topic.regex"), v.String("topic.replacement")); err != nil {
		return nil, err
	}
	if regex := v.String("key.field.regex"); regex != "" {
		t.key, err = newReplacer(regex, v.String("key.field.replacement"))
	}
	return t, err
}

func newReplacer(regex, replacement string) (replacer, error) {
	re, err := configdef.CompileRegex(regex)
	return replacer{re, replacement}, err
}

// Apply implements connect.Transform.
func (t *logicalTable) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	old := r.Topic
	topic, err := t.topics.get(old, func() (string, error) {
		topic, matched, err := t.topic.replace(old)
		if matched && topic == "" {
			t.pc.Log().Warn("Routing regex returned an empty topic name, propagating original record", "topic", old)
		}
		if !matched {
			topic = ""
		}
		return topic, err
	})
	if err != nil || topic == "" {
		return err == nil, err
	}
	if !r.Key.IsNull() {
		if err := t.newKey(a, r, old, topic); err != nil {
			return false, err
		}
	} else {
		r.KeySchema = nil
	}
	r.Topic = topic
	if !isEnvelope(r) {
		return true, nil
	}
	return true, t.newValue(a, r, topic)
}

func (t *logicalTable) newKey(a *data.Arena, r *connect.Record, old, topic string) error {
	key := r.Key.Struct()
	if key == nil {
		return dataError("Only Struct objects supported for [Updating schema], found: %s", r.Key.Kind().JavaClass())
	}
	schema, err := t.keys.get(schemaAndTopic{key.Schema(), topic}, func() (*data.Schema, error) {
		b := data.From(key.Schema()).Name(t.names.adjust(topic + ".Key"))
		if t.unique {
			b.Field(t.keyField, data.New(data.TypeString).Build())
		}
		return build(b)
	})
	if err != nil {
		return err
	}
	out := a.Struct(schema)
	copy(out.Fields(), key.Fields())
	if t.unique {
		table, err := t.tables.get(old, func() (string, error) {
			table, _, err := t.key.replace(old)
			return table, err
		})
		if err != nil {
			return err
		}
		out.Set(len(key.Fields()), data.String(table))
	}
	r.KeySchema, r.Key = schema, data.StructOf(out)
	return nil
}

func (t *logicalTable) newValue(a *data.Arena, r *connect.Record, topic string) error {
	old := r.Value.Struct()
	schema, err := t.values.get(schemaAndTopic{old.Schema(), topic}, func() (*data.Schema, error) { return t.envelope(old.Schema(), topic) })
	if err != nil {
		return err
	}
	out := a.Struct(schema)
	for i, f := range schema.Fields() {
		v := orDefault(old, i)
		if row := v.Struct(); row != nil && (f.Name == "before" || f.Name == "after") {
			renamed := a.Struct(f.Schema)
			copy(renamed.Fields(), row.Fields())
			v = data.StructOf(renamed)
		}
		out.Set(i, v)
	}
	r.ValueSchema, r.Value = schema, data.StructOf(out)
	return nil
}

// envelope names the schema of an event, and that of its rows, after the topic.
func (t *logicalTable) envelope(s *data.Schema, topic string) (*data.Schema, error) {
	before := s.Field("before")
	if before == nil {
		return nil, dataError("Unknown field: before")
	}
	row, err := build(data.From(before.Schema).Name(t.names.adjust(topic + ".Value")))
	if err != nil {
		return nil, err
	}
	b := data.Like(s, data.TypeStruct).Name(t.names.adjust(topic + ".Envelope"))
	if s.Optional() {
		b.Optional()
	}
	for _, f := range s.Fields() {
		if f.Name == "before" || f.Name == "after" {
			b.Field(f.Name, row)
			continue
		}
		b.Field(f.Name, f.Schema)
	}
	return build(b)
}
