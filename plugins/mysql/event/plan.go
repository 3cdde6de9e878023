package event

import (
	"fmt"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Plan makes the change events of one version of a table. It belongs to the
// same goroutine as its Builder.
type Plan struct {
	Table *table.Table
	Topic string
	// Key, Value and Envelope are the record's schemas; Key is nil for a table
	// without a key.
	Key, Value, Envelope *data.Schema

	b         *Builder
	db, name  data.Value
	keyFields []field
	origin    data.Value // further field of the key, null for none
	fields    []field
}

// field is one compiled column: cell number from goes to the field of the same
// index as this one has.
type field struct {
	name   string
	from   int
	column *value.Column
}

// Fields of the envelope, in order (io.debezium.data.Envelope).
const (
	envBefore = iota
	envAfter
	envSource
	envTransaction
	envOp
	envMillis
	envMicros
	envNanos
)

// Plan compiles a table. The error names the table and the column.
func (b *Builder) Plan(t *table.Table) (*Plan, error) {
	topic, err := b.topics.Table(t.ID)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.ID, err)
	}
	p := &Plan{Table: t, Topic: topic, b: b, db: data.String(t.ID.Database), name: data.String(t.ID.Name)}
	key := data.NewStruct().Name(b.cfg.SchemaNames.schemaName(topic + ".Key"))
	for _, i := range b.keys.columns(t) {
		if err := p.add(key, &p.keyFields, i, value.NewKeyColumn); err != nil {
			return nil, err
		}
	}
	shared, err := p.addOrigin(key)
	if err != nil {
		return nil, err
	}
	if len(p.keyFields) > 0 || shared {
		p.Key = key.Build()
	}
	val := data.NewStruct().Name(b.cfg.SchemaNames.schemaName(topic + ".Value")).Optional()
	for i, c := range t.Columns {
		if b.cfg.Filter != nil && !b.cfg.Filter.Column(t.ID, c.Name) {
			continue
		}
		if err := p.add(val, &p.fields, i, value.NewColumn); err != nil {
			return nil, err
		}
	}
	p.Value = val.Build()
	p.Envelope = b.envelopeSchema(b.cfg.SchemaNames.schemaName(p.Topic+".Envelope"), p.Value)
	return p, nil
}

// compileFunc is value.NewColumn or value.NewKeyColumn.
type compileFunc func(table.ID, *table.Column, *value.Options) (*value.Column, error)

func (p *Plan) add(schema *data.Builder, fields *[]field, i int, compile compileFunc) error {
	c := p.Table.Columns[i]
	compiled, err := compile(p.Table.ID, c, &p.b.cfg.Value)
	if err != nil || compiled == nil { // nil: a type that events leave out
		return err
	}
	name := p.b.cfg.FieldNames.fieldName(c.Name)
	for _, f := range *fields {
		if f.name == name {
			return fmt.Errorf("table %s: columns %s and %s would both be the field %s; choose another field.name.adjustment.mode",
				p.Table.ID, f.column.Name, c.Name, name)
		}
	}
	schema.Field(name, compiled.Schema)
	*fields = append(*fields, field{name: name, from: i, column: compiled})
	return nil
}

// addOrigin adds the field that tells tables apart which share a topic.
func (p *Plan) addOrigin(key *data.Builder) (bool, error) {
	name, origin, err := p.b.topics.keyField(p.Table.ID)
	if err != nil || name == "" {
		return false, err
	}
	for _, f := range p.keyFields {
		if f.name == name {
			return false, fmt.Errorf("table %s: topic.key.field.name %s is a column of the key", p.Table.ID, name)
		}
	}
	key.Field(name, data.New(data.TypeString).Build())
	p.origin = data.String(origin)
	return true, nil
}

func (b *Builder) envelopeSchema(name string, row *data.Schema) *data.Schema {
	long := data.New(data.TypeInt64).Optional().Build()
	return data.NewStruct().Name(name).Version(2).
		Field("before", row).Field("after", row).Field("source", b.sourceSchema).Field("transaction", b.transactionBlock).
		Field("op", data.New(data.TypeString).Build()).
		Field("ts_ms", long).Field("ts_us", long).Field("ts_ns", long).Build()
}

// Columns is the number of cells that a row of this table has.
func (p *Plan) Columns() int { return len(p.Table.Columns) }

// row converts cells to the struct of a value.
func (p *Plan) row(a *data.Arena, cells []value.Cell) (data.Value, error) {
	s := a.Struct(p.Value)
	out := s.Fields()
	for i := range p.fields {
		v, err := p.fields[i].column.Convert(a, &cells[p.fields[i].from])
		if err != nil {
			return data.Value{}, err
		}
		out[i] = v
	}
	return data.StructOf(s), nil
}

// key converts cells to the struct of a key; null for a table without one.
func (p *Plan) key(a *data.Arena, cells []value.Cell) (data.Value, error) {
	if p.Key == nil {
		return data.Null(), nil
	}
	s := a.Struct(p.Key)
	out := s.Fields()
	for i := range p.keyFields {
		v, err := p.keyFields[i].column.ConvertStrict(a, &cells[p.keyFields[i].from])
		if err != nil {
			return data.Value{}, err
		}
		out[i] = v
	}
	if !p.origin.IsNull() {
		out[len(p.keyFields)] = p.origin
	}
	return data.StructOf(s), nil
}

// sameKey compares the cells of the key's columns.
func (p *Plan) sameKey(before, after []value.Cell) bool {
	for i := range p.keyFields {
		if column := p.keyFields[i].from; !before[column].Same(&after[column]) {
			return false
		}
	}
	return true
}

// KeyColumns are the columns of the key, those of message.key.columns or of the
// primary key; none for a table without a key.
func (p *Plan) KeyColumns() []*table.Column {
	var columns []*table.Column
	for _, i := range p.b.keys.columns(p.Table) {
		columns = append(columns, p.Table.Columns[i])
	}
	return columns
}

// Texts are the values of a row as text, "" for null: those of a row that is a
// signal.
func (p *Plan) Texts(a *data.Arena, row []value.Cell) ([]string, error) {
	if err := p.checkWidth(row); err != nil {
		return nil, err
	}
	texts := make([]string, len(p.fields))
	for i := range p.fields {
		v, err := p.fields[i].column.Convert(a, &row[p.fields[i].from])
		if err != nil {
			return nil, err
		}
		texts[i] = string(v.Raw())
	}
	return texts, nil
}
