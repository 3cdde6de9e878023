//go:build servers

package chunk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// keyType is a type of column, and the random literals that go into it.
type keyType struct {
	sql     string
	literal func(r *rand.Rand) string
}

func keyTypes(flavor position.Flavor) []keyType {
	text := func(r *rand.Rand) string {
		const letters = `aAbBéÉßsS \'"%ñ日`
		runes, out := []rune(letters), []rune{}
		for range r.IntN(4) {
			out = append(out, runes[r.IntN(len(runes))])
		}
		return fmt.Sprintf("CONVERT(x'%x' USING utf8mb4)", string(out))
	}
	bytes := func(r *rand.Rand) string { return fmt.Sprintf("x'%04x'", r.IntN(400)) }
	number := func(r *rand.Rand) string { return fmt.Sprint(r.IntN(60) - 30) }
	types := []keyType{
		{"INT", number},
		{"BIGINT UNSIGNED", func(r *rand.Rand) string { return fmt.Sprint(^uint64(0) - r.Uint64N(40)) }},
		{"DECIMAL(20,3)", func(r *rand.Rand) string { return fmt.Sprintf("%d.%03d", r.IntN(8)-4, r.IntN(1000)) }},
		{"DOUBLE", func(r *rand.Rand) string { return fmt.Sprint(r.NormFloat64()) }},
		{"VARCHAR(20) CHARACTER SET utf8mb4", text},
		{"VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", text},
		{"CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", text},
		{"VARBINARY(8)", bytes},
		{"BINARY(3)", bytes},
		{"BIT(10)", func(r *rand.Rand) string { return fmt.Sprint(r.IntN(1024)) }},
		{"ENUM('z','b','a')", func(r *rand.Rand) string { return fmt.Sprint(1 + r.IntN(3)) }},
		{"SET('z','b','a')", func(r *rand.Rand) string { return fmt.Sprint(r.IntN(8)) }},
		{"DATE", func(r *rand.Rand) string { return fmt.Sprintf("'20%02d-01-%02d'", r.IntN(3), 1+r.IntN(28)) }},
		{"DATETIME(3)", func(r *rand.Rand) string {
			return fmt.Sprintf("'2020-01-01 00:00:%02d.%03d'", r.IntN(60), r.IntN(1000))
		}},
		{"TIMESTAMP(6)", func(r *rand.Rand) string {
			return fmt.Sprintf("'2020-01-01 00:00:%02d.%06d'", r.IntN(60), r.IntN(1000))
		}},
		{"TIME", func(r *rand.Rand) string { return fmt.Sprintf("'%d:00:%02d'", r.IntN(100)-50, r.IntN(60)) }},
		{"YEAR", func(r *rand.Rand) string { return fmt.Sprint(2000 + r.IntN(40)) }},
	}
	if flavor == position.MySQL {
		types = append(types, keyType{"VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci", func(r *rand.Rand) string {
			return fmt.Sprintf("'%s%s'", []string{"a", "ä", "ae", "Ä", "s", "ß", "ss"}[r.IntN(7)], []string{"", " ", "x"}[r.IntN(3)])
		}})
	} else {
		types = append(types, keyType{"UUID", func(r *rand.Rand) string {
			return fmt.Sprintf("'%08x-0000-1000-8000-%012x'", r.IntN(9), r.IntN(9))
		}})
	}
	return types
}

