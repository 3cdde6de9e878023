package incremental

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/plugins/mysql/server"
)

// Types of the signals with which windows are marked.
const (
	TypeOpen  = "snapshot-window-open"
	TypeClose = "snapshot-window-close"
)

// openMark begins a window. locking says that rows have to be read with shared
// locks. A read-only chunk may have to wait: then blocked is set.
func (s *Source) openMark(ctx context.Context) (locking bool, err error) {
	if s.cfg.ReadOnly {
		ok, locking, err := s.stream.Visible(ctx, s.conn)
		s.blocked = err == nil && !ok
		s.open = ok // rows that the stream brings from now on are newer
		s.connections = s.stream.Connections()
		return locking, err
	}
	s.openedAt = instantText(s.cfg.Now())
	return false, s.insert(ctx, s.chunkID+"-open", TypeOpen, fmt.Sprintf(`{"openWindowTimestamp": "%s"}`, s.openedAt))
}

// closeMark ends it.
func (s *Source) closeMark(ctx context.Context) (err error) {
	if s.cfg.ReadOnly {
		if s.until, err = s.conn.BinlogStatus(ctx); err != nil {
			return fmt.Errorf("reading the position of the binlog: %w", err)
		}
		s.pending = true
		return nil
	}
	if s.cfg.DeleteMarks {
		return s.conn.Exec(ctx, "DELETE FROM "+s.signalTable()+" WHERE id = '"+s.chunkID+"-open'")
	}
	return s.insert(ctx, s.chunkID+"-close", TypeClose,
		fmt.Sprintf(`{"openWindowTimestamp": "%s", "closeWindowTimestamp": "%s"}`, s.openedAt, instantText(s.cfg.Now())))
}

// insert writes a row of the signal table. None of the texts needs escapes.
func (s *Source) insert(ctx context.Context, id, kind, data string) error {
	err := s.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s VALUES ('%s', '%s', '%s')", s.signalTable(), id, kind, data))
	if err != nil {
		return fmt.Errorf("marking a window in the signal table %s: %w", s.cfg.SignalTable, err)
	}
	return nil
}

func (s *Source) signalTable() string {
	return server.QuoteName(s.cfg.SignalTable.Database) + "." + server.QuoteName(s.cfg.SignalTable.Name)
}
