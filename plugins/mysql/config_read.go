package mysql

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
)

// parse reads a connector configuration, which may use the names of any
// Debezium release since 1.0. The error names every property that is wrong.
func (p *product) parse(config map[string]string, log *slog.Logger) (*Config, error) {
	current := modernise(config, log)
	result := p.validate(current)
	var problems []string
	for _, v := range result.Values {
		problems = append(problems, v.Errors...)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("invalid connector configuration: %s", strings.Join(problems, "; "))
	}
	r := &reader{settings: p.newSettings(current)}
	c := &Config{
		Name:         current["name"],
		Prefix:       r.text("topic.prefix"),
		Connector:    p.name,
		Version:      p.version,
		Generation:   3,
		MaxBatchSize: r.number("max.batch.size"), Queue: r.number("max.queue.size"), QueueBytes: r.number("max.queue.size.in.bytes"), MaxRetries: r.number("errors.max.retries"), RetryWait: r.millis("retriable.restart.connector.wait.ms"),
		Server:   r.server(),
		Filters:  r.filters(),
		Snapshot: r.snapshot(),
		Stream:   r.stream(),
		Events:   r.events(),
		History:  r.history(),
	}
	c.Guardrail = GuardrailConfig{Max: r.number("guardrail.collections.max"), Fail: r.mode("guardrail.collections.limit.action") == "fail"}
	r.javaClasses()
	r.lineage(log)
	c.Signals, c.Processors = r.signals(c.Prefix), r.processors()
	if p.comments {
		c.Events.SchemaComments = c.Events.SchemaChanges
	}
	c.Server.SSLMode = p.sslMode(c.Server.SSLMode)
	if generation1(config) {
		c.Generation = 1
	}
	if r.err != nil {
		return nil, fmt.Errorf("invalid connector configuration: %w", r.err)
	}
	return c, nil
}

// javaClasses refuses what names a Java class other than the default, and modes
// that need one.
func (r *reader) javaClasses() {
	for _, key := range []string{"sourceinfo.struct.maker", "transaction.metadata.factory"} {
		if class := r.text(key); class != r.defaults[key] {
			r.fail(key, class, "available: the only one is "+r.defaults[key])
		}
	}
	if r.mode("snapshot.query.mode") == "custom" {
		r.fail("snapshot.query.mode", "custom", "available: it names a Java class; use snapshot.select.statement.overrides")
	}
}

// lineage says once that no lineage is reported.
func (r *reader) lineage(log *slog.Logger) {
	const prefix = "openlineage.integration."
	if len(r.prefixed(prefix)) > 0 {
		log.Warn("lineage is not reported to OpenLineage: the properties that begin with " + prefix + " have no effect")
	}
}

// reader reads typed values; the first property that has none stays in err.
type reader struct {
	settings
	err error
}

func (r *reader) fail(key, value, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %q is not %s", key, value, want)
	}
}

func (r *reader) text(key string) string {
	v, _ := r.lookup(key)
	return strings.TrimSpace(v)
}

// or is text with a default for properties that Debezium does not list.
func (r *reader) or(key, fallback string) string {
	if v := r.text(key); v != "" {
		return v
	}
	return fallback
}

func (r *reader) mode(key string) string { return strings.ToLower(r.text(key)) }

func (r *reader) flag(key string) bool { return strings.EqualFold(r.text(key), "true") }

func (r *reader) number(key string) int {
	v := r.text(key)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		r.fail(key, v, "an integer")
	}
	return n
}

func (r *reader) millis(key string) time.Duration {
	return time.Duration(r.number(key)) * time.Millisecond
}

func (r *reader) list(key string) []string { return configdef.Elements(r.text(key)) }

// prefixed collects the properties below a prefix, without it.
func (r *reader) prefixed(prefix string) map[string]string {
	out := map[string]string{}
	for key, value := range r.given {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
		}
	}
	return out
}

