package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/position"
)

// Variables are system variables by their names in lower case.
type Variables map[string]string

// On reports whether a variable is switched on.
func (v Variables) On(name string) bool {
	switch strings.ToUpper(v[name]) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// Variables reads the session's system variables, all of them when no name is given.
func (c *Conn) Variables(ctx context.Context, names ...string) (Variables, error) {
	return c.variables(ctx, "SHOW VARIABLES", names)
}

// GlobalVariables reads global system variables, all of them when no name is given.
func (c *Conn) GlobalVariables(ctx context.Context, names ...string) (Variables, error) {
	return c.variables(ctx, "SHOW GLOBAL VARIABLES", names)
}

func (c *Conn) variables(ctx context.Context, statement string, names []string) (Variables, error) {
	if len(names) > 0 {
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = QuoteText(n)
		}
		statement += " WHERE Variable_name IN (" + strings.Join(quoted, ", ") + ")"
	}
	rows, err := c.All(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("reading server variables: %w", err)
	}
	v := make(Variables, len(rows))
	for _, row := range rows {
		if len(row) >= 2 {
			v[strings.ToLower(row[0].String)] = row[1].String
		}
	}
	return v, nil
}

// VersionNumber is the server's version as major*10000 + minor*100 + patch, as
// in 90704.
func (c *Conn) VersionNumber() int { return versionNumber(c.version) }

// versionNumber gives the version as major*10000 + minor*100 + patch, as in 90704.
func versionNumber(version string) int {
	n := 0
	parts := strings.SplitN(version, ".", 3)
	for i := range 3 {
		part := 0
		if i < len(parts) {
			digits := strings.IndexFunc(parts[i], func(r rune) bool { return r < '0' || r > '9' })
			if digits < 0 {
				digits = len(parts[i])
			}
			part, _ = strconv.Atoi(parts[i][:digits])
		}
		n = n*100 + part
	}
	return n
}

// VersionAtLeast reports whether the server is of the given version or later.
func (c *Conn) VersionAtLeast(major, minor, patch int) bool {
	return versionNumber(c.version) >= (major*100+minor)*100+patch
}

// Status says where the server's binlog stands.
type Status struct {
	File  string
	Pos   int64
	GTIDs string // executed transactions, "" without GTIDs
}

// ErrNoBinlog is in the chain of errors of servers that write no binlog.
var errNoBinlog = &Error{Kind: KindNoBinlog,
	Message: "the server writes no binlog; set log_bin and server_id in its configuration and restart it"}

// BinlogStatus reads where the binlog stands. It needs REPLICATION CLIENT.
func (c *Conn) BinlogStatus(ctx context.Context) (Status, error) {
	row, err := c.one(ctx, c.statusStatement())
	if IsCode(err, codeParse) {
		row, err = c.one(ctx, "SHOW MASTER STATUS")
	}
	if err != nil {
		return Status{}, fmt.Errorf("reading the binlog's position: %w", err)
	}
	if len(row) < 2 {
		return Status{}, errNoBinlog
	}
	pos, err := strconv.ParseInt(row[1].String, 10, 64)
	if err != nil {
		return Status{}, fmt.Errorf("reading the binlog's position: %w", err)
	}
	s := Status{File: row[0].String, Pos: pos}
	if c.flavor == position.MariaDB {
		if gtids, err := c.one(ctx, "SELECT @@global.gtid_binlog_pos"); err == nil && len(gtids) > 0 {
			s.GTIDs = gtids[0].String
		}
	} else if len(row) > 4 {
		s.GTIDs = strings.NewReplacer("\n", "", "\r", "").Replace(row[4].String)
	}
	return s, nil
}

func (c *Conn) statusStatement() string {
	switch {
	case c.flavor == position.MariaDB && c.VersionAtLeast(10, 5, 2):
		return "SHOW BINLOG STATUS"
	case c.flavor == position.MySQL && c.VersionAtLeast(8, 2, 0):
		return "SHOW BINARY LOG STATUS"
	}
	return "SHOW MASTER STATUS"
}

// BinlogFile is one file of the server's binlog.
type BinlogFile struct {
	Name string
	Size int64
}

// BinlogFiles lists the binlog files that the server has, oldest first. It needs
// REPLICATION CLIENT.
func (c *Conn) BinlogFiles(ctx context.Context) ([]BinlogFile, error) {
	rows, err := c.All(ctx, "SHOW BINARY LOGS")
	if KindOf(err) == KindNoBinlog {
		return nil, errNoBinlog
	}
	if err != nil {
		return nil, fmt.Errorf("listing the binlog files: %w", err)
	}
	files := make([]BinlogFile, 0, len(rows))
	for _, row := range rows {
		if len(row) < 2 {
			return nil, errors.New("listing the binlog files: the server returned no sizes")
		}
		size, _ := strconv.ParseInt(row[1].String, 10, 64)
		files = append(files, BinlogFile{row[0].String, size})
	}
	return files, nil
}

// GTIDs says what a server knows about GTIDs.
type GTIDs struct {
	Enabled  bool
	Executed *position.Set // never nil
	Purged   *position.Set // never nil; always empty for MariaDB, which does not tell
}

// GTIDs reads whether the server uses GTIDs, and which it has. MariaDB always does.
func (c *Conn) GTIDs(ctx context.Context) (GTIDs, error) {
	g := GTIDs{Executed: position.NewSet(c.flavor), Purged: position.NewSet(c.flavor)}
	statement := "SELECT @@global.gtid_mode, @@global.gtid_executed, @@global.gtid_purged"
	if c.flavor == position.MariaDB {
		statement = "SELECT 'ON', @@global.gtid_binlog_pos, ''"
	}
	row, err := c.one(ctx, statement)
	if IsCode(err, codeUnknownVariable) { // MySQL 5.5
		return g, nil
	}
	if err != nil {
		return g, fmt.Errorf("reading the server's GTIDs: %w", err)
	}
	if len(row) < 3 {
		return g, errors.New("reading the server's GTIDs: the server returned nothing")
	}
	g.Enabled = strings.EqualFold(row[0].String, "ON")
	if g.Executed, err = position.ParseSet(c.flavor, row[1].String); err == nil {
		g.Purged, err = position.ParseSet(c.flavor, row[2].String)
	}
	return g, err
}

// QuoteText makes a string literal.
func QuoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// QuoteName makes a quoted identifier.
func QuoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
