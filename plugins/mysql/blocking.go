package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/signal"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// blocking is a snapshot of some tables for which the stream waits. It begins
// when the stream has come to where the binlog was when it was asked for, and the
// tables are as the stream knows them: else what the stream brings later would
// not fit them.
type blocking struct {
	orders *orders
	what   signal.Execute
	conn   *server.Conn
	reader *snapshot.Reader
	until  *server.Status // that the stream has to reach; nil when not known yet
	tries  int            // how often the tables were not as the stream knows them
}

// agreements is how often a blocking snapshot waits for the stream to come to
// changes of its tables.
const agreements = 10

// nextBlocking lets the first snapshot that waits begin, if it can.
func (o *orders) nextBlocking(ctx context.Context) error {
	if o.blocking != nil || len(o.requests) == 0 {
		return nil
	}
	r := o.requests[0]
	if r.until == nil {
		if err := r.mark(ctx); err != nil {
			return err
		}
	}
	if !o.Reached(*r.until) {
		return nil
	}
	o.blocking, o.requests = r, o.requests[1:]
	return nil
}

// mark notes where the binlog is now.
func (r *blocking) mark(ctx context.Context) error {
	conn, err := server.Connect(ctx, r.orders.session.server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // its answer has been read
	st, err := conn.BinlogStatus(ctx)
	r.until = &st
	return err
}

// fill adds records until the batch is full or the snapshot has ended; then the
// stream goes on. A snapshot that fails is given up, as in Debezium.
func (r *blocking) fill(ctx context.Context, b *connect.Batch) error {
	o := r.orders
	done, err := r.step(ctx, b)
	switch {
	case errors.Is(err, snapshot.ErrAhead) && r.tries < agreements:
		r.close()
		r.tries++
		o.log.Info("a blocking snapshot waits for a change of its tables to come")
		r.until, o.blocking, o.requests = nil, nil, append([]*blocking{r}, o.requests...)
		return nil
	case err != nil && ctx.Err() != nil:
		r.close() // in the middle of an answer
		return err
	case err != nil && server.Retriable(err):
		return err
	case err != nil:
		o.log.Warn("a blocking snapshot failed", "tables", strings.Join(r.what.Tables, ","), "error", err)
		if note := o.session.snapshotNote(); note != nil {
			note(b, connect.Offset{}, "ABORTED", nil)
		}
		done = true
	}
	if done {
		r.close()
		o.blocking = nil
	}
	return nil
}

func (r *blocking) step(ctx context.Context, b *connect.Batch) (done bool, err error) {
	if r.reader == nil {
		if err := r.open(ctx); err != nil {
			return false, err
		}
	}
	return r.reader.Fill(ctx, b)
}

// open prepares the snapshot.
func (r *blocking) open(ctx context.Context) (err error) {
	o, ss := r.orders, r.orders.session
	cfg, err := ss.cfg.snapshotConfig(ss.filter, o.log)
	if err != nil {
		return err
	}
	cfg.Clock, cfg.Connect, cfg.Note, cfg.Data = ss.task.now, ss.snapshotConn, ss.snapshotNote(), true
	if cfg.OnlyTables, err = r.patterns(); err != nil {
		return err
	}
	if cfg.Overrides, err = r.statements(); err != nil {
		return err
	}
	base, ok := o.s.tracker.Offset().Base.(*position.Base)
	if !ok {
		return errors.New("the stream has no position yet")
	}
	o.s.source()
	src := o.s.src
	src.Transaction, src.Row, src.HasThread = nil, 0, false
	cfg.Beside = &snapshot.Beside{Source: src, Offset: *base, Agree: r.agree}
	if r.conn, err = ss.snapshotConn(ctx); err != nil {
		return err
	}
	if r.reader, err = snapshot.New(r.conn, cfg, ss.schema); err != nil {
		return err
	}
	ss.schema.history.StartBuffering()
	ss.task.snapshot.Store(r.reader)
	return nil
}

// patterns are the tables to be read.
func (r *blocking) patterns() (table.Patterns, error) {
	var all table.Patterns
	for _, expression := range r.what.Tables {
		p, err := table.CompilePattern(expression)
		if err != nil {
			return nil, fmt.Errorf("data-collections: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

// statements are the conditions: for a blocking snapshot each is the SELECT
// statement that reads a table.
func (r *blocking) statements() (map[string]string, error) {
	statements := map[string]string{}
	for _, c := range r.what.Conditions {
		if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(c.Filter)), "SELECT") {
			return nil, fmt.Errorf("additional-conditions: the filter of %s must be a SELECT statement for a blocking snapshot", c.Tables)
		}
		statements[c.Tables] = c.Filter
	}
	return statements, nil
}

// agree says whether tables that the stream knows are on the server as it knows them.
func (r *blocking) agree(creates []snapshot.Statement) bool {
	scratch := ddl.New(r.orders.session.ddl)
	known := r.orders.s.schema.parser.Catalog()
	for _, st := range creates {
		changes, err := scratch.Apply(st.Database, st.SQL)
		if err != nil {
			return true // the snapshot says what is wrong
		}
		for i := range changes {
			if t := known.Table(changes[i].ID); t != nil && changes[i].Table != nil && !sameShape(t, changes[i].Table) {
				return false
			}
		}
	}
	return true
}

// sameShape reports whether rows of one table can be read as those of the other.
func sameShape(a, b *table.Table) bool {
	return slices.EqualFunc(a.Columns, b.Columns, func(x, y *table.Column) bool {
		return strings.EqualFold(x.Name, y.Name) && x.Kind == y.Kind && x.Unsigned == y.Unsigned && slices.Equal(x.Members, y.Members)
	})
}

func (r *blocking) close() {
	if r.reader != nil {
		r.reader.Close()
		r.reader = nil
	}
	if r.conn != nil {
		_ = r.conn.Close() // gives locks and transaction back
		r.conn = nil
	}
}
