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
	// origin is what a column was called before the statement; new columns are
	// not in it.
	origin map[*table.Column]string
	// renamed maps the old names of columns to the new ones; newKey says that the
	// key names columns as they are after the statement.
	renamed map[string]string
	newKey  bool
}

func newEditor(t *table.Table, x *execution) *editor {
	ed := &editor{table: t, x: x, renamed: map[string]string{}, origin: make(map[*table.Column]string, len(t.Columns))}
	for _, c := range t.Columns {
		ed.origin[c] = c.Name
	}
	return ed
}

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

// alter applies an ALTER TABLE.
func (ed *editor) alter(s *alterTableStatement) error {
	ed.applyOptions(s.options)
	for phase := range phases {
		for _, item := range s.items {
			if item.phase() != phase {
				continue
			}
			if err := item.alter(ed); err != nil {
				return err
			}
		}
	}
	ed.renameKey()
	ed.table.Renumber()
	return nil
}

// renameKey makes the key follow its columns' new names.
func (ed *editor) renameKey() {
	if ed.newKey {
		return
	}
	for i, k := range ed.table.PrimaryKey {
		if name, ok := ed.renamed[strings.ToLower(k)]; ok {
			ed.table.PrimaryKey[i] = name
		}
	}
}

// find gives the column that had the name before the statement, or else the one
// that has it now; -1 when there is none.
func (ed *editor) find(name string) int {
	for i, c := range ed.table.Columns {
		if old, ok := ed.origin[c]; ok && strings.EqualFold(old, name) {
			return i
		}
	}
	return ed.table.Index(name)
}

// replace puts another version of a column in its place.
func (ed *editor) replace(i int, col *table.Column) {
	old := ed.table.Columns[i]
	if name, ok := ed.origin[old]; ok {
		delete(ed.origin, old)
		ed.origin[col] = name
	}
	ed.table.Columns[i] = col
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
	// MySQL refuses NULL in a primary key, so where a key's column gets it the key
	// was a unique one. MariaDB overrules it.
	key := i >= 0 && ed.isKey(i) && (def.nullable == nil || ed.x.cursor.mariadb())
	if i < 0 {
		ed.table.Columns = append(ed.table.Columns, col)
		i = len(ed.table.Columns) - 1
	} else {
		ed.replace(i, col)
	}
	col.Position = i + 1
	if def.primary {
		ed.setKey([]string{col.Name})
	}
	if key {
		ed.requireValue(i)
	}
	return nil
}

// isKey says whether the column at index i belongs to the key as it was.
func (ed *editor) isKey(i int) bool {
	c := ed.table.Columns[i]
	if name, ok := ed.origin[c]; ok && !ed.newKey {
		return ed.table.IsKey(name)
	}
	return ed.table.IsKey(c.Name)
}

func (ed *editor) setKey(names []string) {
	ed.table.PrimaryKey, ed.newKey = names, true
}

// requireValue makes a column NOT NULL, as the server does for keys.
func (ed *editor) requireValue(i int) {
	if col := *ed.table.Columns[i]; col.Optional {
		col.Optional = false
		col.HasDefault = col.Default != nil
		ed.replace(i, &col)
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
		ed.setKey(ed.columnNames(key))
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
	ed.setKey(ed.columnNames(key))
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
	i := ed.find(name)
	if i < 0 {
		return ed.errorf("the column %s to be changed does not exist", name)
	}
	col := *ed.table.Columns[i]
	change(&col)
	ed.replace(i, &col)
	return nil
}
