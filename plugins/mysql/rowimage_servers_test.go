//go:build servers

package mysql

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Row images that lack columns: what has not changed becomes the placeholder, anything else stops the task or is read
// from the table, and none is null without a word.
func TestRowImages(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *peer.Database{"mysql": rig.MySQL, "mariadb": rig.MariaDB} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			t.Run("without blobs", func(t *testing.T) { withoutBlobs(t, db, 5701) })
			t.Run("minimal in a session", func(t *testing.T) { minimalSession(t, db, 5702) })
			t.Run("filled", func(t *testing.T) { filledRows(t, db, 5703) })
			t.Run("minimal on the server", func(t *testing.T) { minimalServer(t, db, 5704) })
		})
	}
}

func withRow(t *testing.T, db *peer.Database, id int, name string, config map[string]string) *life {
	t.Helper()
	mustExec(t, db, "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name,
		"CREATE TABLE "+name+".a (id INT UNSIGNED, k VARCHAR(9), n INT, s VARCHAR(9), doc TEXT, raw BLOB, PRIMARY KEY (id, k)) CHARSET latin1",
		"INSERT INTO "+name+".a VALUES (4000000000,'ü',1,'s','long',x'01')")
	all := map[string]string{"database.include.list": name, "include.schema.changes": "false", "unavailable.value.placeholder": "???"}
	for k, v := range config {
		all[k] = v
	}
	l := newLife(t, db, id, all)
	l.start()
	l.take(1)
	return l
}

func withoutBlobs(t *testing.T, db *peer.Database, id int) {
	l := withRow(t, db, id, "noblob", nil)
	mustExec(t, db, "SET SESSION binlog_row_image=NOBLOB", "UPDATE noblob.a SET n=2", "UPDATE noblob.a SET doc='new', n=NULL")
	wantRecords(t, l.take(2),
		`p.noblob.a {"id":4000000000,"k":"ü"} u {"id":4000000000,"k":"ü","n":1,"s":"s","doc":"???","raw":"Pz8/"}->{"id":4000000000,"k":"ü","n":2,"s":"s","doc":"???","raw":"Pz8/"} false 0`,
		`p.noblob.a {"id":4000000000,"k":"ü"} u {"id":4000000000,"k":"ü","n":2,"s":"s","doc":"???","raw":"Pz8/"}->{"id":4000000000,"k":"ü","n":null,"s":"s","doc":"new","raw":"Pz8/"} false 0`)
}

func minimalSession(t *testing.T, db *peer.Database, id int) {
	l := withRow(t, db, id, "minimal", nil)
	mustExec(t, db, "SET SESSION binlog_row_image=MINIMAL", "UPDATE minimal.a SET n=2")
	err := l.fails()
	for _, want := range []string{"minimal.a", "lacks column s", "row.image.fill=select", "-bin.0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

func filledRows(t *testing.T, db *peer.Database, id int) {
	l := withRow(t, db, id, "filled", map[string]string{"row.image.fill": "select"})
	mustExec(t, db, "SET SESSION binlog_row_image=MINIMAL", "UPDATE filled.a SET n=2", "INSERT INTO filled.a (id, k, n) VALUES (2,'b',3)")
	wantRecords(t, l.take(2),
		`p.filled.a {"id":4000000000,"k":"ü"} u null->{"id":4000000000,"k":"ü","n":2,"s":"s","doc":"long","raw":"AQ=="} false 0`,
		`p.filled.a {"id":2,"k":"b"} c null->{"id":2,"k":"b","n":3,"s":null,"doc":null,"raw":null} false 0`)
	mustExec(t, db, "SET SESSION binlog_row_image=MINIMAL", "UPDATE filled.a SET k='c' WHERE id=2", "DELETE FROM filled.a WHERE id=2")
	wantRecords(t, l.take(5),
		`p.filled.a {"id":2,"k":"b"} d null->null false 0`,
		`p.filled.a {"id":2,"k":"b"} tombstone`,
		`p.filled.a {"id":2,"k":"c"} c null->{"id":2,"k":"c","n":null,"s":null,"doc":"???","raw":"Pz8/"} false 0`, // it was gone
		`p.filled.a {"id":2,"k":"c"} d null->null false 0`,
		`p.filled.a {"id":2,"k":"c"} tombstone`)
}

func minimalServer(t *testing.T, db *peer.Database, id int) {
	l := withRow(t, db, id, "refused", nil)
	l.stop()
	mustExec(t, db, "SET GLOBAL binlog_row_image=MINIMAL")
	defer mustExec(t, db, "SET GLOBAL binlog_row_image=FULL")
	err := l.tryStart()
	if err == nil || !strings.Contains(err.Error(), "binlog_row_image is MINIMAL") || !strings.Contains(err.Error(), "row.image.fill=select") {
		t.Errorf("it started with %v", err)
	}
	l.stop()
	l.config["row.image.fill"] = "select"
	l.start()
}
