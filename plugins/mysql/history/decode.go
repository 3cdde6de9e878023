package history

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// A Decoder reads records. It keeps one copy of each text that recurs, such as
// column and type names, so that thousands of tables share them.
type Decoder struct {
	texts map[string]string
}

// NewDecoder returns a Decoder that has read nothing yet.
func NewDecoder() *Decoder { return &Decoder{texts: map[string]string{}} }

// Decode reads a record in the form of any Debezium since 1.0. Fields that are
// not known are skipped.
func (d *Decoder) Decode(data []byte) (*Record, error) {
	p := &jsonReader{data: data, texts: d.texts}
	r := p.record()
	p.end()
	switch {
	case p.err != nil:
		return nil, fmt.Errorf("decoding a schema history record: %w", p.err)
	case r.Source == nil || r.Position == nil:
		return nil, fmt.Errorf("decoding a schema history record: it has no source or no position")
	}
	return r, nil
}

func (p *jsonReader) record() *Record {
	r := &Record{}
	p.object(func(key string) {
		switch key {
		case "source":
			r.Source = p.anyObject()
		case "position":
			r.Position = p.anyObject()
		case "ts_ms":
			if n, ok := p.int(); ok {
				r.Time = time.UnixMilli(n)
			}
		case "databaseName":
			r.Database = p.text()
		case "schemaName":
			r.Schema = p.text()
		case "ddl":
			r.DDL = p.text()
		case "tableChanges":
			p.array(func() { r.Changes = append(r.Changes, p.tableChange()) })
			if r.Changes == nil {
				r.Changes = []TableChange{}
			}
		default:
			p.skip()
		}
	})
	return r
}

func (p *jsonReader) tableChange() TableChange {
	var c TableChange
	var comment *string
	p.object(func(key string) {
		switch key {
		case "type":
			c.Type = p.sharedText()
		case "id":
			c.ID = p.tableID()
		case "previousId":
			c.Previous = p.tableID()
		case "table":
			c.Table = p.table()
		case "comment":
			comment = p.text()
		default:
			p.skip()
		}
	})
	switch {
	case p.err != nil:
	case c.Type != Create && c.Type != Alter && c.Type != Drop:
		p.fail("%q is no type of a table change", c.Type)
	case c.ID.Name == "":
		p.fail("a table change has no table id")
	case c.Type != Drop && c.Table == nil:
		p.fail("the %s of %s has no table", c.Type, c.ID)
	}
	if c.Type == Drop {
		c.Table = nil
	}
	if c.Table != nil {
		c.Table.ID = c.ID
		if c.Table.Comment == nil {
			c.Table.Comment = comment
		}
	}
	return c
}

func (p *jsonReader) table() *table.Table {
	var t *table.Table
	p.object(func(key string) {
		if t == nil {
			t = &table.Table{}
		}
		switch key {
		case "defaultCharsetName":
			t.Charset = p.sharedText()
		case "primaryKeyColumnNames":
			p.array(func() { t.PrimaryKey = append(t.PrimaryKey, p.sharedText()) })
		case "columns":
			p.array(func() { t.Columns = append(t.Columns, p.column()) })
		case "attributes":
			p.array(func() { t.Attributes = append(t.Attributes, p.attribute()) })
		case "comment":
			t.Comment = p.text()
		default:
			p.skip()
		}
	})
	if t != nil {
		t.Renumber()
	}
	return t
}

func (p *jsonReader) attribute() table.Attribute {
	var a table.Attribute
	p.object(func(key string) {
		switch key {
		case "name":
			a.Name = p.sharedText()
		case "value":
			a.Value = p.sharedText()
		default:
			p.skip()
		}
	})
	return a
}

// column reads what JsonTableChangeSerializer wrote. An optional column without
// default has the default NULL, whether the record says so or not.
func (p *jsonReader) column() *table.Column {
	c := &table.Column{NativeType: table.Unset, Length: table.Unset, Scale: table.Unset}
	p.object(func(key string) { p.columnField(c, key) })
	if c.Name == "" || c.TypeName == "" {
		p.fail("a column has no name or no type")
		return c
	}
	if c.TypeExpression == "" {
		c.TypeExpression = c.TypeName
	}
	c.HasDefault = c.HasDefault || c.Optional || c.Default != nil
	c.Derive()
	return c
}

func (p *jsonReader) columnField(c *table.Column, key string) {
	switch key {
	case "name":
		c.Name = p.sharedText()
	case "jdbcType":
		p.intInto(&c.JDBCType)
	case "nativeType":
		p.intInto(&c.NativeType)
	case "typeName":
		c.TypeName = p.sharedText()
	case "typeExpression":
		c.TypeExpression = p.sharedText()
	case "charsetName":
		c.Charset = p.sharedText()
	case "length":
		p.intInto(&c.Length)
	case "scale":
		p.intInto(&c.Scale)
	case "position":
		p.intInto(&c.Position)
	case "optional":
		c.Optional = p.bool()
	case "autoIncremented":
		c.AutoIncremented = p.bool()
	case "generated":
		c.Generated = p.bool()
	case "comment":
		c.Comment = p.text()
	case "hasDefaultValue":
		c.HasDefault = p.bool()
	case "defaultValueExpression":
		c.Default = p.text()
	case "enumValues":
		p.array(func() { c.EnumValues = append(c.EnumValues, p.sharedText()) })
	default:
		p.skip()
	}
}

// tableID reads "database"."table" in any quotes, or without.
// Source: Debezium's TableIdParser.
func (p *jsonReader) tableID() table.ID {
	text := p.sharedText()
	var parts []string
	for rest := text; rest != "" && p.err == nil; {
		var part string
		var ok bool
		if part, rest, ok = nextPart(rest); !ok {
			p.fail("%q is no table id", text)
		}
		parts = append(parts, part)
	}
	switch len(parts) {
	case 1:
		return table.ID{Name: parts[0]}
	case 2:
		return table.ID{Database: parts[0], Name: parts[1]}
	case 3:
		return table.ID{Database: parts[0], Name: parts[2]}
	}
	p.fail("%q is no table id", text)
	return table.ID{}
}

// nextPart cuts the first part of a dotted name off.
func nextPart(s string) (part, rest string, ok bool) {
	quote := s[0]
	if quote != '"' && quote != '`' && quote != '\'' {
		for i := range len(s) {
			if s[i] == '.' {
				return s[:i], s[i+1:], i > 0 && i+1 < len(s)
			}
		}
		return s, "", true
	}
	var b []byte
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != quote:
			b = append(b, s[i])
		case i+1 < len(s) && s[i+1] == quote:
			b = append(b, quote)
			i++
		case i+1 == len(s):
			return string(b), "", true
		default:
			return string(b), s[i+2:], s[i+1] == '.' && i+2 < len(s)
		}
	}
	return "", "", false
}
