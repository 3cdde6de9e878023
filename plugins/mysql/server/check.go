package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/position"
)

// BinlogSettings are the server's settings that decide what its binlog holds.
type BinlogSettings struct {
	Enabled         bool
	Format          string // binlog_format: ROW, MIXED or STATEMENT
	RowImage        string // binlog_row_image: FULL, MINIMAL or NOBLOB (MariaDB also FULL_NODUP)
	RowValueOptions string // binlog_row_value_options: PARTIAL_JSON or empty
	RowMetadata     string // binlog_row_metadata: MINIMAL, NO_LOG or FULL
	Compressed      bool   // binlog_transaction_compression or log_bin_compress
	RowsQuery       bool   // binlog_rows_query_log_events or binlog_annotate_row_events
	ServerID        string
	Checksum        string // binlog_checksum: NONE or CRC32
}

// BinlogSettings reads the settings of the binlog. What a server does not know
// has the value that it behaves like.
func (c *Conn) BinlogSettings(ctx context.Context) (BinlogSettings, error) {
	v, err := c.GlobalVariables(ctx, "log_bin", "binlog_format", "binlog_row_image", "binlog_row_value_options",
		"binlog_row_metadata", "binlog_transaction_compression", "log_bin_compress", "binlog_rows_query_log_events",
		"binlog_annotate_row_events", "server_id", "binlog_checksum")
	if err != nil {
		return BinlogSettings{}, err
	}
	s := BinlogSettings{
		Enabled: v.On("log_bin"), Format: strings.ToUpper(v["binlog_format"]), RowImage: strings.ToUpper(v["binlog_row_image"]),
		RowValueOptions: strings.ToUpper(v["binlog_row_value_options"]), RowMetadata: strings.ToUpper(v["binlog_row_metadata"]),
		Compressed: v.On("binlog_transaction_compression") || v.On("log_bin_compress"),
		RowsQuery:  v.On("binlog_rows_query_log_events") || v.On("binlog_annotate_row_events"),
		ServerID:   v["server_id"], Checksum: strings.ToUpper(v["binlog_checksum"]),
	}
	if s.RowImage == "" {
		s.RowImage = "FULL" // before MySQL 5.6
	}
	if s.Format == "" {
		s.Format = "ROW" // releases that have no other
	}
	return s, nil
}

// Problems says what keeps a connector from streaming: each text names the
// setting and how to change it. Empty when all is well. filled says that columns
// which events lack are read from the tables (row.image.fill).
func (s *BinlogSettings) Problems(filled bool) []string {
	var out []string
	if !s.Enabled {
		return append(out, errNoBinlog.Message)
	}
	if s.Format != "ROW" {
		out = append(out, fmt.Sprintf("binlog_format is %s, but changes of rows are logged only with ROW; run SET GLOBAL binlog_format = 'ROW', set it in the server's configuration and let applications connect anew", s.Format))
	}
	const fill = ", or let the connector read what is missing from the tables with row.image.fill=select"
	switch s.RowImage {
	case "FULL", "FULL_NODUP":
	case "NOBLOB":
		if s.RowValueOptions == "PARTIAL_JSON" && !filled {
			out = append(out, "binlog_row_value_options is PARTIAL_JSON and binlog_row_image is NOBLOB, so that events have neither a changed JSON document nor the one before; run SET GLOBAL binlog_row_value_options = '' or SET GLOBAL binlog_row_image = 'FULL' and set it in the server's configuration"+fill)
		}
	default:
		if !filled {
			out = append(out, fmt.Sprintf("binlog_row_image is %s, so that events lack columns; run SET GLOBAL binlog_row_image = 'FULL' and set it in the server's configuration%s", s.RowImage, fill))
		}
	}
	if s.ServerID == "0" {
		out = append(out, "server_id is 0, so that the server lets no replica connect; run SET GLOBAL server_id = 1 or another number and set it in the server's configuration")
	}
	return out
}

// DumpError explains an error packet that ended a binlog dump.
func (c *Conn) DumpError(packet []byte, serverID uint32) error {
	err := parseError(packet)
	e := &Error{Code: err.Code, Err: err}
	text := strings.ToLower(err.Message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("same server_uuid/server_id", "same server-uuid", "same server_id"):
		e.Kind, e.Property = KindServerID, "database.server.id"
		e.Message = fmt.Sprintf("database.server.id: another replica with the server id %d has connected to %s; give every connector and replica of this server a different number", serverID, c.Address())
	case err.Code == codeFatalReplication && has("purged", "could not find first log file", "could not find gtid state", "slave state is too old", "not in the master's binlog", "could not find the gtid"):
		e.Kind = KindPurged
		e.Message = fmt.Sprintf("%s no longer has the binlog at which the connector wants to go on; set snapshot.mode to when_needed or initial with cleared offsets to take a new snapshot, and let the server keep binlogs longer (%s)", c.Address(), c.retention())
	case err.Code == codeFatalReplication && has("binary log is not open", "not enabled"), err.Code == codeNoBinlogging:
		e.Kind, e.Message = KindNoBinlog, errNoBinlog.Message
	case err.Code == codeSpecificDenied || err.Code == codeAccessDenied:
		e.Kind, e.Property = KindPrivilege, "database.user"
		e.Message = fmt.Sprintf("database.user: user %q may not read the binlog; run GRANT REPLICATION SLAVE ON *.* TO %s", c.cfg.User, QuoteText(c.cfg.User))
	case err.Code == codeShutdown:
		e.Kind, e.Message = KindLost, fmt.Sprintf("%s is shutting down", c.Address())
	default:
		e.Message = fmt.Sprintf("%s stopped sending its binlog", c.Address())
	}
	return e
}

func (c *Conn) retention() string {
	if c.flavor == position.MySQL && !c.VersionAtLeast(8, 0, 0) {
		return "expire_logs_days"
	}
	return "binlog_expire_logs_seconds"
}
