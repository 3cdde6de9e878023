package event

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Config says what events look like.
type Config struct {
	Topics    TopicConfig
	Connector string // what source.connector says: mysql or mariadb
	Version   string // what source.version says
	// SchemaNames and FieldNames are the adjustments of names.
	SchemaNames, FieldNames Adjustment
	Tombstones              bool   // tombstones.on.delete
	Skipped                 string // skipped.operations, such as "t" or "c,u"; "none"
	KeyColumns              string // message.key.columns
	// Header values; Headers is extended.headers.enabled.
	Headers bool
	Task    int
	RunID   string // a UUID that is new at each start of the task
	// Release1 makes events as Debezium 1.x did where a consumer would see it:
	// source.snapshot is true, last or false, source.gtid is null for MariaDB, and
	// the schema change of a dropped table, or one that is not captured, describes
	// none.
	Release1 bool
	// Filter says which columns are in the events; nil for all.
	Filter *table.Filter
	Value  value.Options
}

// Builder makes the records of one connector task. It belongs to one goroutine.
type Builder struct {
	cfg       Config
	topics    *Topics
	keys      keyMapper
	skip      skipped
	partition *connect.SourcePartition
	headers   []connect.Header
	now       int64 // time of the records being made, in nanoseconds since 1970

	version, connector, prefix     data.Value
	sourceSchema, transactionBlock *data.Schema
	changes                        changeSchemas
	transactions                   transactionSchemas
	heartbeats                     heartbeatSchemas
}

// NewBuilder compiles the configuration. Errors name the property at fault.
func NewBuilder(cfg Config, partition *connect.SourcePartition) (*Builder, error) {
	topics, err := NewTopics(cfg.Topics)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeyColumns(cfg.KeyColumns)
	if err != nil {
		return nil, err
	}
	b := &Builder{
		cfg: cfg, topics: topics, keys: keys, skip: parseSkipped(cfg.Skipped), partition: partition,
		version: data.String(cfg.Version), connector: data.String(cfg.Connector), prefix: data.String(cfg.Topics.Prefix),
	}
	b.headers = b.contextHeaders()
	b.sourceSchema = b.buildSourceSchema()
	b.transactionBlock = data.NewStruct().Name("event.block").Version(1).Optional().
		Field("id", data.New(data.TypeString).Build()).
		Field("total_order", data.New(data.TypeInt64).Build()).
		Field("data_collection_order", data.New(data.TypeInt64).Build()).Build()
	b.changes = b.buildChangeSchemas()
	b.transactions = buildTransactionSchemas()
	b.heartbeats = buildHeartbeatSchemas()
	return b, nil
}

// SetClock sets the time that the following records say they were made at, in
// nanoseconds since 1970. Callers do so once for each event of the source.
func (b *Builder) SetClock(nanos int64) { b.now = nanos }

// Topics names the builder's topics.
func (b *Builder) Topics() *Topics { return b.topics }

// package_ is the Java package that schema names of this connector begin with.
func (b *Builder) package_() string { return "io.debezium.connector." + b.cfg.Connector }

// contextHeaders are the headers that every change event carries.
func (b *Builder) contextHeaders() []connect.Header {
	if !b.cfg.Headers {
		return nil
	}
	text := data.New(data.TypeString).Build()
	header := func(key, v string) connect.Header {
		return connect.Header{Key: "__debezium.context." + key, Schema: text, Value: data.String(v)}
	}
	return []connect.Header{
		header("connectorLogicalName", b.cfg.Topics.Prefix),
		header("taskId", strconv.Itoa(b.cfg.Task)),
		header("connectorName", b.cfg.Connector),
		header("runId", b.cfg.RunID),
	}
}

// skipped is skipped.operations as a set.
type skipped struct{ create, update, delete, truncate, read bool }

func parseSkipped(list string) skipped {
	var s skipped
	for op := range strings.SplitSeq(list, ",") {
		switch strings.TrimSpace(op) {
		case "c":
			s.create = true
		case "u":
			s.update = true
		case "d":
			s.delete = true
		case "t":
			s.truncate = true
		case "r":
			s.read = true
		}
	}
	return s
}

// keyMapper is message.key.columns: expressions for full column names, in the
// order in which their columns stand in the key (Key.CustomKeyMapper).
type keyMapper []table.Patterns

func parseKeyColumns(text string) (keyMapper, error) {
	var mapper keyMapper
	for part := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		tables, columns, ok := strings.Cut(part, ":")
		if !ok {
			return nil, fmt.Errorf("message.key.columns: %q is not of the form TABLE:COLUMN,COLUMN", part)
		}
		for column := range strings.SplitSeq(columns, ",") {
			patterns, err := table.ParsePatterns(strings.TrimSpace(tables) + "." + strings.TrimSpace(column))
			if err != nil {
				return nil, fmt.Errorf("message.key.columns: %w", err)
			}
			mapper = append(mapper, patterns)
		}
	}
	return mapper, nil
}

// columns are the indexes of the key's columns of a table: those of
// message.key.columns, or the primary key where none matches.
func (m keyMapper) columns(t *table.Table) []int {
	var key []int
	for _, patterns := range m {
		for i, c := range t.Columns {
			if patterns.Match(t.ID.String()+"."+c.Name) && !slices.Contains(key, i) {
				key = append(key, i)
			}
		}
	}
	if len(key) > 0 {
		return key
	}
	for _, name := range t.PrimaryKey {
		if i := t.Index(name); i >= 0 {
			key = append(key, i)
		}
	}
	return key
}
