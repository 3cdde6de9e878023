//go:build servers

package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// A snapshot that is stopped anywhere, again and again, while its tables change: what was written folds to what the
// tables hold, and no life hands on an older value of a row behind a newer one.
func TestInterruptedSnapshot(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			for round := range 6 {
				seed := rig.Seed(t)
				t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { interrupted(t, db, round, seed) })
			}
		})
	}
}

// trial is a database with tables a and b, whose rows have a version, and what was written of them.
type trial struct {
	t       *testing.T
	random  *rand.Rand
	db      *peer.Database
	name    string
	version int
	columns int
	topic   map[string]string // by topic and key: the version of the row
	last    bool              // the snapshot's last record has come
}

func interrupted(t *testing.T, db *peer.Database, round int, seed uint64) {
	c := &trial{t: t, random: rand.New(rand.NewPCG(seed, 0)), db: db, name: fmt.Sprintf("i%d", round), topic: map[string]string{}}
	c.create()
	l := newLife(t, db, 5600+round, map[string]string{
		"database.include.list": c.name, "include.schema.changes": "false", "snapshot.chunk.rows": "20",
		"snapshot.max.threads": fmt.Sprint(1 + 2*c.random.IntN(2)), "provide.transaction.metadata": fmt.Sprint(c.random.IntN(2) == 0),
	})
	for lives := 0; !c.last; lives++ {
		l.start()
		n := 1 + c.random.IntN(300)
		if lives > 20 { // the stream may not keep up with the changes otherwise
			n = 1 << 20
		}
		c.live(l, n)
		l.stop()
		for range c.random.IntN(8) {
			c.change()
		}
		if lives > 60 {
			t.Fatal("the snapshot never ends")
		}
	}
	l.start()
	mustExec(t, db, "INSERT INTO "+c.name+".a (id, v) VALUES (100000, 0)")
	for c.topic["p."+c.name+`.a{"id":100000}`] == "" {
		c.live(l, 1)
	}
	c.compare()
}

func (c *trial) create() {
	rows := func(table string, values func(i int) string, n int) string {
		var all []string
		for i := range n {
			all = append(all, values(i))
		}
		return "INSERT INTO " + c.name + "." + table + " VALUES " + strings.Join(all, ",")
	}
	mustExec(c.t, c.db, "DROP DATABASE IF EXISTS "+c.name, "CREATE DATABASE "+c.name,
		"CREATE TABLE "+c.name+".a (id INT PRIMARY KEY, v INT NOT NULL)",
		"CREATE TABLE "+c.name+".b (n INT, s VARCHAR(20), v INT NOT NULL, PRIMARY KEY (s, n)) CHARSET utf8mb4",
		"CREATE TABLE "+c.name+".c (id INT PRIMARY KEY, v INT NOT NULL)",
		"CREATE TABLE "+c.name+".d (id INT PRIMARY KEY, v INT NOT NULL)",
		rows("a", func(i int) string { return fmt.Sprintf("(%d,0)", i*3) }, 300),
		rows("b", func(i int) string { return fmt.Sprintf("(%d,'%c''%d',0)", i, 'a'+i%7, i%5) }, 200),
		rows("d", func(i int) string { return fmt.Sprintf("(%d,0)", i) }, 5))
}

// change changes rows, and now and then a table.
func (c *trial) change() {
	c.version++
	id, v := c.random.IntN(900), c.version
	statement := [...]string{
		fmt.Sprintf("REPLACE INTO %s.a (id, v) VALUES (%d,%d)", c.name, id, v),
		fmt.Sprintf("UPDATE %s.a SET v=%d WHERE id BETWEEN %d AND %d", c.name, v, id, id+15),
		fmt.Sprintf("DELETE FROM %s.a WHERE id=%d", c.name, id),
		fmt.Sprintf("UPDATE %s.a SET v=%d, id=%d WHERE id=%d AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM %[1]s.a) x WHERE x.id=%[3]d)", c.name, v, c.random.IntN(900), id),
		fmt.Sprintf("UPDATE %s.b SET v=%d WHERE n BETWEEN %d AND %d", c.name, v, id, id+20),
		fmt.Sprintf("DELETE FROM %s.b WHERE n=%d", c.name, id),
		fmt.Sprintf("REPLACE INTO %s.b (n, s, v) VALUES (%d,'q',%d)", c.name, id, v),
		fmt.Sprintf("REPLACE INTO %s.c (id, v) VALUES (%d,%d)", c.name, id%50, v),
	}[c.random.IntN(8)]
	if c.random.IntN(60) == 0 {
		c.columns++
		statement = fmt.Sprintf("ALTER TABLE %s.%c ADD COLUMN x%d INT", c.name, 'a'+c.random.IntN(4), c.columns)
	}
	mustExec(c.t, c.db, statement)
}

// live polls until n records have come, or none comes any more, and commits the offset of one of them.
func (c *trial) live(l *life, n int) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	newest := map[string]int{}
	var got []record
	for len(got) < n && !c.last || len(got) == 0 {
		more, err := l.poll(ctx, 1+c.random.IntN(40))
		if err != nil || ctx.Err() != nil {
			c.t.Fatalf("%d of %d records: %v, %v", len(got), n, err, ctx.Err())
		}
		for _, r := range more {
			c.take(r, newest)
		}
		got = append(got, more...)
	}
	r := got[c.random.IntN(len(got))]
	if c.last {
		r = got[len(got)-1]
	}
	l.runtime.offset = committed(c.t, r.offset)
}

// take folds a record into the topics.
func (c *trial) take(r record, newest map[string]int) {
	if r.topic == "p.transaction" {
		return
	}
	key := r.topic + r.key
	var v struct {
		Op     string
		After  struct{ V int }
		Source struct{ Snapshot string }
	}
	if r.value == "" {
		return
	}
	if err := json.Unmarshal([]byte(r.value), &v); err != nil {
		c.t.Fatal(err)
	}
	c.last = c.last || v.Source.Snapshot == "last"
	if v.Op == "d" {
		delete(c.topic, key)
		return
	}
	if v.After.V < newest[key] {
		c.t.Fatalf("version %d of %s came behind version %d", v.After.V, key, newest[key])
	}
	newest[key] = v.After.V
	c.topic[key] = fmt.Sprint(v.After.V)
}

// compare compares what was written with the tables.
func (c *trial) compare() {
	c.t.Helper()
	want := map[string]string{}
	conn, err := c.db.Connect()
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	for table, columns := range map[string]string{"a": "id", "b": "s,n", "c": "id", "d": "id"} {
		result, err := conn.Execute("SELECT " + columns + ",v FROM " + c.name + "." + table)
		if err != nil {
			c.t.Fatal(err)
		}
		for i := range result.RowNumber() {
			first, _ := result.GetString(i, 0)
			key, at := fmt.Sprintf(`{"id":%s}`, first), 1
			if table == "b" {
				n, _ := result.GetString(i, 1)
				key, at = fmt.Sprintf(`{"s":%q,"n":%s}`, first, n), 2
			}
			v, _ := result.GetString(i, at)
			want["p."+c.name+"."+table+key] = v
		}
	}
	if maps.Equal(c.topic, want) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if c.topic[key] != want[key] {
			c.t.Errorf("%s has version %q, the table %q", key, c.topic[key], want[key])
		}
	}
	for key := range c.topic {
		if _, ok := want[key]; !ok {
			c.t.Errorf("%s is not in the table", key)
		}
	}
}
