package history

import "github.com/millrace/millrace/plugins/mysql/table"

// AppendPretty appends the record as Debezium writes it to Kafka: indented by
// two blanks, as Jackson's default pretty printer does.
func (r *Record) AppendPretty(dst []byte) []byte {
	e := encoder{buf: dst, pretty: true}
	e.record(r)
	return e.buf
}

// AppendLine appends the record without blanks, as Debezium writes it to a file.
func (r *Record) AppendLine(dst []byte) []byte {
	e := encoder{buf: dst}
	e.record(r)
	return e.buf
}

func (e *encoder) record(r *Record) {
	e.open('{')
	e.key("source")
	e.hashMap(r.Source)
	e.key("position")
	e.hashMap(r.Position)
	if !r.Time.IsZero() {
		e.key("ts_ms")
		e.number(r.Time.UnixMilli())
	}
	e.optionalField("databaseName", r.Database)
	e.optionalField("schemaName", r.Schema)
	e.optionalField("ddl", r.DDL)
	if r.Changes != nil {
		e.key("tableChanges")
		e.open('[')
		for i := range r.Changes {
			e.element()
			e.tableChange(&r.Changes[i])
		}
		e.close(']')
	}
	e.close('}')
}

// tableChange writes what JsonTableChangeSerializer does. The comment stands
// beside the table, not in it.
func (e *encoder) tableChange(c *TableChange) {
	e.open('{')
	e.field("type", c.Type)
	e.field("id", c.ID.Quoted())
	if c.Previous != (table.ID{}) {
		e.field("previousId", c.Previous.Quoted())
	}
	if c.Table != nil {
		e.key("table")
		e.table(c.Table)
		e.nullableField("comment", c.Table.Comment)
	}
	e.close('}')
}

func (e *encoder) table(t *table.Table) {
	e.open('{')
	e.nonEmptyField("defaultCharsetName", t.Charset)
	e.stringsField("primaryKeyColumnNames", t.PrimaryKey)
	e.key("columns")
	e.open('[')
	for _, c := range t.Columns {
		e.element()
		e.column(c)
	}
	e.close(']')
	e.key("attributes")
	e.open('[')
	for _, a := range t.Attributes {
		e.element()
		e.open('{')
		e.field("name", a.Name)
		e.field("value", a.Value)
		e.close('}')
	}
	e.close(']')
	e.close('}')
}

func (e *encoder) column(c *table.Column) {
	e.open('{')
	e.field("name", c.Name)
	e.numberField("jdbcType", c.JDBCType)
	e.setNumberField("nativeType", c.NativeType)
	e.field("typeName", c.TypeName)
	e.field("typeExpression", c.TypeExpression)
	e.nonEmptyField("charsetName", c.Charset)
	e.setNumberField("length", c.Length)
	e.setNumberField("scale", c.Scale)
	e.numberField("position", c.Position)
	e.boolField("optional", c.Optional)
	e.boolField("autoIncremented", c.AutoIncremented)
	e.boolField("generated", c.Generated)
	e.nullableField("comment", c.Comment)
	e.boolField("hasDefaultValue", c.HasDefault)
	e.optionalField("defaultValueExpression", c.Default)
	e.stringsField("enumValues", c.EnumValues)
	e.close('}')
}
