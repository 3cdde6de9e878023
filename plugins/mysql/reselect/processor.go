package reselect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Config is that of one processor.
type Config struct {
	// Include and Exclude are reselect.columns.include.list and .exclude.list:
	// expressions for DATABASE.TABLE:COLUMN. Exclude holds when Include is empty.
	Include, Exclude table.Patterns
	// Unavailable and Null say which columns are read again
	// (reselect.unavailable.values, reselect.null.values).
	Unavailable, Null bool
	// EventKey finds the row by the key of the event instead of the primary key
	// (reselect.use.event.key).
	EventKey bool
	// Fail makes a row that cannot be read an error (reselect.error.handling.mode).
	Fail   bool
	Server server.Config
	Logger *slog.Logger
}

// Processor reads columns again, over a connection of its own. It belongs to the
// goroutine that makes the events.
type Processor struct {
	cfg   Config
	conn  *server.Conn
	plans map[*event.Plan]*wanted
	// What was read last; its memory is that of the connection.
	read []value.Cell
}

// wanted are the columns of a table that may be read again.
type wanted struct {
	columns []int // indexes of the table's columns
	key     []*table.Column
}

// New makes a Processor. Nothing is connected yet.
func New(cfg Config) *Processor { return &Processor{cfg: cfg, plans: map[*event.Plan]*wanted{}} }

// maxPlans bounds the memory for tables as they once were.
const maxPlans = 10_000

// Apply replaces cells of a row, as an event would show it, by what the table
// holds now. The cells are valid until the next call.
func (p *Processor) Apply(ctx context.Context, plan *event.Plan, row []value.Cell) error {
	w := p.wanted(plan)
	if len(w.columns) == 0 || len(w.key) == 0 || len(row) != len(plan.Table.Columns) {
		return nil
	}
	var columns []int
	for _, i := range w.columns {
		if k := row[i].Kind; k == value.Null && p.cfg.Null || k == value.Missing && p.cfg.Unavailable {
			columns = append(columns, i)
		}
	}
	if len(columns) == 0 {
		return nil
	}
	err := p.reselect(ctx, plan.Table, w.key, columns, row)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if p.cfg.Fail {
		return fmt.Errorf("reselect.error.handling.mode=fail: %w", err)
	}
	p.cfg.Logger.Warn("columns of a row could not be read again", "table", plan.Table.ID.String(), "error", err)
	return nil
}

func (p *Processor) wanted(plan *event.Plan) *wanted {
	if w := p.plans[plan]; w != nil {
		return w
	}
	if len(p.plans) >= maxPlans {
		clear(p.plans)
	}
	w := &wanted{}
	p.plans[plan] = w
	if plan.Key == nil {
		return w
	}
	for i, c := range plan.Table.Columns {
		if p.selects(plan.Table.ID.String() + ":" + c.Name) {
			w.columns = append(w.columns, i)
		}
	}
	if p.cfg.EventKey {
		w.key = plan.KeyColumns()
		return w
	}
	for _, name := range plan.Table.PrimaryKey {
		if c := plan.Table.Column(name); c != nil {
			w.key = append(w.key, c)
		}
	}
	return w
}

func (p *Processor) selects(name string) bool {
	switch {
	case len(p.cfg.Include) > 0:
		return p.cfg.Include.Match(name)
	case len(p.cfg.Exclude) > 0:
		return !p.cfg.Exclude.Match(name)
	}
	return true
}

// reselect reads the columns; a lost connection is opened again once.
func (p *Processor) reselect(ctx context.Context, t *table.Table, key []*table.Column, columns []int, row []value.Cell) error {
	statement, err := statement(t, key, columns, row)
	if err != nil {
		return err
	}
	lasting := p.conn != nil
	err = p.query(ctx, t, columns, statement, row)
	if lasting && server.Retriable(err) && ctx.Err() == nil {
		p.Close()
		err = p.query(ctx, t, columns, statement, row)
	}
	return err
}

func (p *Processor) query(ctx context.Context, t *table.Table, columns []int, statement string, row []value.Cell) (err error) {
	if p.conn == nil {
		if p.conn, err = server.Connect(ctx, p.cfg.Server); err != nil {
			return err
		}
	}
	rows, err := p.conn.Query(ctx, statement)
	if err != nil {
		return err
	}
	packet, err := rows.Next(ctx)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("table %s has no row for %s any more", t.ID, statement)
	}
	if err != nil {
		return err
	}
	packet = append([]byte(nil), packet...)
	for err == nil { // a second row for the same key is left out, as in Debezium
		_, err = rows.Next(ctx)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	selected := make([]*table.Column, len(columns))
	for i, at := range columns {
		selected[i] = t.Columns[at]
	}
	p.read = make([]value.Cell, len(columns))
	if err := value.NewTextDecoder(selected, value.TextOptions{}).DecodeRow(packet, p.read); err != nil {
		return fmt.Errorf("table %s: %w", t.ID, err)
	}
	for i, at := range columns {
		row[at] = p.read[i]
	}
	return nil
}

// statement reads columns of the row with the key that row has.
func statement(t *table.Table, key []*table.Column, columns []int, row []value.Cell) (string, error) {
	names := make([]string, len(columns))
	for i, at := range columns {
		names[i] = server.QuoteName(t.Columns[at].Name)
	}
	conditions := make([]string, len(key))
	for i, c := range key {
		text, err := literal(c, &row[c.Position-1])
		if err != nil {
			return "", fmt.Errorf("table %s: column %s: %w", t.ID, c.Name, err)
		}
		conditions[i] = server.QuoteName(c.Name) + " <=> " + text
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + server.QuoteName(t.ID.Database) + "." + server.QuoteName(t.ID.Name) +
		" WHERE " + strings.Join(conditions, " AND "), nil
}

// Close ends the connection.
func (p *Processor) Close() {
	if p.conn != nil {
		_ = p.conn.Close() // nobody waits for an answer
		p.conn = nil
	}
}
