package mysql

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// renamed lists properties that Debezium renamed since 1.x, old name first. An
// explicit new name wins over an old one.
var renamed = [...][2]string{
	{"database.server.name", "topic.prefix"},
	{"database.whitelist", "database.include.list"},
	{"database.blacklist", "database.exclude.list"},
	{"table.whitelist", "table.include.list"},
	{"table.blacklist", "table.exclude.list"},
	{"column.whitelist", "column.include.list"},
	{"column.blacklist", "column.exclude.list"},
	{"database.history", "schema.history.internal"},
	{"database.history.store.only.monitored.tables.ddl", "schema.history.internal.store.only.captured.tables.ddl"},
	{"schema.history.internal.store.only.monitored.tables.ddl", "schema.history.internal.store.only.captured.tables.ddl"},
	{"event.deserialization.failure.handling.mode", "event.processing.failure.handling.mode"},
	{"internal.legacy.snapshot.max.threads", "legacy.snapshot.max.threads"},
	{"transaction.topic", "topic.transaction"},
	{"snapshot.new.tables", "snapshot.added.tables"},
}

// renamedPrefixes are groups of properties that moved together.
var renamedPrefixes = [...][2]string{
	{"database.history.", "schema.history.internal."},
}

// renamedValues are values that a property no longer knows, with today's value.
var renamedValues = map[string]map[string]string{
	"snapshot.mode": {
		"schema_only":          "no_data",
		"schema_only_recovery": "recovery",
	},
	"schema.history.internal": {
		"io.debezium.relational.history.KafkaDatabaseHistory":  kafkaHistoryClass,
		"io.debezium.relational.history.FileDatabaseHistory":   fileHistoryClass,
		"io.debezium.relational.history.MemoryDatabaseHistory": memoryHistoryClass,
	},
	"snapshot.added.tables": {"parallel": "backfill"},
}

// The schema history classes of Debezium's storage modules.
const (
	kafkaHistoryClass  = "io.debezium.storage.kafka.history.KafkaSchemaHistory"
	fileHistoryClass   = "io.debezium.storage.file.history.FileSchemaHistory"
	memoryHistoryClass = "io.debezium.relational.history.MemorySchemaHistory"
)

// generation1 tells a configuration written for Debezium 1.x: it names the
// server and has no topic.prefix. Defaults that changed after 1.9 keep their
// 1.9 value in it, unless a key sets them.
func generation1(config map[string]string) bool {
	return config["topic.prefix"] == "" && config["database.server.name"] != ""
}

// generation1Defaults are the defaults of Debezium 1.9 that differ from today's.
var generation1Defaults = map[string]string{
	"schema.name.adjustment.mode": "avro",
	"skipped.operations":          "none",
	"extended.headers.enabled":    "false",
}

// modernise returns a copy of config in today's names and values. Each old name
// in use is reported to log once, with the new one.
func modernise(config map[string]string, log *slog.Logger) map[string]string {
	out := maps.Clone(config)
	if generation1(config) {
		for key, value := range generation1Defaults {
			if _, set := out[key]; !set {
				out[key] = value
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		name := currentName(key)
		if name == key {
			continue
		}
		log.Warn("deprecated property, please use its new name", "property", key, "new", name)
		delete(out, key)
		if _, set := config[name]; !set {
			out[name] = config[key]
		}
	}
	for key, values := range renamedValues {
		if value, ok := values[out[key]]; ok {
			log.Warn("deprecated value, please use the new one", "property", key, "value", out[key], "new", value)
			out[key] = value
		}
	}
	moderniseFlags(out, log)
	return out
}

// moderniseFlags translates switches that became modes.
func moderniseFlags(out map[string]string, log *slog.Logger) {
	const old, mode = "sanitize.field.names", "field.name.adjustment.mode"
	value, set := out[old]
	if !set {
		return
	}
	log.Warn("deprecated property, please use its new name", "property", old, "new", mode)
	delete(out, old)
	if _, given := out[mode]; !given && strings.EqualFold(value, "true") {
		out[mode] = "avro"
	}
}

// currentName is today's name of a property; its own where it was not renamed.
func currentName(key string) string {
	for _, r := range renamed {
		if r[0] == key {
			return r[1]
		}
	}
	for _, r := range renamedPrefixes {
		if rest, ok := strings.CutPrefix(key, r[0]); ok {
			return r[1] + rest
		}
	}
	return key
}