func (r *reader) server() ServerConfig {
	if r.number("database.query.timeout.ms") < 0 {
		r.fail("database.query.timeout.ms", r.text("database.query.timeout.ms"), "a number of milliseconds, 0 for no limit")
	}
	id := r.text("database.server.id")
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		r.fail("database.server.id", id, "a number from 1 to 4294967295, as a replica's server id must be")
	}
	zone := r.or("database.connectionTimeZone", r.or("database.serverTimezone", r.or("driver.connectionTimeZone", "")))
	return ServerConfig{
		Host: r.text("database.hostname"), Port: r.number("database.port"),
		User: r.text("database.user"), Password: r.given["database.password"],
		ServerID:          uint32(n),
		ConnectTimeout:    r.millis("connect.timeout.ms"),
		QueryTimeout:      r.millis("database.query.timeout.ms"),
		ValidationTimeout: r.millis("connection.validation.timeout.ms"),
		KeepAlive:         r.flag("connect.keep.alive"), KeepAliveInterval: r.millis("connect.keep.alive.interval.ms"),
		SSLMode:  r.mode("database.ssl.mode"),
		KeyStore: r.text("database.ssl.keystore"), KeyStorePassword: r.given["database.ssl.keystore.password"],
		TrustStore: r.text("database.ssl.truststore"), TrustStorePassword: r.given["database.ssl.truststore.password"],
		NoPublicKey: strings.EqualFold(r.or("driver.allowPublicKeyRetrieval", r.or("database.allowPublicKeyRetrieval", "true")), "false"),
		IAM:         r.iam(), IAMRegion: r.or("database.iam.region", ""), IAMProfile: r.or("database.iam.profile", ""), IAMRole: r.or("database.iam.role.arn", ""),
		InitialStatements:  splitStatements(r.text("database.initial.statements")),
		TimeZone:           zone,
		BinlogReadTimeout:  time.Duration(r.number("binlog.net.read.timeout")) * time.Second,
		BinlogWriteTimeout: time.Duration(r.number("binlog.net.write.timeout")) * time.Second,
	}
}

// iam reads database.iam.auth.
func (r *reader) iam() bool {
	text := strings.ToLower(r.or("database.iam.auth", "false"))
	if text != "true" && text != "false" {
		r.fail("database.iam.auth", text, "true or false")
	}
	return text == "true"
}

