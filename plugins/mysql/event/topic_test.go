package event_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
)

func TestTopics(t *testing.T) {
	id := func(db, name string) table.ID { return table.ID{Database: db, Name: name} }
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name string
		cfg  event.TopicConfig
		id   table.ID
		want string
	}{
		{"default", event.TopicConfig{}, id("db", "t"), "p.db.t"},
		{"dash stays", event.TopicConfig{Prefix: "ecommerce-server"}, id("ecommerce", "orders"), "ecommerce-server.ecommerce.orders"},
		{"listed default", event.TopicConfig{Strategy: "io.debezium.schema.SchemaTopicNamingStrategy"}, id("db", "t"), "p.db.t"},
		{"delimiter", event.TopicConfig{Delimiter: "_"}, id("db", "t"), "p_db_t"},
		{"invalid", event.TopicConfig{}, id("d b", "tä$😀"), "p.d_b.t____"},
		{"long", event.TopicConfig{}, id("db", long), "p.db." + long[:249-5]},
		{"unicode", event.TopicConfig{Strategy: "io.debezium.schema.DefaultUnicodeTopicNamingStrategy"}, id("d_b", "tä"), "p.d_u005fb.t_u00e4"},
		{"unicode of the table", event.TopicConfig{Strategy: "io.debezium.schema.SchemaUnicodeTopicNamingStrategy"}, id("db", "t"), "p.t"},
		{"regex", event.TopicConfig{Strategy: "io.debezium.schema.DefaultRegexTopicNamingStrategy", Regex: `(.*)shard\d+\.(.*)`, Replacement: "$1all.$2"}, id("shard12", "t"), "p.all.t"},
		{"regex without match", event.TopicConfig{Strategy: "io.debezium.schema.DefaultRegexTopicNamingStrategy", Regex: `x`, Replacement: "y"}, id("db", "t"), "p.db.t"},
	} {
		if c.cfg.Prefix == "" {
			c.cfg.Prefix = "p"
		}
		if c.cfg.Delimiter == "" {
			c.cfg.Delimiter = "."
		}
		topics, err := event.NewTopics(c.cfg)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, err := topics.Table(c.id); got != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestTopicErrors(t *testing.T) {
	regex := "io.debezium.schema.DefaultRegexTopicNamingStrategy"
	for want, cfg := range map[string]event.TopicConfig{
		"topic.naming.strategy":       {Strategy: "com.example.Mine"},
		"topic.regex and topic.repl":  {Strategy: regex},
		"topic.regex: ":               {Strategy: regex, Regex: "(", Replacement: "x"},
		"topic.key.field.replacement": {Strategy: regex, Regex: "x", Replacement: "x", KeyRegex: "x"},
	} {
		if _, err := event.NewTopics(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

func TestOtherTopics(t *testing.T) {
	topics, err := event.NewTopics(event.TopicConfig{Prefix: "p", Delimiter: "-", HeartbeatPrefix: "hb", Transaction: "tx"})
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{topics.SchemaChanges(), topics.Transactions(), topics.Heartbeats()}; strings.Join(got, " ") != "p p-tx hb-p" {
		t.Errorf("topics %v", got)
	}
	named, err := event.NewTopics(event.TopicConfig{HeartbeatName: "beats"})
	if err != nil || named.Heartbeats() != "beats" {
		t.Errorf("heartbeats %q, %v", named.Heartbeats(), err)
	}
}

// TestKeyField checks that tables which share a topic do not share keys.
func TestKeyField(t *testing.T) {
	b, err := event.NewBuilder(event.Config{Topics: event.TopicConfig{
		Strategy: "io.debezium.schema.DefaultRegexTopicNamingStrategy", Prefix: "p", Delimiter: ".",
		Regex: `p\.shard\d\.(.*)`, Replacement: "p.all.$1", KeyUnique: true, KeyField: "origin",
		KeyRegex: `.*shard(\d).*`, KeyReplacement: "shard-$1",
	}, Connector: "mysql"}, &connect.SourcePartition{})
	if err != nil {
		t.Fatal(err)
	}
	tab, row := wideTable()
	tab.ID = table.ID{Database: "shard3", Name: "t"}
	p, err := b.Plan(tab)
	if err != nil {
		t.Fatal(err)
	}
	var batch connect.Batch
	if err := p.Insert(&batch, &event.Source{}, connect.Offset{}, row); err != nil {
		t.Fatal(err)
	}
	r := batch.Records[0]
	if got := toJSON(plain(r.KeySchema, r.Key)); r.Topic != "p.all.t" || got != `{"id":42,"origin":"shard-3"}` {
		t.Errorf("topic %s, key %s", r.Topic, got)
	}
	if r.KeySchema.Name() != "p.all.t.Key" || r.ValueSchema.Name() != "p.all.t.Envelope" {
		t.Errorf("schemas %s, %s", r.KeySchema.Name(), r.ValueSchema.Name())
	}
}
