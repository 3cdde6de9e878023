package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/signal"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// schemaChanges obeys a schema-changes signal: the tables that it describes, in
// the form of the schema history, become known as such
// (io.debezium.pipeline.signal.actions.SchemaChanges).
func (o *orders) schemaChanges(ctx context.Context, b *connect.Batch, id string, d signal.Document) error {
	database := d.Text("database")
	list, _ := d["changes"].([]any)
	if len(list) == 0 {
		return errors.New("the field changes is missing or empty")
	}
	if database == "" {
		return errors.New("the field database is missing")
	}
	text, err := json.Marshal(map[string]any{"source": map[string]any{}, "position": map[string]any{}, "tableChanges": list})
	if err != nil {
		return err
	}
	r, err := history.NewDecoder().Decode(text)
	if err != nil {
		return fmt.Errorf("the field changes: %w", err)
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		o.log.Info("a table is changed as it is known", "signal", id, "table", c.ID.String(), "type", c.Type)
		if err := o.schemaChange(ctx, b, database, c); err != nil {
			return err
		}
	}
	return nil
}

func (o *orders) schemaChange(ctx context.Context, b *connect.Batch, database string, c *history.TableChange) error {
	change := ddl.Change{Kind: ddl.AlterTable, Database: database, ID: c.ID, Table: c.Table, Group: []table.ID{o.table}}
	s := o.s.schema
	switch c.Type {
	case history.Drop:
		change.Kind = ddl.DropTable
		s.parser.Catalog().Drop(c.ID)
	case history.Create:
		change.Kind = ddl.CreateTable
		fallthrough
	default:
		s.parser.Catalog().Put(c.Table)
	}
	s.version++
	clear(s.plans)
	o.s.source()
	src := o.s.src
	src.Transaction = nil
	// The history has it behind the row of the signal, as in Debezium; the record
	// must not make that row count before its own one is acknowledged.
	at, before := o.offset(), len(b.Records)
	if o.s.inRow {
		at = o.s.tracker.RowOffset(o.s.done + 1)
	}
	if err := s.record(ctx, b, &change, &src, at); err != nil {
		return err
	}
	for i := before; i < len(b.Records); i++ {
		b.Records[i].Offset = o.offset()
	}
	return o.inc.SchemaChanged(ctx, b, c.ID)
}
