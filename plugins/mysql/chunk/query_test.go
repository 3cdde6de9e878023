package chunk

import (
	"testing"

	"github.com/millrace/millrace/plugins/mysql/table"
)

func column(name, typeName string, optional bool, members ...string) *table.Column {
	c := &table.Column{Name: name, TypeName: typeName, Optional: optional, EnumValues: members}
	c.Derive()
	return c
}

func key(texts ...string) Key {
	k := Key{}
	for _, s := range texts {
		k = append(k, Value{Text: s, Null: s == "NULL"})
	}
	return k
}

func TestStatements(t *testing.T) {
	id := table.ID{Database: "d", Name: "t`"}
	a, b := column("a", "INT", false), column("b", "VARCHAR", false)
	one := Table{ID: id, Key: []*table.Column{a}}
	two := Table{ID: id, Key: []*table.Column{a, b}, Projection: "`a`, `b`", Condition: "a < 5 OR b = 'x'"}
	null := Table{ID: id, Key: []*table.Column{column("n", "INT", true), a}}
	enum := Table{ID: id, Key: []*table.Column{column("e", "ENUM", false, "'z'", "'a'")}}
	for _, c := range []struct {
		name string
		make func() (string, error)
		want string
	}{
		{"first piece", func() (string, error) { return one.Next(nil, nil, 10) }, "SELECT * FROM `d`.`t``` ORDER BY `a` LIMIT 10"},
		{"next piece", func() (string, error) { return one.Next(key("-3"), key("9"), 10) },
			"SELECT * FROM `d`.`t``` WHERE (`a` > -3) AND NOT (`a` > 9) ORDER BY `a` LIMIT 10"},
		{"two columns and a condition", func() (string, error) { return two.Next(key("1", "o'x"), nil, 0) },
			"SELECT `a`, `b` FROM `d`.`t``` WHERE (a < 5 OR b = 'x') AND ((`a` > 1) OR (`a` = 1 AND `b` > 'o''x')) ORDER BY `a`, `b`"},
		{"a backslash", func() (string, error) { return two.Range(key("1", `a\`), nil) },
			"SELECT `a`, `b` FROM `d`.`t``` WHERE (a < 5 OR b = 'x') AND ((`a` > 1) OR (`a` = 1 AND `b` > _utf8mb4 x'615c'))"},
		{"NULL", func() (string, error) { return null.Range(key("NULL", "1"), key("2", "3")) },
			"SELECT * FROM `d`.`t``` WHERE ((`n` IS NOT NULL) OR (`n` IS NULL AND `a` > 1)) AND NOT ((`n` > 2 AND `n` IS NOT NULL) OR (`n` <=> 2 AND `a` > 3))"},
		{"ENUM", func() (string, error) { return enum.Range(key("a"), nil) }, "SELECT * FROM `d`.`t``` WHERE (`e` > 2)"},
		{"least", func() (string, error) { return one.Min(), nil }, "SELECT `a` FROM `d`.`t``` ORDER BY `a` LIMIT 1"},
		{"greatest", func() (string, error) { return two.Max(), nil },
			"SELECT `a`, `b` FROM `d`.`t``` WHERE (a < 5 OR b = 'x') ORDER BY `a` DESC, `b` DESC LIMIT 1"},
		{"boundary", func() (string, error) { return one.Boundary(key("1"), nil, 100) },
			"SELECT `a` FROM `d`.`t``` WHERE (`a` > 1) ORDER BY `a` LIMIT 1 OFFSET 99"},
	} {
		got, err := c.make()
		if err != nil || got != c.want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	id := table.ID{Database: "d", Name: "t"}
	for _, c := range []struct {
		column *table.Column
		key    Key
		want   string
	}{
		{column("a", "INT", false), key("1", "2"), "table d.t: a key has 2 values, but is made of 1 columns"},
		{column("a", "INT", false), key("1 OR 1"), `table d.t: column a: "1 OR 1" is not a number`},
		{column("a", "FLOAT", false), key("1"), "table d.t: column a of type FLOAT cannot be compared exactly with a literal"},
		{column("a", "ENUM", false, "'x'"), key("y"), `table d.t: column a: "y" is not a member of the ENUM as it is known`},
	} {
		table := Table{ID: id, Key: []*table.Column{c.column}}
		if _, err := table.Range(c.key, nil); err == nil || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.key, err, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		typeName string
		a, b     string
		want     int
		ok       bool
	}{
		{"INT", "9", "10", -1, true},
		{"BIGINT UNSIGNED", "18446744073709551615", "9223372036854775807", 1, true},
		{"DECIMAL", "-1.50", "-1.5", 0, true},
		{"DOUBLE", "1e3", "999.5", 1, true},
		{"BIT", "\x01\x00", "\xff", 1, true},
		{"ENUM", "b", "a", -1, true},
		{"SET", "a", "b,a", -1, true},
		{"DATETIME", "2020-01-01 00:00:00", "2019-12-31 23:59:59", 1, true},
		{"VARBINARY", "a", "a\x00", -1, true},
		{"VARCHAR", "a", "b", 0, false},
		{"INT", "NULL", "1", -1, true},
	} {
		columns := []*table.Column{column("c", c.typeName, true, "'b'", "'a'")}
		got, ok := Compare(columns, key(c.a), key(c.b))
		if got != c.want || ok != c.ok {
			t.Errorf("%s %q %q: got %d, %t, want %d, %t", c.typeName, c.a, c.b, got, ok, c.want, c.ok)
		}
	}
}
