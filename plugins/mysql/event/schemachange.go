package event

import (
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// changeSchemas are the schemas of the schema-change topic
// (io.debezium.schema.SchemaFactory).
type changeSchemas struct {
	key, value, change, table, column *data.Schema
}

func (b *Builder) buildChangeSchemas() changeSchemas {
	text, optText := data.New(data.TypeString).Build(), data.New(data.TypeString).Optional().Build()
	integer, optInteger := data.New(data.TypeInt32).Build(), data.New(data.TypeInt32).Optional().Build()
	flag := data.New(data.TypeBoolean).Optional().Build()
	var s changeSchemas
	adjust := b.cfg.SchemaNames.schemaName
	s.column = data.NewStruct().Name("io.debezium.connector.schema.Column").Version(1).
		Field("name", text).Field("jdbcType", integer).Field("nativeType", optInteger).Field("typeName", text).
		Field("typeExpression", optText).Field("charsetName", optText).Field("length", optInteger).Field("scale", optInteger).
		Field("position", integer).Field("optional", flag).Field("autoIncremented", flag).Field("generated", flag).
		Field("comment", optText).Field("defaultValueExpression", optText).
		Field("enumValues", data.NewArray(text).Optional().Build()).Build()
	structure := data.NewStruct().Name("io.debezium.connector.schema.Table").Version(1)
	if !b.cfg.Release1 {
		structure.Optional()
	}
	s.table = structure.
		Field("defaultCharsetName", optText).
		Field("primaryKeyColumnNames", data.NewArray(text).Optional().Build()).
		Field("columns", data.NewArray(s.column).Build()).
		Field("comment", optText).Build()
	s.change = data.NewStruct().Name("io.debezium.connector.schema.Change").Version(1).
		Field("type", text).Field("id", text).Field("table", s.table).Build()
	s.key = data.NewStruct().Name(adjust(b.package_()+".SchemaChangeKey")).Version(1).Field("databaseName", text).Build()
	s.value = data.NewStruct().Name(adjust(b.package_()+".SchemaChangeValue")).Version(1).
		Field("source", b.sourceSchema).Field("ts_ms", data.New(data.TypeInt64).Build()).
		Field("databaseName", optText).Field("schemaName", optText).Field("ddl", optText).
		Field("tableChanges", data.NewArray(s.change).Build()).Build()
	return s
}

// SchemaChange adds the record of one thing that a DDL statement did. src.DB and
// src.Table are set from the change.
func (b *Builder) SchemaChange(batch *connect.Batch, src *Source, offset connect.Offset, c *ddl.Change) {
	a := &batch.Arena
	src.DB, src.Table = c.Database, joinNames(c.Group)
	key := a.Struct(b.changes.key)
	key.Set(0, data.String(c.Database))
	val := a.Struct(b.changes.value)
	f := val.Fields()
	f[0] = b.source(a, src, data.String(src.DB), changedTables(c.Group, src.Table))
	f[1] = data.Int64(b.now / 1_000_000)
	f[2], f[4] = data.String(c.Database), optional(c.SQL)
	f[5] = data.Array(b.tableChanges(a, c))
	r := b.record(batch, b.topics.SchemaChanges(), offset)
	r.KeySchema, r.Key = b.changes.key, data.StructOf(key)
	r.ValueSchema, r.Value = b.changes.value, data.StructOf(val)
	r.Partition, r.Headers = 0, b.headers
}

// changedTables is source.table: null for a statement about a database, and
// empty for one that changed nothing.
func changedTables(group []table.ID, names string) data.Value {
	if group != nil && len(group) == 0 {
		return data.Null()
	}
	return data.String(names)
}

// joinNames joins the names of tables as source.table has them.
func joinNames(ids []table.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.Name
	}
	return strings.Join(names, ",")
}

// tableChanges describes the table after the change; a statement about a
// database or a table that is not known changes none.
func (b *Builder) tableChanges(a *data.Arena, c *ddl.Change) []data.Value {
	if c.Kind.EventType() == "DATABASE" || c.Table == nil && (c.Kind != ddl.DropTable || b.cfg.Release1) {
		return nil
	}
	if b.cfg.Release1 && b.cfg.Filter != nil && !b.cfg.Filter.Captured(c.ID) {
		return nil
	}
	change := a.Struct(b.changes.change)
	f := change.Fields()
	f[0], f[1] = data.String(c.Kind.EventType()), data.String(c.ID.Quoted())
	if c.Kind != ddl.DropTable {
		f[2] = b.tableValue(a, c.Table)
	}
	out := a.Values(1)
	out[0] = data.StructOf(change)
	return out
}

func (b *Builder) tableValue(a *data.Arena, t *table.Table) data.Value {
	s := a.Struct(b.changes.table)
	f := s.Fields()
	f[0] = optional(t.Charset)
	f[1] = texts(a, t.PrimaryKey)
	columns := a.Values(len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = b.columnValue(a, c)
	}
	f[2] = data.Array(columns)
	f[3] = pointer(t.Comment)
	return data.StructOf(s)
}

func (b *Builder) columnValue(a *data.Arena, c *table.Column) data.Value {
	s := a.Struct(b.changes.column)
	f := s.Fields()
	f[0], f[1], f[2] = data.String(c.Name), data.Int32(int32(c.JDBCType)), set(c.NativeType)
	f[3], f[4], f[5] = data.String(c.TypeName), optional(c.TypeExpression), optional(c.Charset)
	f[6], f[7], f[8] = set(c.Length), set(c.Scale), data.Int32(int32(c.Position))
	f[9], f[10], f[11] = data.Boolean(c.Optional), data.Boolean(c.AutoIncremented), data.Boolean(c.Generated)
	f[12] = pointer(c.Comment)
	if c.HasDefault {
		f[13] = pointer(c.Default)
	}
	if len(c.EnumValues) > 0 {
		f[14] = texts(a, c.EnumValues)
	}
	return data.StructOf(s)
}

func set(n int) data.Value {
	if n == table.Unset {
		return data.Null()
	}
	return data.Int32(int32(n))
}

func pointer(s *string) data.Value {
	if s == nil {
		return data.Null()
	}
	return data.String(*s)
}

func texts(a *data.Arena, list []string) data.Value {
	out := a.Values(len(list))
	for i, s := range list {
		out[i] = data.String(s)
	}
	return data.Array(out)
}
