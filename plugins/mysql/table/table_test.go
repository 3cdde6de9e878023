package table

import (
	"slices"
	"strings"
	"testing"
)

func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{
		"INT": Int, "int unsigned zerofill": Int, "BOOLEAN": TinyInt, "INT8": BigInt, "DOUBLE PRECISION": Double, "FLOAT": Float,
		"DECIMAL UNSIGNED": Decimal, "LONG": MediumText, "LONG VARCHAR": MediumText, "LONG VARBINARY": MediumBlob,
		"CHAR": Char, "CHAR BINARY": Char, "CHARACTER VARYING": VarChar, "NATIONAL CHAR": Char, "NATIONAL CHAR VARYING": VarChar,
		"NCHAR VARCHAR": VarChar, "NATIONAL VARCHAR BINARY": VarChar, "NVARCHAR": VarChar, "VARCHAR BINARY": VarChar,
		"GEOMCOLLECTION": Geometry, "ENUM": Enum, "SET BINARY": Set, "UUID": UUID, "": Unknown, "WHATEVER": Unknown,
	} {
		if got := KindOf(name); got != want {
			t.Errorf("KindOf(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for quoted, want := range map[string]string{
		`'a'`: "a", `''`: "", `'it''s'`: "it's", `"a""b"`: `a"b`, `'a\'b\\c\n\0\Z\%\_\q'`: "a'b\\c\n\x00\x1a\\%\\_q",
		`plain`: "plain", `'`: "'", `'a"`: `'a"`, `'ü☃'`: "ü☃", `'x\`: `'x\`,
	} {
		if got := Unquote(quoted); got != want {
			t.Errorf("Unquote(%s) = %q, want %q", quoted, got, want)
		}
	}
}

func TestDerive(t *testing.T) {
	c := Column{TypeName: "SET", EnumValues: []string{"'a'", `'b\'c'`}}
	if c.Derive(); c.Kind != Set || !slices.Equal(c.Members, []string{"a", "b'c"}) || !c.IsText() {
		t.Errorf("%+v", c)
	}
	c = Column{TypeName: "INT UNSIGNED ZEROFILL"}
	if c.Derive(); !c.Unsigned || !c.Zerofill || c.BaseType() != "INT" {
		t.Errorf("%+v", c)
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range charsets() {
		if got := CharsetOfCollation(c.DefaultCollation); got != c.Name {
			t.Errorf("collation %s belongs to %q, want %s", c.DefaultCollation, got, c.Name)
		}
	}
	for collation, want := range map[string]string{"UTF8_bin": "utf8mb3", "utf8mb4_uca1400_ai_ci": "utf8mb4", "uca1400_ai_ci": "", "binary": "binary"} {
		if got := CharsetOfCollation(collation); got != want {
			t.Errorf("collation %s belongs to %q, want %q", collation, got, want)
		}
	}
	if c, ok := FindCharset("UTF8MB4"); !ok || c.MaxBytes != 4 {
		t.Error(c, ok)
	}
}

func TestIDs(t *testing.T) {
	id := ID{Database: `a"b`, Name: "c`d"}
	if id.String() != "a\"b.c`d" || id.Quoted() != `"a""b"."c`+"`"+`d"` || id.QuotedBy('`') != "`a\"b`.`c``d`" {
		t.Error(id.String(), id.Quoted(), id.QuotedBy('`'))
	}
	if name := (ID{Name: "t"}); name.String() != "t" || name.Quoted() != `"t"` {
		t.Error(name)
	}
}

func newTable(names ...string) *Table {
	t := &Table{ID: ID{Database: "d", Name: "t"}, PrimaryKey: []string{names[0]}}
	for _, n := range names {
		t.Columns = append(t.Columns, &Column{Name: n})
	}
	t.Renumber()
	return t
}

func TestCloneIsApart(t *testing.T) {
	before := newTable("a", "b", "c")
	after := before.Clone()
	after.Columns = slices.Insert(after.Columns, 0, &Column{Name: "new"})
	after.PrimaryKey[0] = "new"
	after.Renumber()
	if before.Columns[0].Name != "a" || before.Columns[0].Position != 1 || before.PrimaryKey[0] != "a" || before.Columns[2].Position != 3 {
		t.Errorf("the original changed: %+v", before.Columns[0])
	}
	if c := after.Column("C"); c == nil || c.Position != 4 || after.Index("x") != -1 || !after.IsKey("NEW") {
		t.Errorf("%+v", c)
	}
}

func TestCatalog(t *testing.T) {
	for nameCase, found := range map[NameCase]bool{CaseSensitive: false, Lowered: true, CasePreserving: true} {
		c := NewCatalog(nameCase)
		c.Put(newTable("a"))
		c.PutDatabase(Database{Name: "d", Charset: "latin1"})
		if (c.Table(ID{"D", "T"}) != nil) != found || c.Table(ID{"d", "t"}) == nil {
			t.Errorf("case %d: the table is not found as it should be", nameCase)
		}
		if d, ok := c.Database("D"); ok != found || ok && d.Charset != "latin1" {
			t.Errorf("case %d: database %+v", nameCase, d)
		}
	}
}

func TestDroppingDatabases(t *testing.T) {
	c := NewCatalog(CaseSensitive)
	for _, id := range []ID{{"b", "y"}, {"a", "x"}, {"b", "x"}} {
		c.Put(&Table{ID: id})
	}
	var names []string
	for tbl := range c.All() {
		names = append(names, tbl.ID.String())
	}
	if strings.Join(names, " ") != "a.x b.x b.y" {
		t.Error(names)
	}
	dropped := c.DropDatabase("b")
	if len(dropped) != 2 || dropped[0].ID.Name != "x" || c.Len() != 1 || c.Drop(ID{"b", "x"}) != nil || c.Drop(ID{"a", "x"}) == nil {
		t.Error(dropped, c.Len())
	}
}
