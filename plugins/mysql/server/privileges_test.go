package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/plugins/mysql/position"
)

func TestMissingPrivileges(t *testing.T) {
	all := Needs{Snapshot: true, GlobalLock: true, Stream: true}
	for name, c := range map[string]struct {
		flavor position.Flavor
		grants []string
		needs  Needs
		want   []string
	}{
		"everything":                {grants: []string{"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"}, needs: all},
		"as Debezium's manual says": {grants: []string{"GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`"}, needs: all},
		"nothing": {grants: []string{"GRANT USAGE ON *.* TO `u`@`%`"}, needs: all,
			want: []string{"SELECT", "RELOAD", "REPLICATION SLAVE", "REPLICATION CLIENT"}},
		"only streaming": {grants: []string{"GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`"}, needs: Needs{Stream: true}},
		"one database": {grants: []string{"GRANT USAGE ON *.* TO `u`@`%`", "GRANT SELECT, INSERT (`a`, `b`), UPDATE ON `shop`.* TO `u`@`%`"},
			needs: Needs{Snapshot: true}, want: []string{"REPLICATION CLIENT"}},
		"dynamic privilege instead of RELOAD": {grants: []string{
			"GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`", "GRANT FLUSH_TABLES ON *.* TO `u`@`%`"}, needs: all},
		"roles are not privileges": {grants: []string{"GRANT `app`@`%` TO `u`@`%`", "GRANT SELECT ON *.* TO `u`@`%`"},
			needs: Needs{Snapshot: true}, want: []string{"REPLICATION CLIENT"}},
		"mariadb": {flavor: position.MariaDB, grants: []string{"GRANT SELECT, RELOAD, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `u`@`%`"}, needs: all},
		"mariadb lacks": {flavor: position.MariaDB, grants: []string{"GRANT SELECT ON *.* TO `u`@`%`"}, needs: Needs{Stream: true},
			want: []string{"REPLICATION SLAVE", "BINLOG MONITOR"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := parseGrants(c.flavor, c.grants)
			var got []string
			for _, m := range g.Missing(c.needs) {
				got = append(got, m.Privilege)
				if !strings.Contains(m.String(), "run GRANT "+m.Privilege+" ON *.* TO") {
					t.Errorf("it says: %s", m)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzParseGrants(f *testing.F) {
	f.Add("GRANT SELECT, INSERT (`a`, `b`) ON `shop`.* TO `u`@`%`")
	f.Fuzz(func(t *testing.T, line string) {
		g := parseGrants(position.MySQL, []string{line})
		if g.Has("SELECT") && !g.HasAnywhere("SELECT") {
			t.Error("everywhere but nowhere")
		}
	})
}

func TestVersionNumber(t *testing.T) {
	for version, want := range map[string]int{
		"9.7.4-2": 90704, "8.0.35": 80035, "10.11.19-MariaDB-0+deb12u1-log": 101119, "8.4": 80400, "x": 0,
	} {
		if got := versionNumber(version); got != want {
			t.Errorf("%s: %d", version, got)
		}
	}
}

func TestStatusStatement(t *testing.T) {
	for version, want := range map[string]string{
		"9.7.4": "SHOW BINARY LOG STATUS", "8.2.0": "SHOW BINARY LOG STATUS", "8.0.35": "SHOW MASTER STATUS", "5.7.44": "SHOW MASTER STATUS",
	} {
		c := &Conn{version: version}
		if got := c.statusStatement(); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
	c := &Conn{version: "10.11.19-MariaDB", flavor: position.MariaDB}
	if got := c.statusStatement(); got != "SHOW BINLOG STATUS" {
		t.Errorf("MariaDB: %s", got)
	}
}

func TestBinlogProblems(t *testing.T) {
	good := BinlogSettings{Enabled: true, Format: "ROW", RowImage: "FULL", ServerID: "1"}
	if p := good.Problems(false); len(p) > 0 {
		t.Errorf("got %q", p)
	}
	for says, change := range map[string]func(*BinlogSettings){
		"log_bin":                         func(s *BinlogSettings) { s.Enabled = false },
		"SET GLOBAL binlog_format":        func(s *BinlogSettings) { s.Format = "MIXED" },
		"SET GLOBAL binlog_row_image":     func(s *BinlogSettings) { s.RowImage = "MINIMAL" },
		"SET GLOBAL server_id = 1 or ano": func(s *BinlogSettings) { s.ServerID = "0" },
	} {
		s := good
		change(&s)
		if p := s.Problems(false); len(p) != 1 || !strings.Contains(p[0], says) {
			t.Errorf("want %q: got %q", says, p)
		}
	}
}

func TestDumpError(t *testing.T) {
	c := &Conn{version: "9.7.4", cfg: Config{Host: "db", User: "me"}}
	for _, e := range []struct {
		code uint16
		text string
		kind Kind
		says string
	}{
		{1236, "A slave with the same server_uuid/server_id as this slave has connected to the master; the first event", KindServerID, "database.server.id"},
		{1236, "A replica with the same server_uuid/server_id as this replica has connected to the source;", KindServerID, "server id 42"},
		{1236, "Could not find first log file name in binary log index file", KindPurged, "snapshot.mode"},
		{1236, "Cannot replicate because the source purged required binary logs. Replicate the missing transactions", KindPurged, "binlog_expire_logs_seconds"},
		{1236, "Error: connecting slave requested to start from GTID 0-1-2, which is not in the master's binlog", KindPurged, "no longer has"},
		{1236, "Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old", KindPurged, "no longer has"},
		{1236, "Binary log is not open", KindNoBinlog, "log_bin"},
		{1236, "log event entry exceeded max_allowed_packet", KindOther, "stopped sending"},
		{1227, "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)", KindPrivilege, "GRANT REPLICATION SLAVE"},
		{1053, "Server shutdown in progress", KindLost, "shutting down"},
	} {
		packet := append([]byte{0xff, byte(e.code), byte(e.code >> 8)}, "#HY000"+e.text...)
		err := c.DumpError(packet, 42)
		if KindOf(err) != e.kind || !strings.Contains(err.Error(), e.says) || !strings.Contains(err.Error(), e.text) {
			t.Errorf("%s: kind %d: %v", e.text, KindOf(err), err)
		}
	}
}

func TestQuote(t *testing.T) {
	if got := QuoteText(`it's a \ back`); got != `'it''s a \\ back'` {
		t.Error(got)
	}
	if got := QuoteName("a`b"); got != "`a``b`" {
		t.Error(got)
	}
}

func TestErrorKeepsServerCode(t *testing.T) {
	err := fmt.Errorf("reading: %w", queryError("SELECT 1", &mysql.MyError{Code: 1146, Message: "no table"}))
	if !IsCode(err, 1146) || IsCode(err, 1) {
		t.Errorf("got %v", err)
	}
}
