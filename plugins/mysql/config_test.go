package mysql

import (
	"bytes"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"
)

func example1x() map[string]string {
	return map[string]string{
		"name": "ecommerce", "connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1",
		"database.hostname": "db", "database.port": "3306", "database.user": "u", "database.password": "secret",
		"database.server.id": "123456", "database.server.name": "ecommerce-server", "database.include.list": "ecommerce",
		"database.history.kafka.topic": "dbhistory.ecommerce", "database.history.kafka.bootstrap.servers": "kafka:9092",
		"database.history.producer.security.protocol": "SASL_SSL", "database.history.consumer.sasl.mechanism": "AWS_MSK_IAM",
		"include.schema.changes": "true",
	}
}

func TestParse1xConfig(t *testing.T) {
	var log bytes.Buffer
	c, err := mysqlProduct().parse(example1x(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Generation != 1 || c.Prefix != "ecommerce-server" || c.Events.SchemaNames != "avro" || c.Filters.IncludeDatabases != "ecommerce" {
		t.Errorf("generation %d, prefix %q, schema names %q", c.Generation, c.Prefix, c.Events.SchemaNames)
	}
	if c.Events.Headers {
		t.Error("records have headers, which 1.x does not add")
	}
	wantProducer := map[string]string{"bootstrap.servers": "kafka:9092", "security.protocol": "SASL_SSL", "client.id": "ecommerce-server-schemahistory"}
	if c.History.Topic != "dbhistory.ecommerce" || !reflect.DeepEqual(c.History.Producer, wantProducer) || c.History.Consumer["sasl.mechanism"] != "AWS_MSK_IAM" {
		t.Errorf("history %+v", c.History)
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("a secret was logged")
	}
	if n := strings.Count(log.String(), "new=topic.prefix"); n != 1 {
		t.Errorf("the new name of database.server.name was logged %d times:\n%s", n, &log)
	}
}

// Each prefix is that of one client. Its own properties win over the general ones, and today's names over those of 1.x.
func TestPropertiesOfKafkaClients(t *testing.T) {
	const history, old = "schema.history.internal.", "database.history."
	base := map[string]string{
		"name": "n", "database.hostname": "db", "database.user": "u", "database.server.id": "1", "topic.prefix": "p",
		history + "kafka.topic": "h", history + "kafka.bootstrap.servers": "k:1", "signal.kafka.bootstrap.servers": "s:1",
		"signal.enabled.channels": "kafka",
	}
	for _, tc := range []struct {
		client string // whose properties change; the others' stay
		given  map[string]string
		want   map[string]string
	}{
		{"none", map[string]string{"producer.acks": "1", "consumer.acks": "1", "acks": "1", "signal.acks": "1", history + "acks": "1"}, nil},
		{"producer", map[string]string{history + "producer.security.protocol": "SSL"}, map[string]string{"security.protocol": "SSL"}},
		{"producer", map[string]string{old + "producer.security.protocol": "SSL"}, map[string]string{"security.protocol": "SSL"}},
		{"producer", map[string]string{old + "producer.acks": "1", history + "producer.acks": "all"}, map[string]string{"acks": "all"}},
		{"producer", map[string]string{history + "producer.bootstrap.servers": "own:1", history + "producer.client.id": "me"}, map[string]string{"bootstrap.servers": "own:1", "client.id": "me"}},
		{"consumer", map[string]string{history + "consumer.security.protocol": "SSL"}, map[string]string{"security.protocol": "SSL"}},
		{"consumer", map[string]string{old + "consumer.bootstrap.servers": "own:1"}, map[string]string{"bootstrap.servers": "own:1"}},
		{"signals", map[string]string{"signal.consumer.security.protocol": "SSL"}, map[string]string{"security.protocol": "SSL"}},
		{"signals", map[string]string{"signal.consumer.bootstrap.servers": "own:1"}, map[string]string{"bootstrap.servers": "own:1"}},
	} {
		config := maps.Clone(base)
		maps.Copy(config, tc.given)
		c, err := mysqlProduct().parse(config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("%v: %v", tc.given, err)
		}
		for client, got := range map[string]map[string]string{"producer": c.History.Producer, "consumer": c.History.Consumer, "signals": c.Signals.Consumer} {
			want := map[string]string{"bootstrap.servers": "k:1", "client.id": "p-schemahistory"}
			if client == "signals" {
				want = map[string]string{"bootstrap.servers": "s:1"}
			}
			if client == tc.client {
				maps.Copy(want, tc.want)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%v: the %s has %v, want %v", tc.given, client, got, want)
			}
		}
	}
}

func TestModernNameWins(t *testing.T) {
	config := example1x()
	config["topic.prefix"] = "today"
	c, err := mysqlProduct().parse(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.Prefix != "today" || c.Generation != 3 || c.Events.SchemaNames != "none" {
		t.Errorf("prefix %q, generation %d, schema names %q", c.Prefix, c.Generation, c.Events.SchemaNames)
	}
}

func TestOldValuesAndLists(t *testing.T) {
	for _, tc := range []struct{ key, value, newKey, newValue string }{
		{"snapshot.mode", "schema_only", "snapshot.mode", "no_data"},
		{"snapshot.mode", "schema_only_recovery", "snapshot.mode", "recovery"},
		{"table.whitelist", "a.b", "table.include.list", "a.b"},
		{"table.blacklist", "a.b", "table.exclude.list", "a.b"},
		{"database.blacklist", "a", "database.exclude.list", "a"},
		{"snapshot.new.tables", "parallel", "snapshot.added.tables", "backfill"},
		{"sanitize.field.names", "true", "field.name.adjustment.mode", "avro"},
		{"database.history", "io.debezium.relational.history.FileDatabaseHistory", "schema.history.internal", fileHistoryClass},
		{"database.history.store.only.monitored.tables.ddl", "true", "schema.history.internal.store.only.captured.tables.ddl", "true"},
	} {
		got := modernise(map[string]string{tc.key: tc.value}, slog.New(slog.DiscardHandler))
		if got[tc.newKey] != tc.newValue {
			t.Errorf("%s=%s: %s=%q, want %q", tc.key, tc.value, tc.newKey, got[tc.newKey], tc.newValue)
		}
	}
}

func TestParseConfigErrorsNameTheKey(t *testing.T) {
	for key, value := range map[string]string{
		"database.hostname": "", "database.server.id": "99999999999", "database.history.kafka.topic": "",
		"database.history.kafka.bootstrap.servers": "", "database.history": "com.example.Own", "snapshot.mode": "sometimes",
		"sourceinfo.struct.maker": "com.example.Maker", "transaction.metadata.factory": "com.example.Factory", "snapshot.query.mode": "custom",
		"column.mask.with.x.chars": "a.b.c", "snapshot.select.statement.overrides": "a.b",
	} {
		config := example1x()
		config[key] = value
		_, err := mysqlProduct().parse(config, slog.New(slog.DiscardHandler))
		want := strings.TrimPrefix(currentName(key), "database.history")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s=%q: error %v does not name it", key, value, err)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	got := splitStatements("SET a=1; SET b=';;' ;")
	if want := []string{"SET a=1", "SET b=';'"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpenLineageIsWarnedOfOnce(t *testing.T) {
	var log bytes.Buffer
	config := example1x()
	config["openlineage.integration.enabled"], config["openlineage.integration.job.namespace"] = "true", "jobs"
	if _, err := mysqlProduct().parse(config, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "OpenLineage"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
}

// MySqlConnector 3.6 no longer lists snapshot.mode=never; configurations of older releases have it.
func TestNeverIsStillAMode(t *testing.T) {
	for _, p := range []*product{mysqlProduct(), mariadbProduct()} {
		config := example1x()
		config["snapshot.mode"] = "never"
		c, err := p.parse(config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if mode, err := c.mode(); err != nil || !mode.Stream || mode.Data(false, false) || mode.Schema(false, false) {
			t.Errorf("%s: mode %+v, %v", p.name, mode, err)
		}
	}
}
