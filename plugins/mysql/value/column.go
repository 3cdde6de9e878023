package value

import (
	"fmt"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Column is the compiled conversion of one column. It is immutable and may be
// used from several goroutines.
type Column struct {
	// Name is the column's name as in the table.
	Name string
	// Schema is the schema of the field.
	Schema *data.Schema

	null    data.Value // what SQL's NULL becomes
	absent  data.Value // what a column becomes that is not in the row image
	bad     data.Value // what becomes of values that cannot be converted
	convert convertFunc
	id      table.ID
	typ     string
	onError ErrorMode
	warn    func(error)
}

// NewColumn compiles a column. It returns nil for a column whose type change
// events leave out, and an error when the default cannot be converted and
// [Options].OnError says to fail.
func NewColumn(id table.ID, col *table.Column, o *Options) (*Column, error) {
	return newColumn(id, col, o, findMapper(id, col, o.Mappers))
}

// NewKeyColumn compiles a column for the key of records, to which no mapper
// applies: Debezium masks and truncates values only.
func NewKeyColumn(id table.ID, col *table.Column, o *Options) (*Column, error) {
	return newColumn(id, col, o, nil)
}

func newColumn(id table.ID, col *table.Column, o *Options, mapper *Mapper) (*Column, error) {
	t, ok := chooseType(id, col, o)
	if !ok {
		return nil, nil
	}
	c := &Column{Name: col.Name, id: id, typ: col.TypeName, onError: o.OnError, warn: o.Warn}
	def, err := defaultOf(col, o, t)
	if err != nil {
		err = fmt.Errorf("converting the default of %s.%s of type %s: %w", id, col.Name, col.TypeName, err)
		if err = c.failed(err); err != nil {
			return nil, err
		}
	}
	b := t.schema
	if mapper != nil {
		mapper.alterSchema(col, b)
	}
	if col.Optional {
		b.Optional()
	}
	if col.Comment != nil {
		b.Doc(*col.Comment)
	}
	if col.HasDefault && !def.IsNull() {
		b.Default(def)
	}
	c.Schema = b.Build()
	c.finish(col, t, def, mapper)
	c.absent = c.null
	if Replaceable(col) {
		c.absent = c.unavailable(col, o)
	}
	return c, nil
}

// Replaceable says whether a column that is not in a row image, because it has
// not changed, becomes unavailable.value.placeholder (binlog_row_image=NOBLOB).
func Replaceable(col *table.Column) bool {
	switch col.Kind {
	case table.TinyText, table.Text, table.MediumText, table.LongText, table.TinyBlob, table.Blob, table.MediumBlob, table.LongBlob, table.JSON:
		return true
	}
	return false
}

// unavailable is the placeholder in the form of the column's values.
func (c *Column) unavailable(col *table.Column, o *Options) data.Value {
	text := []byte(o.Unavailable)
	binary := !col.Kind.IsText() && col.Kind != table.JSON
	switch {
	case c.Schema.Type() == data.TypeBytes:
		return data.Bytes(text)
	case c.Schema.Type() != data.TypeString: // a custom converter's
		return c.null
	case binary: // base64 or hex
		if v, err := c.convert(new(data.Arena), &Cell{Kind: Bytes, Data: text}); err == nil {
			return v
		}
	}
	return data.String(o.Unavailable)
}

func chooseType(id table.ID, col *table.Column, o *Options) (colType, bool) {
	for _, custom := range o.Custom {
		if t, ok := custom.typeOf(id, col, o); ok {
			return t, true
		}
	}
	return typeOf(col, o)
}

// finish sets the conversion and the value of NULL: null where it is allowed,
// else the default or the type's fallback.
func (c *Column) finish(col *table.Column, t colType, def data.Value, mapper *Mapper) {
	c.convert, c.null, c.bad = t.convert, t.fallback, t.bad
	if t.bind != nil {
		c.convert, c.null = t.bind(c.Schema)
	}
	if !def.IsNull() {
		c.null = def
	}
	if col.Optional && !t.nullIsFallback {
		c.null = data.Null()
	}
	if mapper != nil {
		c.convert, c.null = mapper.wrap(col, c.convert, c.null)
	}
}

// Convert makes the value of a cell. The value's memory is a's.
func (c *Column) Convert(a *data.Arena, cell *Cell) (data.Value, error) {
	if cell.Kind <= Null {
		if cell.Kind == Missing {
			return c.absent, nil
		}
		return c.null, nil
	}
	v, err := c.convert(a, cell)
	if err != nil {
		return c.bad, c.failed(fmt.Errorf("converting a value of %s.%s of type %s: %w", c.id, c.Name, c.typ, err))
	}
	return v, nil
}

// ConvertStrict is Convert without event.converting.failure.handling.mode: a
// key must not lose its value.
func (c *Column) ConvertStrict(a *data.Arena, cell *Cell) (data.Value, error) {
	if cell.Kind == Missing {
		return data.Null(), fmt.Errorf("the key column %s.%s is not in the row image; set binlog_row_image=FULL", c.id, c.Name)
	}
	if cell.Kind == Null {
		return c.null, nil
	}
	v, err := c.convert(a, cell)
	if err != nil {
		return data.Null(), fmt.Errorf("converting the key value of %s.%s of type %s: %w", c.id, c.Name, c.typ, err)
	}
	return v, nil
}

// failed deals with an error as the mode says; it returns err to stop.
func (c *Column) failed(err error) error {
	switch {
	case c.onError == ErrorFail:
		return err
	case c.onError == ErrorWarn && c.warn != nil:
		c.warn(err)
	}
	return nil
}
