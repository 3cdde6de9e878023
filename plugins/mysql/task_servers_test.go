//go:build servers

package mysql

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// String shows what a record says about a row or a statement.
func (r record) String() string {
	var v struct {
		Op, DDL, Status string
		Before, After   json.RawMessage
		Source          struct {
			Snapshot, Connector, GTID string
			Row                       int
		}
	}
	switch {
	case r.value == "":
		return fmt.Sprintf("%s %s tombstone", r.topic, r.key)
	case json.Unmarshal([]byte(r.value), &v) != nil:
		return fmt.Sprintf("%s %s malformed %s", r.topic, r.key, r.value)
	case v.DDL != "":
		return fmt.Sprintf("%s ddl %s", r.topic, v.DDL)
	case v.Status != "":
		return fmt.Sprintf("%s %s", r.topic, v.Status)
	}
	return fmt.Sprintf("%s %s %s %s->%s %s %d", r.topic, r.key, v.Op, v.Before, v.After, v.Source.Snapshot, v.Source.Row)
}

func texts(records []record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = r.String()
	}
	return out
}

func wantRecords(t *testing.T, got []record, want ...string) {
	t.Helper()
	if !slices.Equal(texts(got), want) {
		t.Errorf("records:\n%s\nwant:\n%s", strings.Join(texts(got), "\n"), strings.Join(want, "\n"))
	}
}