// splitStatements splits at single semicolons; ";;" stands for one in the text.
func splitStatements(text string) []string {
	const escaped = "\x00"
	var out []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, ";;", escaped), ";") {
		if part = strings.TrimSpace(strings.ReplaceAll(part, escaped, ";")); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (r *reader) filters() FilterConfig {
	return FilterConfig{
		IncludeDatabases: r.text("database.include.list"), ExcludeDatabases: r.text("database.exclude.list"),
		IncludeTables: r.text("table.include.list"), ExcludeTables: r.text("table.exclude.list"),
		IncludeColumns: r.text("column.include.list"), ExcludeColumns: r.text("column.exclude.list"),
		IgnoreBuiltin: r.flag("table.ignore.builtin"), SignalTables: r.list("signal.data.collection"),
	}
}

func (r *reader) snapshot() SnapshotConfig {
	s := SnapshotConfig{
		Mode: r.mode("snapshot.mode"), LockingMode: r.mode("snapshot.locking.mode"), LockTimeout: r.millis("snapshot.lock.timeout.ms"),
		IncludeTables: r.text("snapshot.include.collection.list"), Overrides: map[string]string{}, Delay: r.millis("snapshot.delay.ms"),
		OrderByRowCount: r.mode("snapshot.tables.order.by.row.count"), Threads: r.number("snapshot.max.threads"),
		PieceRows:   r.number("snapshot.chunk.rows"),
		WholeTables: r.flag("legacy.snapshot.max.threads") || r.flag("internal.legacy.snapshot.max.threads"),
		ConfigurationBased: ConfigurationBased{
			SnapshotData:   r.flag("snapshot.mode.configuration.based.snapshot.data"),
			SnapshotSchema: r.flag("snapshot.mode.configuration.based.snapshot.schema"),
			StartStream:    r.flag("snapshot.mode.configuration.based.start.stream"),
			OnSchemaError:  r.flag("snapshot.mode.configuration.based.snapshot.on.schema.error"),
			OnDataError:    r.flag("snapshot.mode.configuration.based.snapshot.on.data.error"),
		},
	}
	const overrides = "snapshot.select.statement.overrides"
	for _, table := range r.list(overrides) {
		if s.Overrides[table] = r.text(overrides + "." + table); s.Overrides[table] == "" {
			r.fail(overrides+"."+table, "", "a SELECT statement, though "+overrides+" names the table")
		}
	}
	return s
}

func (r *reader) stream() StreamConfig {
	fill := strings.ToLower(r.or("row.image.fill", "none"))
	if fill != "none" && fill != "select" {
		r.fail("row.image.fill", fill, "none or select")
	}
	return StreamConfig{
		FillRows: fill == "select", NewChannelsLatest: r.mode("gtid.new.channel.position") == "latest",
		Delay:        r.millis("streaming.delay.ms"),
		GTIDIncludes: r.list("gtid.source.includes"), GTIDExcludes: r.list("gtid.source.excludes"),
		GTIDFilterDML: r.flag("gtid.source.filter.dml.events"), IgnoreGTID: r.flag("gtid.ignore.on.recovery"),
		FailureHandling: r.mode("event.processing.failure.handling.mode"), InconsistentSchema: r.mode("inconsistent.schema.handling.mode"),
		PositionCheck: r.flag("internal.log.position.check.enable"), IncludeQuery: r.flag("include.query"),
		HeartbeatInterval: r.millis("heartbeat.interval.ms"), HeartbeatQuery: r.text("heartbeat.action.query"),
	}
}

func (r *reader) events() EventsConfig {
	return EventsConfig{
		DecimalMode: r.mode("decimal.handling.mode"), TimeMode: r.mode("time.precision.mode"),
		UnsignedMode: r.mode("bigint.unsigned.handling.mode"), BinaryMode: strings.ToLower(r.or("binary.handling.mode", "bytes")),
		TimeAdjuster: r.flag("enable.time.adjuster"), UnavailablePlaceholder: r.or("unavailable.value.placeholder", "__debezium_unavailable_value"),
		SchemaNames: r.mode("schema.name.adjustment.mode"), FieldNames: strings.ToLower(r.or("field.name.adjustment.mode", "none")),
		TopicNaming: r.text("topic.naming.strategy"), TopicDelimiter: r.or("topic.delimiter", "."),
		TopicHeartbeatPrefix: r.or("topic.heartbeat.prefix", r.text("heartbeat.topics.prefix")), TopicTransaction: r.or("topic.transaction", "transaction"),
		TopicHeartbeat: r.text("topic.heartbeat.name"), TopicRegex: r.text("topic.regex"), TopicReplacement: r.text("topic.replacement"),
		TopicKeyUnique: !strings.EqualFold(r.text("topic.key.enforce.uniqueness"), "false"),
		TopicKeyField:  r.or("topic.key.field.name", "__dbz__physicalTableIdentifier"),
		TopicKeyRegex:  r.text("topic.key.field.regex"), TopicKeyReplacement: r.text("topic.key.field.replacement"),
		Converters: r.converters(),
		Tombstones: r.flag("tombstones.on.delete"), SchemaChanges: r.flag("include.schema.changes"), SchemaComments: r.flag("include.schema.comments"),
		Transactions: r.flag("provide.transaction.metadata"), Headers: r.flag("extended.headers.enabled"),
		Skipped: r.text("skipped.operations"), KeyColumns: r.text("message.key.columns"),
		PropagateColumns: r.text("column.propagate.source.type"), PropagateTypes: r.text("datatype.propagate.source.type"),
		ColumnRules:            r.columnRules(),
		EventConversionFailure: strings.ToLower(r.or("event.converting.failure.handling.mode", "warn")),
	}
}

// converters reads the property converters and those that begin with its names.
func (r *reader) converters() []ConverterConfig {
	var out []ConverterConfig
	for _, name := range r.list("converters") {
		props := r.prefixed(name + ".")
		if props["type"] == "" {
			r.fail(name+".type", "", "the class of a converter")
		}
		out = append(out, ConverterConfig{Name: name, Class: props["type"], Props: props})
	}
	return out
}

// columnRules reads column.truncate.to.N.chars, column.mask.with.N.chars and
// column.mask.hash[.v2].ALGORITHM.with.salt.SALT, whose names carry values.
func (r *reader) columnRules() []ColumnRule {
	var rules []ColumnRule
	for key, columns := range r.given {
		rest, ok := strings.CutPrefix(key, "column.")
		if !ok {
			continue
		}
		if rule, ok := r.columnRule(key, rest); ok {
			rule.Columns = columns
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, func(a, b ColumnRule) int { return strings.Compare(a.Kind+a.Columns, b.Kind+b.Columns) })
	return rules
}

func (r *reader) columnRule(key, rest string) (ColumnRule, bool) {
	length := func(prefix, kind string) (ColumnRule, bool) {
		digits := strings.TrimSuffix(strings.TrimPrefix(rest, prefix), ".chars")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 {
			r.fail(key, digits, "a number of characters")
		}
		return ColumnRule{Kind: kind, Length: n}, true
	}
	hash := func(prefix, kind string) (ColumnRule, bool) {
		algorithm, salt, ok := strings.Cut(strings.TrimPrefix(rest, prefix), ".with.salt.")
		if !ok {
			r.fail(key, rest, "of the form column."+prefix+"ALGORITHM.with.salt.SALT")
		}
		return ColumnRule{Kind: kind, Hash: algorithm, Salt: salt}, true
	}
	switch {
	case strings.HasPrefix(rest, "truncate.to."):
		return length("truncate.to.", "truncate")
	case strings.HasPrefix(rest, "mask.with."):
		return length("mask.with.", "mask")
	case strings.HasPrefix(rest, "mask.hash.v2."):
		return hash("mask.hash.v2.", "hash.v2")
	case strings.HasPrefix(rest, "mask.hash."):
		return hash("mask.hash.", "hash")
	}
	return ColumnRule{}, false
}

func (r *reader) history() HistoryConfig {
	const p = "schema.history.internal."
	h := HistoryConfig{
		Class: r.text("schema.history.internal"), SkipUnparseable: r.flag(p + "skip.unparseable.ddl"),
		OnlyCapturedTables: r.flag(p + "store.only.captured.tables.ddl"), OnlyCapturedDatabases: r.flag(p + "store.only.captured.databases.ddl"),
		DDLFilter: r.or("internal."+p+"ddl.filter", r.or(p+"ddl.filter", defaultDDLFilter)), File: r.text(p + "file.filename"), Topic: r.text(p + "kafka.topic"),
		RecoveryAttempts: r.number(p + "kafka.recovery.attempts"), PollInterval: r.millis(p + "kafka.recovery.poll.interval.ms"),
		QueryTimeout: r.millis(p + "kafka.query.timeout.ms"), CreateTimeout: r.millis(p + "kafka.create.timeout.ms"),
	}
	bootstrap := r.text(p + "kafka.bootstrap.servers")
	client := func(kind string) map[string]string {
		props := r.prefixed(p + kind + ".")
		for name, value := range map[string]string{"bootstrap.servers": bootstrap, "client.id": r.text("topic.prefix") + "-schemahistory"} {
			if _, given := props[name]; !given {
				props[name] = value
			}
		}
		return props
	}
	h.Producer, h.Consumer = client("producer"), client("consumer")
	switch h.Class {
	case kafkaHistoryClass:
		for _, key := range []string{p + "kafka.topic", p + "kafka.bootstrap.servers"} {
			if r.text(key) == "" {
				r.fail(key, "", "given, but the schema history is kept in Kafka")
			}
		}
	case fileHistoryClass:
		if h.File == "" {
			r.fail(p+"file.filename", "", "given, but the schema history is kept in a file")
		}
	case memoryHistoryClass:
	default:
		r.fail("schema.history.internal", h.Class, "one of "+kafkaHistoryClass+", "+fileHistoryClass+", "+memoryHistoryClass)
	}
	return h
}
