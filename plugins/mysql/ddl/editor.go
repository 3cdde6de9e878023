package ddl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// editor changes a table that is not published yet. All changes can be applied
// twice with the same result, because after a restart a statement may be read
// again that the recovered history already holds.
type editor struct {
	table *table.Table
	x     *execution
}

func newEditor(t *table.Table, x *execution) *editor { return &editor{table: t, x: x} }

func (ed *editor) errorf(format string, args ...any) error {
	return fmt.Errorf("table %s: %s", ed.table.ID, fmt.Sprintf(format, args...))
}

// create builds the table of a CREATE TABLE. The charset comes first, because
// columns take theirs from it; keys come last, because they name columns.
func (ed *editor) create(s *createTableStatement) error {
	ed.table.Charset = ed.x.databaseCharset(ed.table.ID.Database)
	ed.applyOptions(s.options)
	for _, def := range s.columns {
		if err := ed.putColumn(def); err != nil {
			return err
		}
		if def.unique && len(ed.table.PrimaryKey) == 0 {
			ed.table.PrimaryKey = []string{def.name}
		}
	}
	return ed.addKeys(s.keys)
}

// alter applies an ALTER TABLE. Options come first whatever their place: the
// server gives new columns the charset that the table will have.
func (ed *editor) alter(s *alterTableStatement) error {
	ed.applyOptions(s.options)
	for _, item := range s.items {
		if err := item.alter(ed); err != nil {
			return err
		}
	}
	ed.table.Renumber()
	return nil
}

func (ed *editor) applyOptions(o tableOptions) {
	switch {
	case o.charset.fallback:
		ed.table.Charset = ed.x.databaseCharset(ed.table.ID.Database)
	case o.charset.name != "":
		ed.table.Charset = o.charset.name
	case o.collation != "" && charsetAsWritten(o.collation) != "":
		ed.table.Charset = charsetAsWritten(o.collation)
	}
	if o.comment != nil && ed.x.comments() {
		ed.table.Comment = o.comment
	}
}

// putColumn adds a column, or replaces the one of the same name where it is.
func (ed *editor) putColumn(def *columnDef) error {
	return ed.putColumnAt(ed.table.Index(def.name), def)
}

func (ed *editor) putColumnAt(i int, def *columnDef) error {
	col, err := def.column(ed.x.comments())
	if err != nil {
		return ed.errorf("%v", err)
	}
	if col.Charset == "" && col.IsText() {
		col.Charset = ed.table.Charset
	}
	if i < 0 {
		ed.table.Columns = append(ed.table.Columns, col)
		i = len(ed.table.Columns) - 1
	} else {
		ed.table.Columns[i] = col
	}
	col.Position = i + 1
	if def.primary {
		ed.table.PrimaryKey = []string{col.Name}
	}
	if def.nullable == nil && ed.table.IsKey(col.Name) {
		ed.requireValue(i)
	}
	return nil
}

// requireValue makes a column NOT NULL, as the server does for keys.
func (ed *editor) requireValue(i int) {
	if col := *ed.table.Columns[i]; col.Optional {
		col.Optional = false
		col.HasDefault = col.Default != nil
		ed.table.Columns[i] = &col
	}
}

func (ed *editor) addKeys(keys []*keyDef) error {
	for _, key := range keys {
		if err := ed.addKey(key); err != nil {
			return err
		}
	}
	return nil
}

// addKey records a primary key, or a unique one that can stand in for it: the
// first whose columns all exist and forbid NULL.
func (ed *editor) addKey(key *keyDef) error {
	if key.primary {
		return ed.setPrimaryKey(key)
	}
	if ed.canStandIn(key) {
		ed.table.PrimaryKey = ed.columnNames(key)
	}
	return nil
}

func (ed *editor) setPrimaryKey(key *keyDef) error {
	for _, name := range key.columns {
		i := ed.table.Index(name)
		if i < 0 {
			return ed.errorf("the primary key names the column %s, which does not exist", name)
		}
		ed.requireValue(i)
	}
	ed.table.PrimaryKey = ed.columnNames(key)
	return nil
}

func (ed *editor) canStandIn(key *keyDef) bool {
	if !key.unique || !ed.mayBecomeKey(key) {
		return false
	}
	return !slices.ContainsFunc(key.columns, func(name string) bool { return ed.table.Column(name).Optional })
}

// mayBecomeKey says whether there is no key yet and all parts are columns.
func (ed *editor) mayBecomeKey(key *keyDef) bool {
	return len(ed.table.PrimaryKey) == 0 && !key.expressions &&
		!slices.ContainsFunc(key.columns, func(name string) bool { return ed.table.Column(name) == nil })
}

// columnNames are the key's columns the way the table spells them.
func (ed *editor) columnNames(key *keyDef) []string {
	names := make([]string, len(key.columns))
	for i, name := range key.columns {
		names[i] = ed.table.Column(name).Name
	}
	return names
}