func mustExec(t *testing.T, db *peer.Database, statements ...string) {
	t.Helper()
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

// database makes a database anew, with table a of two rows.
func database(t *testing.T, db *peer.Database, name string) {
	t.Helper()
	mustExec(t, db, "CREATE DATABASE "+name, "CREATE TABLE "+name+".a (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(6,2)) CHARSET utf8mb4",
		"INSERT INTO "+name+".a VALUES (1,'x',1.5),(2,NULL,-2.25)")
}

// A task against MySQL, from the snapshot on.
func TestTaskOnMySQL(t *testing.T) {
	db := rig.MySQL(t)
	t.Run("snapshot and stream", func(t *testing.T) { snapshotAndStream(t, db, 5501, false) })
	t.Run("resume at every record", func(t *testing.T) { resumeEverywhere(t, db, 5502, nil) })
	t.Run("resume with transactions", func(t *testing.T) {
		resumeEverywhere(t, db, 5503, map[string]string{"provide.transaction.metadata": "true"})
	})
	t.Run("snapshot begins anew", func(t *testing.T) { snapshotBeginsAnew(t, db, 5504) })
	t.Run("exchange of tables", func(t *testing.T) { tablesExchanged(t, db, 5510) })
	t.Run("partial json", func(t *testing.T) { partialJSON(t, db, 5505) })
	t.Run("truncate", func(t *testing.T) { truncated(t, db, 5509) })
	t.Run("compressed", func(t *testing.T) { compressed(t, db, 5506) })
	t.Run("unknown table", func(t *testing.T) { unknownTable(t, db, 5507) })
	t.Run("guardrail", func(t *testing.T) { guarded(t, db, 5510) })
	t.Run("new source of GTIDs", func(t *testing.T) { newChannel(t, db, 5514) })
	t.Run("delays", func(t *testing.T) { delays(t, db, 5515) })
	t.Run("offset of another server", func(t *testing.T) { lostGTIDs(t, db, 5508) })
}

// A task of MySQL's connector against MariaDB.
func TestTaskOnMariaDB(t *testing.T) {
	db := rig.MariaDB(t)
	t.Run("snapshot and stream", func(t *testing.T) { snapshotAndStream(t, db, 5511, true) })
	t.Run("resume at every record", func(t *testing.T) { resumeEverywhere(t, db, 5512, nil) })
	t.Run("compressed", func(t *testing.T) { compressedOnMariaDB(t, db, 5513) })
	t.Run("exchange of tables", func(t *testing.T) { tablesExchanged(t, db, 5513) })
}

func snapshotAndStream(t *testing.T, db *peer.Database, id int, mariadb bool) {
	database(t, db, "shop")
	l := newLife(t, db, id, map[string]string{"database.include.list": "shop", "decimal.handling.mode": "string", "include.schema.changes": "false"})
	l.start()
	if warned := strings.Contains(l.log.String(), "the server is MariaDB"); warned != mariadb {
		t.Errorf("warned of MariaDB: %t", warned)
	}
	read := l.take(2)
	wantRecords(t, read,
		`p.shop.a {"id":1} r null->{"id":1,"v":"x","d":"1.50"} first 0`,
		`p.shop.a {"id":2} r null->{"id":2,"v":null,"d":"-2.25"} last 0`)
	mustExec(t, db, "INSERT INTO shop.a VALUES (3,'y',3),(4,'z',4)", "UPDATE shop.a SET v='w' WHERE id=1", "UPDATE shop.a SET id=9 WHERE id=2",
		"ALTER TABLE shop.a ADD COLUMN n INT", "DELETE FROM shop.a WHERE id=9", "TRUNCATE TABLE shop.a", "INSERT INTO shop.a VALUES (5,'v',5,6)")
	got := l.take(9)
	wantRecords(t, got,
		`p.shop.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`,
		`p.shop.a {"id":4} c null->{"id":4,"v":"z","d":"4.00"} false 1`,
		`p.shop.a {"id":1} u {"id":1,"v":"x","d":"1.50"}->{"id":1,"v":"w","d":"1.50"} false 0`,
		`p.shop.a {"id":2} d {"id":2,"v":null,"d":"-2.25"}->null false 0`,
		`p.shop.a {"id":2} tombstone`,
		`p.shop.a {"id":9} c null->{"id":9,"v":null,"d":"-2.25"} false 0`,
		`p.shop.a {"id":9} d {"id":9,"v":null,"d":"-2.25","n":null}->null false 0`,
		`p.shop.a {"id":9} tombstone`,
		// TRUNCATE has no record by default: skipped.operations is t.
		`p.shop.a {"id":5} c null->{"id":5,"v":"v","d":"5.00","n":6} false 0`,
	)
	for _, r := range append(read, got...) {
		if r.value != "" && !strings.Contains(r.value, `"connector":"mysql"`) {
			t.Errorf("not of connector mysql: %s", r.value)
		}
	}
}

var changing = regexp.MustCompile(`"ts_(ms|us|ns)":\d+`)

// bare is a record without the time at which it was made.
func bare(r record) string { return r.topic + r.key + changing.ReplaceAllString(r.value, "") }

// resumeEverywhere stops a task behind every record of a stream, also within a transaction, within an event of several
// rows and within a row that is two events, and lets another life go on there.
func resumeEverywhere(t *testing.T, db *peer.Database, id int, changes map[string]string) {
	name := fmt.Sprintf("every%d", id)
	database(t, db, name)
	mustExec(t, db, "CREATE TABLE "+name+".b (id INT PRIMARY KEY, v VARCHAR(20))")
	config := map[string]string{"database.include.list": name}
	for k, v := range changes {
		config[k] = v
	}
	l := newLife(t, db, id, config)
	l.start()
	for { // the snapshot, however many records it has
		if r := l.take(1)[0]; strings.Contains(r.value, `"snapshot":"last"`) {
			break
		}
	}
	first := l.runtime.offset
	mustExec(t, db, "USE "+name, "INSERT INTO a VALUES (3,'y',3),(4,'y',4),(5,'y',5)", "UPDATE a SET v='z' WHERE id>3",
		"BEGIN", "INSERT INTO a VALUES (6,'t',6),(7,'t',7)", "INSERT INTO b VALUES (1,'t'),(2,'t')", "UPDATE a SET id=id+100 WHERE id>5", "DELETE FROM b WHERE id=1", "COMMIT",
		"ALTER TABLE b ADD COLUMN n INT", "INSERT INTO b VALUES (8,'n',8),(9,'n',9)", "DELETE FROM a WHERE id=1", "INSERT INTO b VALUES (99,'end',0)")
	all := l.toEnd()
	l.stop()
	if len(all) < 20 {
		t.Fatalf("%d records: %q", len(all), texts(all))
	}
	for i := -1; i < len(all)-1; i++ {
		l.runtime.offset = first
		if i >= 0 {
			l.runtime.offset = committed(t, all[i].offset)
		}
		next := i + 1
		for next > 0 && rowOf(t, all, next) == rowOf(t, all, next-1) {
			next-- // all records of a row come again when not all of them were acknowledged
		}
		l.start()
		got := l.toEnd()
		l.stop()
		for j, r := range got {
			if next+j >= len(all) || bare(r) != bare(all[next+j]) {
				t.Fatalf("resumed behind record %d at %v, record %d is\n%s\nin place of\n%s", i, all[max(i, 0)].offset, next+j, bare(r), bare(all[min(next+j, len(all)-1)]))
			}
		}
		if len(got) != len(all)-next {
			t.Fatalf("resumed behind record %d, %d of %d records came", i, len(got), len(all)-next)
		}
	}
}

// rowOf names the row of the binlog that record i was made of; a tombstone has that of the record before it.
func rowOf(t *testing.T, all []record, i int) string {
	t.Helper()
	for all[i].value == "" {
		i--
	}
	var v struct {
		Source struct {
			File     string
			Pos, Row int64
		}
	}
	if err := json.Unmarshal([]byte(all[i].value), &v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(v.Source)
}

// toEnd takes the records of rows up to that with the id 99. DDL and END have the offset before them and so may come twice.
func (l *life) toEnd() []record {
	l.t.Helper()
	var all []record
	for {
		r := l.take(1)[0]
		if r.topic != "p.transaction" && r.topic != "p" {
			all = append(all, r)
		}
		if strings.HasPrefix(r.key, `{"id":99}`) {
			return all
		}
	}
}

// A snapshot that was stopped is taken again, whole.
func snapshotBeginsAnew(t *testing.T, db *peer.Database, id int) {
	database(t, db, "anew")
	l := newLife(t, db, id, map[string]string{"database.include.list": "anew", "decimal.handling.mode": "string", "include.schema.changes": "false"})
	want := []string{`p.anew.a {"id":1} r null->{"id":1,"v":"x","d":"1.50"} first 0`, `p.anew.a {"id":2} r null->{"id":2,"v":null,"d":"-2.25"} last 0`}
	l.start()
	wantRecords(t, l.take(1), want[0])
	l.stop()
	l.start()
	wantRecords(t, l.take(2), want...)
	l.stop()
	mustExec(t, db, "INSERT INTO anew.a VALUES (3,'y',3)")
	l.start()
	wantRecords(t, l.take(1), `p.anew.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`)
}

// tablesExchanged stops around the statement with which gh-ost and pt-online-schema-change put a new table in the place of
// the old one: it is in the history before its offset is, and must not be applied twice.
func tablesExchanged(t *testing.T, db *peer.Database, id int) {
	name := fmt.Sprintf("exchange%d", id)
	database(t, db, name)
	l := newLife(t, db, id, map[string]string{"database.include.list": name})
	l.start()
	for !strings.Contains(l.take(1)[0].value, `"snapshot":"last"`) {
	}
	mustExec(t, db, "USE "+name, "CREATE TABLE _a_gho (id INT PRIMARY KEY, n INT)",
		"RENAME TABLE a TO _a_del, _a_gho TO a", "INSERT INTO a VALUES (99,7)")
	before := l.take(1) // CREATE
	for i := 0; ; i++ {
		r := l.take(1)[0]
		if i == 0 {
			before = append(before, r)
		}
		if strings.HasPrefix(r.key, `{"id":99}`) {
			break
		}
	}
	l.stop()
	for _, r := range before {
		l.runtime.offset = committed(t, r.offset)
		l.start()
		got := l.toEnd()
		l.stop()
		wantRecords(t, got, fmt.Sprintf(`p.%s.a {"id":99} c null->{"id":99,"n":7} false 0`, name))
	}
}

// partialJSON reads updates of which the binlog holds the differences alone.
func partialJSON(t *testing.T, db *peer.Database, id int) {
	mustExec(t, db, "CREATE DATABASE part", "CREATE TABLE part.j (id INT PRIMARY KEY, doc JSON)", `INSERT INTO part.j VALUES (1,'{"a":1,"b":[1,2,3],"c":"long enough to be worth it"}')`)
	l := newLife(t, db, id, map[string]string{"database.include.list": "part", "include.schema.changes": "false"})
	l.start()
	l.take(1)
	mustExec(t, db, "SET SESSION binlog_row_value_options='PARTIAL_JSON'",
		"UPDATE part.j SET doc=JSON_SET(doc,'$.a',2)", "UPDATE part.j SET doc=JSON_REMOVE(doc,'$.b[0]')", "UPDATE part.j SET doc=JSON_REPLACE(doc,'$.c','short')")
	after := []string{`{"a":1,"b":[1,2,3],"c":"long enough to be worth it"}`, `{"a":2,"b":[1,2,3],"c":"long enough to be worth it"}`, `{"a":2,"b":[2,3],"c":"long enough to be worth it"}`, `{"a":2,"b":[2,3],"c":"short"}`}
	var want []string
	for i := range 3 {
		before, _ := json.Marshal(after[i])
		now, _ := json.Marshal(after[i+1])
		want = append(want, fmt.Sprintf(`p.part.j {"id":1} u {"id":1,"doc":%s}->{"id":1,"doc":%s} false 0`, before, now))
	}
	wantRecords(t, l.take(3), want...)
}

// truncated reads TRUNCATE where skipped.operations lets it through.
func truncated(t *testing.T, db *peer.Database, id int) {
	database(t, db, "emptied")
	l := newLife(t, db, id, map[string]string{"database.include.list": "emptied", "include.schema.changes": "false", "skipped.operations": "none"})
	l.start()
	l.take(2)
	mustExec(t, db, "TRUNCATE TABLE emptied.a", "INSERT INTO emptied.a VALUES (1,'again',NULL)")
	wantRecords(t, l.take(2),
		`p.emptied.a  t null->null false 0`,
		`p.emptied.a {"id":1} c null->{"id":1,"v":"again","d":null} false 0`)
}

// compressed reads compressed transactions, and goes on within one.
func compressed(t *testing.T, db *peer.Database, id int) {
	database(t, db, "squeezed")
	l := newLife(t, db, id, map[string]string{"database.include.list": "squeezed", "decimal.handling.mode": "string", "include.schema.changes": "false"})
	l.start()
	l.take(2)
	mustExec(t, db, "SET SESSION binlog_transaction_compression=ON", "BEGIN", "INSERT INTO squeezed.a VALUES (3,'y',3),(4,'y',4)", "UPDATE squeezed.a SET v='q' WHERE id=3", "COMMIT",
		"DELETE FROM squeezed.a WHERE id=4")
	want := []string{
		`p.squeezed.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`,
		`p.squeezed.a {"id":4} c null->{"id":4,"v":"y","d":"4.00"} false 1`,
		`p.squeezed.a {"id":3} u {"id":3,"v":"y","d":"3.00"}->{"id":3,"v":"q","d":"3.00"} false 0`,
		`p.squeezed.a {"id":4} d {"id":4,"v":"y","d":"4.00"}->null false 0`,
		`p.squeezed.a {"id":4} tombstone`,
	}
	for _, n := range []int{1, 1, 1, 2} { // a deletion and its tombstone are one row's
		wantRecords(t, l.take(n), want[:n]...)
		want = want[n:]
		l.stop()
		l.start()
	}
}

// unknownTable meets rows of a table that the history does not hold.
func unknownTable(t *testing.T, db *peer.Database, id int) {
	database(t, db, "known")
	mustExec(t, db, "CREATE TABLE known.other (id INT PRIMARY KEY)")
	l := newLife(t, db, id, map[string]string{
		"table.include.list": "known.a", "schema.history.internal.store.only.captured.tables.ddl": "true",
		"decimal.handling.mode": "string", "include.schema.changes": "false",
	})
	l.start()
	l.take(2)
	l.stop()
	mustExec(t, db, "INSERT INTO known.other VALUES (1)", "INSERT INTO known.a VALUES (3,'y',3)")
	l.config["table.include.list"] = "known.a,known.other"
	l.start()
	err := l.fails()
	for _, want := range []string{"known.other", "mysql-bin.", "isn't known to this connector", "snapshot.mode=recovery"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	l.stop()
	l.config["inconsistent.schema.handling.mode"] = "warn"
	l.start()
	wantRecords(t, l.take(1), `p.known.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`)
	if !strings.Contains(l.log.String(), "rows of a table whose structure is not known are skipped") {
		t.Error("nothing warned of the rows that were skipped")
	}
}

// lostGTIDs starts with an offset of another server.
func lostGTIDs(t *testing.T, db *peer.Database, id int) {
	database(t, db, "lost")
	l := newLife(t, db, id, map[string]string{"database.include.list": "lost", "include.schema.changes": "false"})
	l.start()
	l.take(2)
	l.stop()
	l.runtime.offset["gtids"] = "00000000-0000-0000-0000-000000000001:1-5"
	err := l.tryStart()
	if err == nil || !strings.Contains(err.Error(), "00000000-0000-0000-0000-000000000001:1-5") || !strings.Contains(err.Error(), "snapshot.mode=when_needed") {
		t.Errorf("it started with %v", err)
	}
	l.stop()
	l.config["snapshot.mode"] = "when_needed"
	l.start()
	l.take(2)
}

// compressedOnMariaDB reads compressed statements and rows.
func compressedOnMariaDB(t *testing.T, db *peer.Database, id int) {
	database(t, db, "small")
	l := newLife(t, db, id, map[string]string{"database.include.list": "small", "decimal.handling.mode": "string", "include.schema.changes": "false"})
	l.start()
	l.take(2)
	mustExec(t, db, "SET GLOBAL log_bin_compress=ON", "SET GLOBAL log_bin_compress_min_len=10")
	defer mustExec(t, db, "SET GLOBAL log_bin_compress=OFF", "SET GLOBAL log_bin_compress_min_len=256")
	mustExec(t, db, "CREATE TABLE small.b (id INT PRIMARY KEY, v VARCHAR(99) DEFAULT 'a default that is worth to be compressed, compressed, compressed')",
		"INSERT INTO small.b VALUES (1,REPEAT('x',60)),(2,REPEAT('y',60))", "UPDATE small.b SET v=REPEAT('z',60) WHERE id=1", "DELETE FROM small.b WHERE id=2")
	x, y, z := strings.Repeat("x", 60), strings.Repeat("y", 60), strings.Repeat("z", 60)
	wantRecords(t, l.take(5),
		`p.small.b {"id":1} c null->{"id":1,"v":"`+x+`"} false 0`,
		`p.small.b {"id":2} c null->{"id":2,"v":"`+y+`"} false 1`,
		`p.small.b {"id":1} u {"id":1,"v":"`+x+`"}->{"id":1,"v":"`+z+`"} false 0`,
		`p.small.b {"id":2} d {"id":2,"v":"`+y+`"}->null false 0`,
		`p.small.b {"id":2} tombstone`)
}

// guarded limits the number of tables: those captured, or all where the history has all.
func guarded(t *testing.T, db *peer.Database, id int) {
	database(t, db, "guarded")
	mustExec(t, db, "CREATE TABLE guarded.b (id INT PRIMARY KEY)", "CREATE TABLE guarded.c (id INT PRIMARY KEY)")
	for _, c := range []struct {
		only, tables, most, action string
		want                       string // of the error, or of the log with action warn
	}{
		{"true", "guarded.a,guarded.b", "2", "fail", ""},
		{"true", "guarded.a,guarded.b", "1", "fail", "Guardrail limit exceeded: 2 tables/collections configured for capture, but maximum allowed is 1."},
		{"true", "guarded.a,guarded.b", "1", "warn", "Guardrail limit exceeded: 2 tables"},
		{"false", "guarded.a", "1", "fail", "schemas of all the tables in the database are being captured"},
		{"false", "guarded.a", "0", "fail", ""},
	} {
		l := newLife(t, db, id, map[string]string{
			"database.include.list": "guarded", "table.include.list": c.tables, "guardrail.collections.max": c.most,
			"guardrail.collections.limit.action": c.action, "schema.history.internal.store.only.captured.tables.ddl": c.only,
		})
		err := l.tryStart()
		l.stop()
		switch {
		case c.want == "" || c.action == "warn":
			if err != nil || !strings.Contains(l.log.String(), c.want) {
				t.Errorf("%+v: %v\n%s", c, err, l.log.String())
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%+v: error %v", c, err)
		}
	}
}

// newChannel meets transactions of a source that the offset does not know: they are read from the oldest on, or, as
// releases 1.x could be told, from now on.
func newChannel(t *testing.T, db *peer.Database, id int) {
	const source = "00000000-0000-0000-0000-0000000000aa"
	database(t, db, "channel")
	l := newLife(t, db, id, map[string]string{"database.include.list": "channel", "include.schema.changes": "false", "decimal.handling.mode": "string"})
	l.start()
	l.take(2)
	l.stop()
	mustExec(t, db, "SET gtid_next='"+source+":1'", "INSERT INTO channel.a VALUES (3,'old',3)", "SET gtid_next=AUTOMATIC", "INSERT INTO channel.a VALUES (4,'own',4)")
	first := l.runtime.offset
	l.start()
	wantRecords(t, l.take(2), `p.channel.a {"id":3} c null->{"id":3,"v":"old","d":"3.00"} false 0`, `p.channel.a {"id":4} c null->{"id":4,"v":"own","d":"4.00"} false 0`)
	l.stop()
	l.runtime.offset, l.config["gtid.new.channel.position"] = first, "latest"
	l.start()
	wantRecords(t, l.take(1), `p.channel.a {"id":4} c null->{"id":4,"v":"own","d":"4.00"} false 0`)
}

// delays waits before the snapshot and before the stream.
func delays(t *testing.T, db *peer.Database, id int) {
	database(t, db, "late")
	l := newLife(t, db, id, map[string]string{
		"database.include.list": "late", "include.schema.changes": "false", "snapshot.delay.ms": "30", "streaming.delay.ms": "30", "decimal.handling.mode": "string",
	})
	began := time.Now()
	l.start()
	l.take(2)
	mustExec(t, db, "INSERT INTO late.a VALUES (3,'y',3)")
	wantRecords(t, l.take(1), `p.late.a {"id":3} c null->{"id":3,"v":"y","d":"3.00"} false 0`)
	if waited := time.Since(began); waited < 60*time.Millisecond {
		t.Errorf("it waited for %v", waited)
	}
}
