package mysql

import (
	"fmt"
	"time"
)

// Config is the configuration of a connector, parsed from properties in
// today's names. This file is the only one that knows their names, besides the
// declarations in keys_*.go; every other part gets a Config of its own from it.
type Config struct {
	Name       string // connector name
	Prefix     string // topic.prefix: the logical name of the server
	Connector  string // what records call the connector: mysql or mariadb
	Version    string // and its version
	Generation int    // 1 for a configuration written for Debezium 1.x, else 3

	Server   ServerConfig
	Filters  FilterConfig
	Snapshot SnapshotConfig
	Stream   StreamConfig
	Events   EventsConfig
	History  HistoryConfig
	Signals  SignalConfig

	Guardrail GuardrailConfig

	Processors   []ProcessorConfig
	MaxBatchSize int           // max.batch.size: records a batch
	MaxRetries   int           // errors.max.retries; -1 for no limit
	Queue        int           // max.queue.size; metrics show it, nothing else
	QueueBytes   int           // max.queue.size.in.bytes
	RetryWait    time.Duration // retriable.restart.connector.wait.ms
}

// GuardrailConfig limits the number of tables.
type GuardrailConfig struct {
	Max  int  // guardrail.collections.max; 0 for no limit
	Fail bool // guardrail.collections.limit.action: fail, else a warning
}

// ServerConfig says how to reach the server.
type ServerConfig struct {
	Host                                  string
	Port                                  int
	User, Password                        string
	ServerID                              uint32
	ConnectTimeout                        time.Duration
	QueryTimeout                          time.Duration // 0: none
	ValidationTimeout                     time.Duration
	KeepAlive                             bool
	KeepAliveInterval                     time.Duration
	SSLMode                               string // disabled, preferred, required, verify_ca, verify_identity
	KeyStore, KeyStorePassword            string
	TrustStore, TrustStorePassword        string
	NoPublicKey                           bool // driver.allowPublicKeyRetrieval=false
	IAM                                   bool // database.iam.auth: tokens of Amazon RDS instead of the password
	IAMRegion, IAMProfile, IAMRole        string
	InitialStatements                     []string
	TimeZone                              string // database.connectionTimeZone; "" takes the server's
	BinlogReadTimeout, BinlogWriteTimeout time.Duration
}

// FilterConfig says what is captured; all lists as configured.
type FilterConfig struct {
	IncludeDatabases, ExcludeDatabases string
	IncludeTables, ExcludeTables       string
	IncludeColumns, ExcludeColumns     string
	IgnoreBuiltin                      bool
	SignalTables                       []string
}

// SnapshotConfig says what the snapshot reads and how.
type SnapshotConfig struct {
	Mode            string
	LockingMode     string
	LockTimeout     time.Duration
	IncludeTables   string // snapshot.include.collection.list
	Overrides       map[string]string
	Delay           time.Duration
	OrderByRowCount string
	Threads         int  // snapshot.max.threads
	WholeTables     bool // legacy.snapshot.max.threads
	PieceRows       int  // snapshot.chunk.rows
	ConfigurationBased
}

// ConfigurationBased are the answers of snapshot.mode=configuration_based.
type ConfigurationBased struct {
	SnapshotData, SnapshotSchema, StartStream, OnSchemaError, OnDataError bool
}

// StreamConfig says how the binlog is read.
type StreamConfig struct {
	Delay              time.Duration
	GTIDIncludes       []string
	GTIDExcludes       []string
	GTIDFilterDML      bool
	IgnoreGTID         bool   // gtid.ignore.on.recovery
	FailureHandling    string // event.processing.failure.handling.mode
	InconsistentSchema string // inconsistent.schema.handling.mode
	PositionCheck      bool   // internal.log.position.check.enable
	IncludeQuery       bool
	FillRows           bool // row.image.fill=select
	NewChannelsLatest  bool // gtid.new.channel.position=latest, of Debezium 1.x
	HeartbeatInterval  time.Duration
	HeartbeatQuery     string
}

// EventsConfig says what change events look like.
type EventsConfig struct {
	DecimalMode, TimeMode, UnsignedMode, BinaryMode string
	TimeAdjuster                                    bool
	UnavailablePlaceholder                          string
	SchemaNames, FieldNames                         string // none, avro, avro_unicode
	TopicNaming                                     string // class
	TopicDelimiter, TopicHeartbeatPrefix            string
	TopicTransaction                                string
	TopicHeartbeat                                  string // full name, "" for prefix and topic.prefix
	TopicRegex, TopicReplacement                    string // for the naming strategies that route
	TopicKeyUnique                                  bool
	TopicKeyField                                   string
	TopicKeyRegex, TopicKeyReplacement              string
	Converters                                      []ConverterConfig
	Tombstones, SchemaChanges, SchemaComments       bool
	Transactions, Headers                           bool
	Skipped                                         string // operations: "t", "c,u", "none"
	KeyColumns                                      string // message.key.columns
	PropagateColumns, PropagateTypes                string
	ColumnRules                                     []ColumnRule
	EventConversionFailure                          string // event.converting.failure.handling.mode
}

// ConverterConfig is one of the property converters: Props are the properties
// that begin with its name.
type ConverterConfig struct {
	Name, Class string
	Props       map[string]string
}

// ColumnRule is one column.mask.*, column.truncate.* property.
type ColumnRule struct {
	Kind    string // mask, truncate, hash, hash.v2
	Length  int    // mask and truncate
	Hash    string // algorithm, with hash
	Salt    string
	Columns string // list of regular expressions
}

// property names the rule without a salt, which is a secret.
func (r *ColumnRule) property() string {
	switch r.Kind {
	case "mask":
		return fmt.Sprintf("column.mask.with.%d.chars", r.Length)
	case "truncate":
		return fmt.Sprintf("column.truncate.to.%d.chars", r.Length)
	}
	return "column.mask." + r.Kind + "." + r.Hash
}

// HistoryConfig says where the schema history is kept.
type HistoryConfig struct {
	Class                 string
	SkipUnparseable       bool
	OnlyCapturedTables    bool
	OnlyCapturedDatabases bool
	DDLFilter             string
	File                  string
	Topic                 string
	Producer, Consumer    map[string]string // Kafka client properties
	RecoveryAttempts      int
	PollInterval          time.Duration
	QueryTimeout          time.Duration // kafka.query.timeout.ms
	CreateTimeout         time.Duration // kafka.create.timeout.ms
}

// place names the property that says where the history is, with its value.
func (h *HistoryConfig) place() string {
	switch h.Class {
	case fileHistoryClass:
		return "schema.history.internal.file.filename=" + h.File
	case memoryHistoryClass:
		return "schema.history.internal=" + h.Class
	}
	return "schema.history.internal.kafka.topic=" + h.Topic
}
