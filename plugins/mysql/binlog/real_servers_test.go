//go:build servers

package binlog

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

func realConfig(db *peer.Database) Config {
	return Config{
		Server:   server.Config{Host: "127.0.0.1", Port: db.Port, User: "root", Timeout: 20 * time.Second},
		ServerID: 4711, Heartbeat: 200 * time.Millisecond, VerifyChecksums: true, AnnotateRows: true,
		Reconnect: true, Interval: 50 * time.Millisecond,
	}
}

func realConn(t *testing.T, db *peer.Database) *server.Conn {
	t.Helper()
	c, err := server.Connect(t.Context(), realConfig(db).Server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// script makes the server write events of many kinds. Lines of one server only
// begin with its name.
const script = `
CREATE DATABASE d CHARACTER SET utf8mb4
mysql CREATE TABLE d.t (a INT UNSIGNED PRIMARY KEY, b VARCHAR(20) CHARACTER SET latin1, j JSON, e ENUM('x','y'), s SET('p','q'), g POINT, d DECIMAL(10,2), ts TIMESTAMP(3) NULL, v VECTOR(3), h INT INVISIBLE)
mariadb CREATE TABLE d.t (a INT UNSIGNED PRIMARY KEY, b VARCHAR(20) CHARACTER SET latin1, j JSON, e ENUM('x','y'), s SET('p','q'), g POINT, d DECIMAL(10,2), ts TIMESTAMP(3) NULL, h INT INVISIBLE)
INSERT INTO d.t (a,b,j,e,s,g,d) VALUES (1,'x','{"a":1}','x','p',ST_GEOMFROMTEXT('POINT(1 2)'),1.5),(2,'y','{}','y','q',NULL,2)
mysql SET SESSION binlog_row_value_options = 'PARTIAL_JSON'
mysql UPDATE d.t SET j = JSON_SET(j, '$.a', 3) WHERE a = 1
mysql SET SESSION binlog_row_value_options = ''
UPDATE d.t SET b = 'c'
mysql SET SESSION binlog_transaction_compression = ON
mysql UPDATE d.t SET b = 'compressed'
mysql SET SESSION binlog_transaction_compression = OFF
mysql SET GTID_NEXT = 'AUTOMATIC:mytag'
mysql DELETE FROM d.t WHERE a = 2
mysql SET GTID_NEXT = 'AUTOMATIC'
mariadb SET GLOBAL log_bin_compress_min_len = 10
mariadb SET GLOBAL log_bin_compress = ON
mariadb UPDATE d.t SET b = 'compressed text'
mariadb CREATE TABLE d.compressed (a INT COMMENT 'a statement that is long enough to be compressed, and says the same again: long enough to be compressed')
mariadb SET GLOBAL log_bin_compress = OFF
XA START 'x1'
INSERT INTO d.t (a) VALUES (78)
XA END 'x1'
XA PREPARE 'x1'
XA COMMIT 'x1'
CREATE TABLE d.t2 SELECT a, b FROM d.t
SET SESSION time_zone = '+02:00'
SET SESSION sql_mode = 'ANSI'
CREATE TABLE d.old (a INT, b TIMESTAMP NULL) ENGINE = MyISAM
INSERT INTO d.old VALUES (1, NOW())
DROP DATABASE d
FLUSH BINARY LOGS
`

func runScript(t *testing.T, db *peer.Database, name string) {
	t.Helper()
	c := realConn(t, db)
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if only, rest, ok := strings.Cut(line, " "); ok && (only == "mysql" || only == "mariadb") {
			if only != name {
				continue
			}
			line = rest
		}
		if line == "" {
			continue
		}
		if err := c.Exec(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRealServers(t *testing.T) {
	for name, c := range map[string]struct {
		start  func(testing.TB, ...string) *peer.Database
		option []string
		kinds  []Kind
	}{
		"mysql":   {rig.MySQL, []string{"--binlog-row-metadata=FULL"}, []Kind{KindPayload, KindXAPrepare, KindRowsQuery}},
		"mariadb": {rig.MariaDB, []string{"--binlog-row-metadata=FULL"}, []Kind{KindXAPrepare, KindRowsQuery}},
	} {
		t.Run(name, func(t *testing.T) {
			db := c.start(t, c.option...)
			before, err := realConn(t, db).BinlogStatus(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			runScript(t, db, name)
			want := readScript(t, db, before, false, c.kinds)
			// By GTID the same transactions come.
			if got := readScript(t, db, before, true, c.kinds); !slices.Equal(got, want) {
				t.Errorf("by GTID:\n%s\nby position:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if *update {
				capture(t, db, before, name)
			}
			lostConnections(t, db, want, before)
			sameServerID(t, db, before)
			otherChecksums(t, db, name, c.kinds)
			longEvent(t, db)
			if name == "mysql" {
				longPayload(t, db)
			}
			refusals(t, db, before)
		})
	}
}

// readScript reads what the script has written, up to the heartbeat behind it.
func readScript(t *testing.T, db *peer.Database, from server.Status, gtid bool, kinds []Kind) []string {
	t.Helper()
	cfg := realConfig(db)
	cfg.File, cfg.Pos = from.File, from.Pos
	if gtid {
		cfg.GTIDs = startSet(t, db, from)
	}
	r, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	seen := map[Kind]bool{}
	for {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.Kind] = true; e.Kind == KindHeartbeat && len(out) > 0 {
			break
		}
		if inScript(e) {
			out = append(out, oneLine(e))
		}
	}
	for _, k := range kinds {
		if !seen[k] {
			t.Errorf("no event of kind %s", k)
		}
	}
	if r.Buffered() {
		t.Error("something is buffered behind the heartbeat")
	}
	return out
}

func startSet(t *testing.T, db *peer.Database, from server.Status) *position.Set {
	t.Helper()
	set, err := position.ParseSet(realConn(t, db).Flavor(), from.GTIDs)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// inScript leaves out what depends on where reading begins.
func inScript(e *Event) bool {
	switch e.Kind {
	case KindRotate, KindFormat, KindHeartbeat, KindOther:
		return false
	}
	return true
}

func oneLine(e *Event) string {
	var b strings.Builder
	explain(&b, e)
	return strings.TrimSpace(b.String())
}

// capture writes the raw events for the tests that need no server.
func capture(t *testing.T, db *peer.Database, from server.Status, name string) {
	conn := realConn(t, db)
	cfg := realConfig(db)
	if err := dump(t.Context(), conn, &cfg, &point{file: from.File, pos: from.Pos}); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for {
		p, err := conn.ReadPacket(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, hex.EncodeToString(p[1:]))
		if Type(p[5]) == TypeHeartbeat {
			break
		}
	}
	if err := os.WriteFile("testdata/capture/"+name+".hex", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lostConnections kills the dump again and again; every event comes once.
func lostConnections(t *testing.T, db *peer.Database, want []string, from server.Status) {
	for _, gtid := range []bool{false, true} {
		killer := realConn(t, db)
		cfg := realConfig(db)
		cfg.File, cfg.Pos = from.File, from.Pos
		if gtid {
			cfg.GTIDs = startSet(t, db, from)
		}
		r, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := 0; len(got) < len(want); n++ {
			if n%7 == 6 { // two or three events come again before the next one that counts
				// What has been read ahead must go, or nothing is lost.
				_ = killer.Exec(t.Context(), fmt.Sprintf("KILL %d", r.conn.ID()))
				r.disconnect()
			}
			e, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if inScript(e) {
				got = append(got, oneLine(e))
			}
		}
		r.Close()
		if !slices.Equal(got, want) {
			t.Errorf("gtid %v: got\n%s\nwant\n%s", gtid, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sameServerID starts a second reader with the server id of the first.
func sameServerID(t *testing.T, db *peer.Database, from server.Status) {
	cfg := realConfig(db)
	cfg.File, cfg.Pos = from.File, from.Pos
	first, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := first.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, err := first.Next(ctx)
		if err == nil {
			continue
		}
		if server.KindOf(err) != server.KindServerID || !strings.Contains(err.Error(), "database.server.id") {
			t.Errorf("got %v", err)
		}
		return
	}
}

// otherChecksums reads a file with checksums and then one without.
func otherChecksums(t *testing.T, db *peer.Database, name string, kinds []Kind) {
	before, err := realConn(t, db).BinlogStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("CREATE DATABASE before_change", "SET GLOBAL binlog_checksum = 'NONE'"); err != nil {
		t.Fatal(err)
	}
	runScript(t, db, name)
	for _, gtid := range []bool{false, true} {
		if got := readScript(t, db, before, gtid, kinds); len(got) < 40 {
			t.Errorf("%d events", len(got))
		}
	}
	if err := db.Exec("SET GLOBAL binlog_checksum = 'CRC32'"); err != nil {
		t.Fatal(err)
	}
}

// longEvent reads an event that is longer than a packet of the protocol.
func longEvent(t *testing.T, db *peer.Database) {
	before, err := realConn(t, db).BinlogStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("SET GLOBAL max_allowed_packet = 67108864"); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("CREATE DATABASE l", "CREATE TABLE l.t (a INT PRIMARY KEY, b LONGBLOB)",
		"INSERT INTO l.t VALUES (1, REPEAT('x', 40000000)), (2, 'y')"); err != nil {
		t.Fatal(err)
	}
	cfg := realConfig(db)
	cfg.File, cfg.Pos = before.File, before.Pos
	r, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	total := 0
	for total < 40000000+1 {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == KindRows {
			total += strings.Count(string(e.Rows.Data), "x") + strings.Count(string(e.Rows.Data), "y")
		}
		if e.Kind == KindHeartbeat && total > 0 {
			t.Fatalf("only %d bytes came", total)
		}
	}
}

// longPayload reads a compressed transaction that is longer than the read buffer.
func longPayload(t *testing.T, db *peer.Database) {
	before, err := realConn(t, db).BinlogStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("CREATE DATABASE p", "CREATE TABLE p.t (a INT PRIMARY KEY AUTO_INCREMENT, b VARBINARY(1024))",
		"SET SESSION cte_max_recursion_depth = 10000", "SET SESSION binlog_transaction_compression = ON",
		"INSERT INTO p.t (b) WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 4000) SELECT RANDOM_BYTES(1000) FROM r"); err != nil {
		t.Fatal(err)
	}
	cfg := realConfig(db)
	cfg.File, cfg.Pos = before.File, before.Pos
	r, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	bytes, inside := 0, false
	for {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == KindRows {
			bytes += len(e.Rows.Data)
			inside = inside || e.InPayload
		}
		if e.Kind == KindHeartbeat && bytes > 0 {
			break
		}
	}
	if want := 4000 * (1000 + 1 + 4 + 2); bytes != want || !inside {
		t.Errorf("%d bytes instead of %d, inside %v", bytes, want, inside)
	}
}

// refusals are what the server says to those whom it gives no binlog.
func refusals(t *testing.T, db *peer.Database, before server.Status) {
	conn := realConn(t, db)
	now, err := conn.BinlogStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("FLUSH BINARY LOGS", "PURGE BINARY LOGS TO '"+next(now.File)+"'",
		"CREATE USER poor IDENTIFIED BY 'p'"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		kind   server.Kind
		says   string
	}{
		"purged file":         {func(c *Config) { c.File = before.File }, server.KindPurged, "snapshot.mode"},
		"purged transactions": {func(c *Config) { c.GTIDs = startSet(t, db, before) }, server.KindPurged, "snapshot.mode"},
		"no such file":        {func(c *Config) { c.File = "nothing.000001" }, server.KindPurged, "snapshot.mode"},
		"no privilege":        {func(c *Config) { c.Server.User, c.Server.Password = "poor", "p" }, server.KindPrivilege, "GRANT REPLICATION SLAVE"},
	} {
		cfg := realConfig(db)
		cfg.File, cfg.Pos = next(now.File), firstPos
		c.change(&cfg)
		r, err := Open(t.Context(), cfg)
		for err == nil {
			_, err = r.Next(t.Context())
		}
		if r != nil {
			r.Close()
		}
		if server.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// next is the name of the binlog file after this one.
func next(file string) string {
	base, number, _ := strings.Cut(file, ".")
	n, _ := strconv.Atoi(number)
	return fmt.Sprintf("%s.%06d", base, n+1)
}