// move puts the column at index i where the place says.
func (ed *editor) move(i int, p place) error {
	if !p.first && p.after == "" {
		return nil
	}
	col := ed.table.Columns[i]
	if strings.EqualFold(col.Name, p.after) {
		return nil
	}
	rest := slices.Delete(slices.Clone(ed.table.Columns), i, i+1)
	target := 0
	if !p.first {
		target = slices.IndexFunc(rest, func(c *table.Column) bool { return strings.EqualFold(c.Name, p.after) }) + 1
		if target == 0 {
			return ed.errorf("column %s goes after the column %s, which does not exist", col.Name, p.after)
		}
	}
	ed.table.Columns = slices.Insert(rest, target, col)
	return nil
}

// update replaces a column by a changed copy.
func (ed *editor) update(name string, change func(*table.Column)) error {
	i := ed.table.Index(name)
	if i < 0 {
		return ed.errorf("the column %s to be changed does not exist", name)
	}
	col := *ed.table.Columns[i]
	change(&col)
	ed.table.Columns[i] = &col
	return nil
}

func (ed *editor) renameKeyColumn(old, name string) {
	for i, k := range ed.table.PrimaryKey {
		if strings.EqualFold(k, old) {
			ed.table.PrimaryKey[i] = name
		}
	}
}

type addColumn struct {
	def   *columnDef
	place place
}

func (a addColumn) alter(ed *editor) error {
	if err := ed.putColumn(a.def); err != nil {
		return err
	}
	return ed.move(ed.table.Index(a.def.name), a.place)
}

type addElements struct {
	columns []*columnDef
	keys    []*keyDef
}

func (a addElements) alter(ed *editor) error {
	for _, def := range a.columns {
		if err := ed.putColumn(def); err != nil {
			return err
		}
	}
	return ed.addKeys(a.keys)
}

type addKey struct{ key *keyDef }

func (a addKey) alter(ed *editor) error { return ed.addKey(a.key) }

// changeColumn is CHANGE, and MODIFY when both names are the same.
type changeColumn struct {
	old      string
	def      *columnDef
	place    place
	ifExists bool
}

func (a changeColumn) alter(ed *editor) error {
	i := ed.table.Index(a.old)
	if i < 0 {
		i = ed.table.Index(a.def.name)
	}
	switch {
	case i < 0 && a.ifExists:
		return nil
	case i < 0:
		return ed.errorf("the column %s to be changed does not exist", a.old)
	}
	ed.renameKeyColumn(ed.table.Columns[i].Name, a.def.name)
	if err := ed.putColumnAt(i, a.def); err != nil {
		return err
	}
	return ed.move(i, a.place)
}

type renameColumn struct{ old, name string }

func (a renameColumn) alter(ed *editor) error {
	if ed.table.Index(a.old) < 0 && ed.table.Index(a.name) >= 0 {
		return nil
	}
	ed.renameKeyColumn(a.old, a.name)
	return ed.update(a.old, func(c *table.Column) { c.Name = a.name })
}

type dropColumn struct{ name string }

func (a dropColumn) alter(ed *editor) error {
	i := ed.table.Index(a.name)
	if i < 0 {
		return nil
	}
	ed.table.Columns = slices.Delete(ed.table.Columns, i, i+1)
	ed.table.PrimaryKey = slices.DeleteFunc(ed.table.PrimaryKey, func(k string) bool { return strings.EqualFold(k, a.name) })
	return nil
}

type setColumnDefault struct {
	name string
	def  defaultValue
}

func (a setColumnDefault) alter(ed *editor) error {
	return ed.update(a.name, func(c *table.Column) { setDefault(c, a.def) })
}

type setInvisible struct {
	name      string
	invisible bool
}

func (a setInvisible) alter(ed *editor) error {
	return ed.update(a.name, func(c *table.Column) { c.Invisible = a.invisible })
}

type dropPrimaryKey struct{}

func (dropPrimaryKey) alter(ed *editor) error {
	ed.table.PrimaryKey = nil
	return nil
}

type renameTable struct{ id table.ID }

func (a renameTable) alter(ed *editor) error {
	ed.table.ID = ed.x.resolve(a.id)
	return nil
}

// convertCharset is CONVERT TO CHARACTER SET: the table and all its text
// columns get the charset.
type convertCharset struct {
	charset   charsetChoice
	collation string
}

func (a convertCharset) alter(ed *editor) error {
	ed.applyOptions(tableOptions{charset: a.charset, collation: a.collation})
	for i, c := range ed.table.Columns {
		if c.IsText() && c.Charset != "" {
			col := *c
			col.Charset, col.Collation = ed.table.Charset, a.collation
			ed.table.Columns[i] = &col
		}
	}
	return nil
}

// partitionToTable makes a table of a partition, with the same definition.
type partitionToTable struct{ id table.ID }

func (a partitionToTable) alter(ed *editor) error {
	t := ed.table.Clone()
	t.ID = ed.x.resolve(a.id)
	ed.x.catalog().Put(t)
	ed.x.add(Change{Kind: CreateTable, ID: t.ID})
	return nil
}

// tableToPartition makes a partition of a table, which ceases to exist.
type tableToPartition struct{ id table.ID }

func (a tableToPartition) alter(ed *editor) error {
	id := ed.x.resolve(a.id)
	ed.x.catalog().Drop(id)
	ed.x.add(Change{Kind: DropTable, ID: id})
	return nil
}