// TestPiecesMakeTheTable reads random tables in pieces of random size and
// compares with the naive way: all rows at once.
func TestPiecesMakeTheTable(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]*peer.Database{"mysql": rig.MySQL(t), "mariadb": rig.MariaDB(t)} {
		conn, err := server.Connect(t.Context(), server.Config{
			Host: "127.0.0.1", Port: db.Port, User: "root", Session: []string{"SET time_zone='+00:00'", chunk.Session},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		r := rand.New(rand.NewPCG(1, 2))
		exec(t, conn, "CREATE DATABASE pieces CHARACTER SET utf8mb4")
		types := keyTypes(conn.Flavor())
		for round := range 60 {
			tab := random(t, conn, r, types, round)
			compare(t, name, conn, r, tab)
		}
	}
}

// random makes and fills a table with a key of one to three columns, of which a
// further one may be NULL.
func random(t *testing.T, conn *server.Conn, r *rand.Rand, types []keyType, round int) *chunk.Table {
	t.Helper()
	id := table.ID{Database: "pieces", Name: fmt.Sprintf("t%d", round)}
	n := 1 + r.IntN(3)
	columns, names, chosen := []string{}, []string{}, []keyType{}
	nullable := r.IntN(3) == 0
	for i := range n {
		k := types[r.IntN(len(types))]
		if n == 1 {
			k = types[round%len(types)]
		}
		null := " NOT NULL"
		if nullable {
			null = " NULL DEFAULT NULL"
		}
		chosen, names = append(chosen, k), append(names, fmt.Sprintf("c%d", i))
		columns = append(columns, names[i]+" "+k.sql+null)
	}
	create := fmt.Sprintf("CREATE TABLE pieces.%s (%s, UNIQUE KEY k (%s))", id.Name, strings.Join(columns, ", "), strings.Join(names, ", "))
	exec(t, conn, create)
	for range r.IntN(40) {
		values := make([]string, n)
		for i, k := range chosen {
			if values[i] = k.literal(r); nullable && r.IntN(4) == 0 {
				values[i] = "NULL"
			}
		}
		// A unique index lets NULLs repeat; a key that is used for reading in pieces must not.
		exec(t, conn, fmt.Sprintf("INSERT IGNORE INTO pieces.%s SELECT %s FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM pieces.%[1]s WHERE (%s) <=> (%[2]s))",
			id.Name, strings.Join(values, ", "), strings.Join(names, ", ")))
	}
	p := ddl.New(ddl.Config{Dialect: ddl.MySQL, Catalog: table.NewCatalog(table.CaseSensitive)})
	if conn.Flavor() == position.MariaDB {
		p = ddl.New(ddl.Config{Dialect: ddl.MariaDB, Catalog: table.NewCatalog(table.CaseSensitive)})
	}
	if _, err := p.Apply(id.Database, create); err != nil {
		t.Fatal(err)
	}
	known := p.Catalog().Table(id)
	key, err := chunk.Columns(known, names)
	if err != nil {
		t.Fatal(err)
	}
	return &chunk.Table{ID: id, Key: key, Condition: []string{"", "c0 IS NULL OR c0 IS NOT NULL"}[r.IntN(2)]}
}

func compare(t *testing.T, name string, conn *server.Conn, r *rand.Rand, tab *chunk.Table) {
	t.Helper()
	all, err := tab.Next(nil, nil, 0)
	want := keys(t, conn, all, err)
	most := keys(t, conn, tab.Max(), nil)
	if len(want) == 0 {
		if len(most) != 0 {
			t.Errorf("%s %s: an empty table has the last key %v", name, tab.ID, most)
		}
		return
	}
	if fmt.Sprint(most[0]) != fmt.Sprint(want[len(want)-1]) || fmt.Sprint(keys(t, conn, tab.Min(), nil)[0]) != fmt.Sprint(want[0]) {
		t.Errorf("%s %s: the edges are not those of the table", name, tab.ID)
	}
	size := 1 + r.IntN(7)
	var got []chunk.Key
	var after chunk.Key
	for len(got) <= len(want) {
		sql, err := tab.Next(after, most[0], size)
		piece := keys(t, conn, sql, err)
		if len(piece) == 0 {
			break
		}
		end := piece[len(piece)-1]
		sql, err = tab.Range(after, end)
		if n := len(keys(t, conn, sql, err)); n != len(piece) {
			t.Errorf("%s %s: a range of %d rows has %d", name, tab.ID, len(piece), n)
		}
		sql, err = tab.Boundary(after, most[0], len(piece))
		if b := keys(t, conn, sql, err); len(b) != 1 || fmt.Sprint(b[0]) != fmt.Sprint(end) {
			t.Errorf("%s %s: the boundary is %v, want %v", name, tab.ID, b, end)
		}
		got, after = append(got, piece...), end
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s %s, key %v, pieces of %d:\ngot  %v\nwant %v", name, tab.ID, typeNames(tab), size, got, want)
	}
	for i := range want {
		for j := range want {
			if order, ok := chunk.Compare(tab.Key, want[i], want[j]); ok && (order < 0) != (i < j) && i != j {
				t.Errorf("%s %s: Compare says %d for the keys %v and %v", name, tab.ID, order, want[i], want[j])
			}
		}
	}
}

func typeNames(tab *chunk.Table) (names []string) {
	for _, c := range tab.Key {
		names = append(names, c.TypeName)
	}
	return names
}

func keys(t *testing.T, conn *server.Conn, sql string, err error) []chunk.Key {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.All(context.Background(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	out := make([]chunk.Key, len(rows))
	for i, row := range rows {
		for _, v := range row {
			out[i] = append(out[i], chunk.Value{Text: v.String, Null: v.Null})
		}
	}
	return out
}

func exec(t *testing.T, conn *server.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
