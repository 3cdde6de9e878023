package main

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/millrace/millrace/integration/peer"
)

const (
	jsonConverter = "org.apache.kafka.connect.json.JsonConverter"
	avroConverter = "io.confluent.connect.avro.AvroConverter"
)

// workload is a table and what a connector makes of it.
type workload struct {
	name   string
	text   string // for the reader of the results
	table  table
	config map[string]string // besides the usual
	topic  string            // how PREFIX.bench.TABLE is called in the end, with %s for the prefix; empty for that itself
	avro   bool              // Avro, which Java has no converter for here
	main   bool              // -rows long
	warmup bool              // for workers and servers to warm up with; its figures do not count
}

const warmupRows = 50_000

func (w workload) rows(o options) int {
	if w.warmup {
		return w.table.rows(min(o.sideRows, warmupRows))
	}
	if w.main {
		return w.table.rows(o.rows)
	}
	return w.table.rows(o.sideRows)
}

// runsOn reports whether a worker can do the workload.
func (w workload) runsOn(kind string) bool { return !w.avro || kind == "millrace" }

func (w workload) topicOf(prefix string) string {
	if w.topic != "" {
		return fmt.Sprintf(w.topic, prefix)
	}
	return prefix + "." + database + "." + w.table.name
}

func warmup() workload { return workload{name: "warmup", table: sysbench("warmup"), warmup: true} }

func mainWorkloads() []workload {
	return []workload{{name: "main", text: "4 columns, JSON", table: sysbench("sbtest"), main: true}}
}

func variantWorkloads() []workload {
	return []workload{
		{
			name: "schemas", text: "4 columns, JSON with schemas", table: sysbench("sbtest_schemas"),
			config: map[string]string{"key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"},
		},
		{
			name: "chain", text: "4 columns, JSON, ExtractNewRecordState and RegexRouter", table: sysbench("sbtest_chain"),
			config: map[string]string{
				"transforms":                   "unwrap,route",
				"transforms.unwrap.type":       "io.debezium.transforms.ExtractNewRecordState",
				"transforms.route.type":        "org.apache.kafka.connect.transforms.RegexRouter",
				"transforms.route.regex":       `(.*)\.bench\.sbtest_chain`,
				"transforms.route.replacement": "$1-routed",
			},
			topic: "%s-routed",
		},
		{
			name: "avro", text: "4 columns, Avro", table: sysbench("sbtest_avro"), avro: true,
			config: map[string]string{
				"key.converter": avroConverter, "value.converter": avroConverter,
			},
		},
	}
}

func tableWorkloads() []workload {
	return []workload{
		{name: "narrow", text: "3 columns, JSON", table: narrow()},
		{name: "wide20", text: "20 columns, JSON", table: wide(20, 2)},
		{name: "wide200", text: "200 columns, JSON", table: wide(200, 20)},
		{name: "json", text: "3 JSON columns, JSON", table: documents()},
		{name: "blob", text: "BLOB of 1,000 bytes, JSON", table: blobs()},
		{name: "decimal", text: "10 DECIMAL columns, JSON", table: decimals()},
	}
}

func names(all []workload) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.name)
	}
	return out
}

// config is a new connector's, for a table.
func (b *bench) config(w workload, prefix, mode string) map[string]string {
	b.serverID++
	all := map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "tasks.max": "1",
		"database.hostname": "127.0.0.1", "database.port": strconv.Itoa(b.mysql.Port),
		"database.user": peer.ConnectorUser, "database.password": peer.ConnectorPassword,
		"database.server.id": strconv.Itoa(b.serverID), "topic.prefix": prefix,
		"database.include.list": database, "table.include.list": database + "." + w.table.name, "snapshot.mode": mode,
		"schema.history.internal.kafka.topic":             prefix + ".history",
		"schema.history.internal.kafka.bootstrap.servers": b.kafka.Bootstrap(),
		"key.converter": jsonConverter, "key.converter.schemas.enable": "false",
		"value.converter": jsonConverter, "value.converter.schemas.enable": "false",
	}
	maps.Copy(all, w.config)
	if w.avro {
		all["key.converter.schema.registry.url"], all["value.converter.schema.registry.url"] = b.registry.URL, b.registry.URL
	}
	return all
}
