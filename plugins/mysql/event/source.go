package event

import "github.com/millrace/millrace/plugins/data"

// Marker is the value of source.snapshot.
type Marker string

// The markers (io.debezium.connector.SnapshotRecord).
const (
	MarkStreaming   Marker = "false"
	MarkSnapshot    Marker = "true"
	MarkFirst       Marker = "first"
	MarkFirstTable  Marker = "first_in_data_collection"
	MarkLastTable   Marker = "last_in_data_collection"
	MarkLast        Marker = "last"
	MarkIncremental Marker = "incremental"
)

// Source says where a change comes from. The zero value of an optional part
// stands for null.
type Source struct {
	Nanos    int64 // time of the change on the server, since 1970
	Marker   Marker
	DB       string // for schema changes; a Plan knows its own
	Table    string // for schema changes: tables joined by commas, "" for none
	ServerID int64
	GTID     string
	File     string
	Pos      int64
	Row      int32
	Thread   int64  // of the session; used when HasThread
	Query    string // used when HasQuery
	HasThread,
	HasQuery bool
	// Transaction is the block of provide.transaction.metadata; nil for none.
	Transaction *Transaction
}

// Transaction is the place of an event in its transaction, both counted from 1.
type Transaction struct {
	ID              string
	Order           int64
	CollectionOrder int64
}

// Fields of the source block, in order (MySqlSourceInfoStructMaker).
const (
	srcVersion = iota
	srcConnector
	srcName
	srcMillis
	srcSnapshot
	srcDB
	srcSequence
	srcMicros
	srcNanos
	srcTable
	srcServerID
	srcGTID
	srcFile
	srcPos
	srcRow
	srcThread
	srcQuery
)

func (b *Builder) buildSourceSchema() *data.Schema {
	text, optText := data.New(data.TypeString).Build(), data.New(data.TypeString).Optional().Build()
	markers := "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"
	if b.cfg.Release1 {
		markers = "true,last,false"
	}
	long, optLong := data.New(data.TypeInt64).Build(), data.New(data.TypeInt64).Optional().Build()
	snapshot := data.New(data.TypeString).Optional().Name("io.debezium.data.Enum").Version(1).
		Param("allowed", markers).Default(data.String("false")).Build()
	return data.NewStruct().Name(b.cfg.SchemaNames.schemaName(b.package_()+".Source")).Version(1).
		Field("version", text).Field("connector", text).Field("name", text).Field("ts_ms", long).Field("snapshot", snapshot).
		Field("db", text).Field("sequence", optText).Field("ts_us", optLong).Field("ts_ns", optLong).Field("table", optText).
		Field("server_id", long).Field("gtid", optText).Field("file", text).Field("pos", long).
		Field("row", data.New(data.TypeInt32).Build()).Field("thread", optLong).Field("query", optText).Build()
}

// source makes the source block of a record.
func (b *Builder) source(a *data.Arena, src *Source, db, table data.Value) data.Value {
	s := a.Struct(b.sourceSchema)
	f := s.Fields()
	f[srcVersion], f[srcConnector], f[srcName] = b.version, b.connector, b.prefix
	f[srcMillis] = data.Int64(floorDiv(src.Nanos, 1_000_000))
	if src.Marker != MarkStreaming { // null outside of snapshots: the schema's default says "false"
		f[srcSnapshot] = data.String(string(b.marker(src.Marker)))
	}
	f[srcDB], f[srcTable] = db, table
	f[srcMicros], f[srcNanos] = data.Int64(floorDiv(src.Nanos, 1000)), data.Int64(src.Nanos)
	f[srcServerID] = data.Int64(src.ServerID)
	if !b.cfg.Release1 || !b.cfg.Value.MariaDB {
		f[srcGTID] = optional(src.GTID)
	}
	f[srcFile], f[srcPos], f[srcRow] = data.String(src.File), data.Int64(src.Pos), data.Int32(src.Row)
	if src.HasThread {
		f[srcThread] = data.Int64(src.Thread)
	}
	if src.HasQuery {
		f[srcQuery] = data.String(src.Query)
	}
	return data.StructOf(s)
}

// marker is m as the configuration knows it.
func (b *Builder) marker(m Marker) Marker {
	if b.cfg.Release1 && m != MarkLast {
		return MarkSnapshot
	}
	return m
}

func optional(s string) data.Value {
	if s == "" {
		return data.Null()
	}
	return data.String(s)
}

func floorDiv(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}
