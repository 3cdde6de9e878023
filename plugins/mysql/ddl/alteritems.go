package ddl

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

type addColumn struct {
	def   *columnDef
	place place
}

func (addColumn) phase() alterPhase { return phasePlace }

func (a addColumn) alter(ed *editor) error {
	if err := ed.putColumn(a.def); err != nil {
		return err
	}
	return ed.move(ed.table.Index(a.def.name), a.place)
}

// moveColumn is the place of a changed column.
type moveColumn struct {
	name  string
	place place
}

func (moveColumn) phase() alterPhase { return phasePlace }

func (a moveColumn) alter(ed *editor) error {
	i := ed.table.Index(a.name)
	if i < 0 {
		return nil
	}
	return ed.move(i, a.place)
}

type addKey struct{ key *keyDef }

func (addKey) phase() alterPhase { return phaseKeys }

func (a addKey) alter(ed *editor) error { return ed.addKey(a.key) }

// changeColumn is CHANGE, and MODIFY when both names are the same.
type changeColumn struct {
	old      string
	def      *columnDef
	ifExists bool
}

func (changeColumn) phase() alterPhase { return phaseChange }

func (a changeColumn) alter(ed *editor) error {
	i := ed.find(a.old)
	if i < 0 {
		i = ed.table.Index(a.def.name)
	}
	switch {
	case i < 0 && a.ifExists:
		return nil
	case i < 0:
		return ed.errorf("the column %s to be changed does not exist", a.old)
	}
	ed.renamed[strings.ToLower(ed.table.Columns[i].Name)] = a.def.name
	return ed.putColumnAt(i, a.def)
}

type renameColumn struct{ old, name string }

func (renameColumn) phase() alterPhase { return phaseChange }

func (a renameColumn) alter(ed *editor) error {
	if ed.find(a.old) < 0 && ed.table.Index(a.name) >= 0 {
		return nil
	}
	ed.renamed[strings.ToLower(a.old)] = a.name
	return ed.update(a.old, func(c *table.Column) { c.Name = a.name })
}

type dropColumn struct{ name string }

func (dropColumn) phase() alterPhase { return phaseDrop }

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

func (setColumnDefault) phase() alterPhase { return phasePlace }

func (a setColumnDefault) alter(ed *editor) error {
	return ed.update(a.name, func(c *table.Column) { setDefault(c, a.def) })
}

type setInvisible struct {
	name      string
	invisible bool
}

func (setInvisible) phase() alterPhase { return phaseChange }

func (a setInvisible) alter(ed *editor) error {
	return ed.update(a.name, func(c *table.Column) { c.Invisible = a.invisible })
}

type dropPrimaryKey struct{}

func (dropPrimaryKey) phase() alterPhase { return phaseDrop }

func (dropPrimaryKey) alter(ed *editor) error {
	ed.table.PrimaryKey = nil
	return nil
}

type renameTable struct{ id table.ID }

func (renameTable) phase() alterPhase { return phaseTable }

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

func (convertCharset) phase() alterPhase { return phaseConvert }

func (a convertCharset) alter(ed *editor) error {
	ed.applyOptions(tableOptions{charset: a.charset, collation: a.collation})
	for i, c := range ed.table.Columns {
		if c.IsText() && c.Charset != "" {
			col := *c
			col.Charset, col.Collation = ed.table.Charset, a.collation
			ed.replace(i, &col)
		}
	}
	return nil
}

// partitionToTable makes a table of a partition, with the same definition.
type partitionToTable struct{ id table.ID }

func (partitionToTable) phase() alterPhase { return phaseTable }

func (a partitionToTable) alter(ed *editor) error {
	t := ed.table.Clone()
	t.ID = ed.x.resolve(a.id)
	ed.x.catalog().Put(t)
	ed.x.add(Change{Kind: CreateTable, ID: t.ID})
	return nil
}

// tableToPartition makes a partition of a table, which ceases to exist.
type tableToPartition struct{ id table.ID }

func (tableToPartition) phase() alterPhase { return phaseTable }

func (a tableToPartition) alter(ed *editor) error {
	id := ed.x.resolve(a.id)
	ed.x.catalog().Drop(id)
	ed.x.add(Change{Kind: DropTable, ID: id})
	return nil
}
