package snapshot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// job is a table that is to be read. The goroutine that plans makes it, and
// later the one that fills batches owns it, but for what the fetcher reads:
// table, statement and chunks.
type job struct {
	table     *table.Table
	index     int    // in the list of tables
	statement string // reads the whole table; "" when it is read in the order of chunks.Key
	chunks    chunk.Table
	after     chunk.Key // rows up to it were handed on before the snapshot was interrupted
	before    int64     // how many these were
	estimate  int64     // rows, as the storage engine reports them
	size      int       // rows of a piece, when several connections read the table
}

// keyed says whether the rows come in the order of a key, so that reading can go
// on behind any of them.
func (j *job) keyed() bool { return j.statement == "" }

// jobs prepares the tables that are to be read, in order.
func (r *Reader) jobs(ctx context.Context, ids []table.ID) ([]*job, error) {
	var all []*job
	estimates := map[string]map[string]int64{} // by database and table
	for _, id := range ids {
		if r.done(id) {
			continue
		}
		t := r.schema.Table(id)
		if t == nil {
			return nil, fmt.Errorf("snapshot: the structure of table %s is not known; check the include and exclude lists", id)
		}
		if estimates[id.Database] == nil {
			var err error
			if estimates[id.Database], err = r.conn.EstimatedRows(ctx, id.Database); err != nil {
				return nil, err
			}
		}
		j := &job{table: t, index: len(all), estimate: estimates[id.Database][id.Name]}
		r.plan(j)
		all = append(all, j)
	}
	r.order(all)
	return all, nil
}

// done says whether a table was read before the snapshot was interrupted.
func (r *Reader) done(id table.ID) bool {
	return r.cfg.Resume != nil && slices.Contains(r.cfg.Resume.Done, id.String())
}

// plan decides how a table is read. A small one is read with a plain statement, in
// whatever order the server likes, as Debezium does; an interrupted snapshot reads
// it anew.
func (r *Reader) plan(j *job) {
	j.statement = r.override(j.table.ID)
	if j.statement != "" {
		return
	}
	columns := r.selected(j.table)
	j.statement = "SELECT " + columns + " FROM " + quoted(j.table.ID)
	resumed := r.cfg.Resume != nil && r.cfg.Resume.Table == j.table.ID.String()
	if j.estimate < 2*int64(r.cfg.PieceRows) && !resumed {
		return
	}
	key, err := chunk.Columns(j.table, j.table.PrimaryKey)
	unusable := func(c *table.Column) bool { return !chunk.Sortable(c) || !r.cfg.Filter.Column(j.table.ID, c.Name) }
	if err != nil || len(key) == 0 || slices.ContainsFunc(key, unusable) {
		return
	}
	j.statement, j.chunks = "", chunk.Table{ID: j.table.ID, Key: key, Projection: columns}
	j.size = r.cfg.PieceRows
	if resumed {
		r.goOn(j)
	}
}

// goOn makes a table begin behind the last row that was handed on, unless its
// structure has changed since: then its rows are all read anew.
func (r *Reader) goOn(j *job) {
	c := r.cfg.Resume
	if len(c.Key) != len(j.chunks.Key) || c.Structure != structureOf(j.table) {
		r.log.Info("snapshot: the table begins anew, as it was not read in the order of its key or its structure has changed", "table", c.Table)
		return
	}
	for _, text := range c.Key {
		j.after = append(j.after, chunk.Value{Text: string(text), Null: text == nil})
	}
	j.before = c.Rows
}

// structureOf tells versions of a table apart.
func structureOf(t *table.Table) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", t.ID.String(), t.PrimaryKey)
	for _, c := range t.Columns {
		fmt.Fprintf(h, " %q %q %d %d %q %t %q", c.Name, c.TypeName, c.Length, c.Scale, c.Charset, c.Optional, c.Members)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// override is the statement that the user wants, "" for none.
func (r *Reader) override(id table.ID) string {
	if sql, ok := r.cfg.Overrides[id.String()]; ok {
		return sql
	}
	return r.cfg.Overrides[id.Name]
}

// selected lists all captured columns, in storage order.
func (r *Reader) selected(t *table.Table) string {
	var columns, all []string
	for _, c := range t.Columns {
		name := server.QuoteName(c.Name)
		all = append(all, name)
		if r.cfg.Filter.Column(t.ID, c.Name) {
			columns = append(columns, name)
		}
	}
	if len(columns) == 0 {
		columns = all
	}
	return strings.Join(columns, ", ")
}

// order sorts tables by their estimated number of rows, if so configured.
func (r *Reader) order(jobs []*job) {
	sign := 1
	switch r.cfg.Order {
	case "", "disabled":
		return
	case "descending":
		sign = -1
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return sign * cmp.Compare(a.estimate, b.estimate) })
	for i, j := range jobs {
		j.index = i
	}
}
