//go:build servers

package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

func config(db *peer.Database, user, password string) server.Config {
	return server.Config{Host: "127.0.0.1", Port: db.Port, User: user, Password: password, Timeout: 20 * time.Second}
}

func connect(t *testing.T, cfg server.Config) *server.Conn {
	t.Helper()
	c, err := server.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func exec(t *testing.T, db *peer.Database, statements ...string) {
	t.Helper()
	if err := db.Exec(statements...); err != nil {
		t.Fatal(err)
	}
}

func TestMySQL(t *testing.T) {
	db := rig.MySQL(t)
	exec(t, db,
		"CREATE USER sha2 IDENTIFIED WITH caching_sha2_password BY 'p'", "CREATE USER secure IDENTIFIED BY 'p' REQUIRE SSL",
		"CREATE USER poor IDENTIFIED BY 'p'", "CREATE DATABASE d", "CREATE TABLE d.t (a INT PRIMARY KEY, b TEXT)",
		"CREATE VIEW d.v AS SELECT 1", "INSERT INTO d.t VALUES (1, 'grüße'), (2, NULL)", "ANALYZE TABLE d.t")
	authentication(t, db)
	catalog(t, db)
	conn := connect(t, config(db, "root", ""))
	ctx := t.Context()
	g, err := conn.GTIDs(ctx)
	if err != nil || !g.Enabled || g.Executed.IsEmpty() || !g.Purged.IsEmpty() {
		t.Errorf("GTIDs: %+v, %v", g, err)
	}
	st, err := conn.BinlogStatus(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if set, err := position.ParseSet(position.MySQL, st.GTIDs); err != nil || !set.Equal(g.Executed) {
		t.Errorf("status: %+v, %v", st, err)
	}
	if u, err := conn.UUID(ctx); err != nil || !strings.HasPrefix(st.GTIDs, u) {
		t.Errorf("UUID %q, %v", u, err)
	}
	s, err := conn.BinlogSettings(ctx)
	if err != nil || len(s.Problems(false)) > 0 || s.Checksum != "CRC32" {
		t.Errorf("settings: %+v, %v", s, err)
	}
}

// authentication goes through TLS modes and plugins of MySQL.
func authentication(t *testing.T, db *peer.Database) {
	roots := x509.NewCertPool()
	var data string
	if row, err := connect(t, config(db, "root", "")).All(t.Context(), "SELECT @@datadir"); err != nil {
		t.Fatal(err)
	} else {
		data = row[0][0].String
	}
	pem, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("the server's CA: %v", err)
	}
	for _, c := range []struct {
		user   string
		mode   server.TLSMode
		secure bool
	}{
		// The first login of a caching_sha2_password user is the full one: without
		// TLS the password goes encrypted with the server's key.
		{"sha2", server.TLSDisabled, false},
		{"sha2", server.TLSDisabled, false},
		{"sha2", server.TLSPreferred, true},
		{"secure", server.TLSRequired, true},
		{"secure", server.TLSVerifyCA, true},
		{"poor", server.TLSPreferred, true},
	} {
		cfg := config(db, c.user, "p")
		cfg.TLSMode, cfg.TLS = c.mode, &tls.Config{RootCAs: roots}
		conn, err := server.Connect(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s, %s: %v", c.user, c.mode, err)
			continue
		}
		if conn.Secure() != c.secure {
			t.Errorf("%s, %s: secure is %v", c.user, c.mode, conn.Secure())
		}
		conn.Close()
	}
	for name, change := range map[string]func(*server.Config){
		"wrong password": func(c *server.Config) { c.Password = "q" },
		"unknown user":   func(c *server.Config) { c.User = "nobody" },
		"needs TLS":      func(c *server.Config) { c.User, c.TLSMode = "secure", server.TLSDisabled },
	} {
		cfg := config(db, "sha2", "p")
		change(&cfg)
		if _, err := server.Connect(t.Context(), cfg); server.KindOf(err) != server.KindLogin {
			t.Errorf("%s: %v", name, err)
		}
	}
	poor := connect(t, config(db, "poor", "p"))
	grants, err := poor.Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := grants.Missing(server.Needs{Snapshot: true, GlobalLock: true, Stream: true})
	if len(missing) != 4 {
		t.Errorf("missing: %v", missing)
	}
	for _, m := range missing {
		exec(t, db, m.Statement)
	}
	if grants, err = poor.Grants(t.Context()); err != nil || len(grants.Missing(server.Needs{Snapshot: true, GlobalLock: true, Stream: true})) > 0 {
		t.Errorf("after granting: %v, %v", grants, err)
	}
}

// catalog reads what a snapshot needs.
func catalog(t *testing.T, db *peer.Database) {
	conn := connect(t, config(db, "root", ""))
	ctx := t.Context()
	if got, err := conn.Databases(ctx); err != nil || !slices.Contains(got, "d") {
		t.Errorf("databases: %q, %v", got, err)
	}
	if got, err := conn.Tables(ctx, "d"); err != nil || !slices.Equal(got, []string{"t"}) {
		t.Errorf("tables: %q, %v", got, err)
	}
	if got, err := conn.CreateTable(ctx, "d", "t"); err != nil || !strings.HasPrefix(got, "CREATE TABLE `t`") {
		t.Errorf("create table: %q, %v", got, err)
	}
	if got, err := conn.CreateDatabase(ctx, "d"); err != nil || !strings.HasPrefix(got, "CREATE DATABASE `d`") {
		t.Errorf("create database: %q, %v", got, err)
	}
	if got, err := conn.DatabaseCharsets(ctx); err != nil || got["d"].Charset != "utf8mb4" {
		t.Errorf("charsets: %v, %v", got, err)
	}
	if n, err := conn.EstimatedRows(ctx, "d"); err != nil || n["t"] != 2 {
		t.Errorf("estimated rows: %v, %v", n, err)
	}
	if n, err := conn.EstimatedRows(ctx, "nothing"); err != nil || len(n) != 0 {
		t.Errorf("estimated rows of no database: %v, %v", n, err)
	}
	if got, err := conn.All(ctx, "SELECT b FROM d.t ORDER BY a"); err != nil || got[0][0].String != "grüße" || !got[1][0].Null {
		t.Errorf("rows: %v, %v", got, err)
	}
	if v, err := conn.Variables(ctx, "character_set_server", "collation_server"); err != nil || len(v) != 2 {
		t.Errorf("variables: %v, %v", v, err)
	}
	if files, err := conn.BinlogFiles(ctx); err != nil || len(files) == 0 || files[0].Size == 0 {
		t.Errorf("binlog files: %v, %v", files, err)
	}
	if _, err := conn.CreateTable(ctx, "d", "nothing"); !server.IsCode(err, 1146) {
		t.Errorf("create table of no table: %v", err)
	}
}

func TestServerWithoutBinlog(t *testing.T) {
	db := rig.MySQL(t, "--skip-log-bin", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	conn := connect(t, config(db, "root", ""))
	if _, err := conn.BinlogStatus(t.Context()); server.KindOf(err) != server.KindNoBinlog {
		t.Errorf("status: %v", err)
	}
	if _, err := conn.BinlogFiles(t.Context()); server.KindOf(err) != server.KindNoBinlog {
		t.Errorf("files: %v", err)
	}
	s, err := conn.BinlogSettings(t.Context())
	if err != nil || len(s.Problems(false)) != 1 || !strings.Contains(s.Problems(false)[0], "log_bin") {
		t.Errorf("settings: %v, %v", s.Problems(false), err)
	}
	if g, err := conn.GTIDs(t.Context()); err != nil || g.Enabled {
		t.Errorf("GTIDs: %+v, %v", g, err)
	}
}

func TestMariaDB(t *testing.T) {
	db := rig.MariaDB(t)
	exec(t, db, "CREATE USER native IDENTIFIED BY 'p'", "CREATE DATABASE d CHARACTER SET utf8mb4", "CREATE TABLE d.t (a INT PRIMARY KEY, b TEXT)",
		"CREATE VIEW d.v AS SELECT 1", "INSERT INTO d.t VALUES (1, 'grüße'), (2, NULL)")
	if c := connect(t, config(db, "native", "p")); c.Flavor() != position.MariaDB || c.Secure() {
		t.Errorf("flavor %s, secure %v", c.Flavor(), c.Secure())
	}
	catalog(t, db)
	conn := connect(t, config(db, "root", ""))
	g, err := conn.GTIDs(t.Context())
	if err != nil || !g.Enabled || g.Executed.IsEmpty() {
		t.Errorf("GTIDs: %+v, %v", g, err)
	}
	st, err := conn.BinlogStatus(t.Context())
	if err != nil || st.GTIDs != g.Executed.String() || st.Pos == 0 {
		t.Errorf("status: %+v, %v", st, err)
	}
	grants, err := connect(t, config(db, "native", "p")).Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := grants.Missing(server.Needs{Snapshot: true, GlobalLock: true, Stream: true})
	if len(missing) != 4 {
		t.Errorf("missing: %v", missing)
	}
	for _, m := range missing {
		exec(t, db, m.Statement)
	}
	s, err := conn.BinlogSettings(t.Context())
	if err != nil || len(s.Problems(false)) > 0 {
		t.Errorf("settings: %+v, %v", s, err)
	}
}
