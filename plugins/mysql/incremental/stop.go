package incremental

import (
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Stop asks for tables to be taken out before the next chunk is read; all of them
// when none is named.
func (s *Source) Stop(tables []string) {
	if !s.state.running() {
		s.log.Warn("no incremental snapshot runs that could be stopped")
		return
	}
	if len(tables) == 0 {
		tables = []string{".*"}
	}
	s.stop = append(s.stop, tables...)
}

// stopRequested takes out what is to be stopped: first the tables that wait, then
// the one that is being read.
func (s *Source) stopRequested(b *connect.Batch) {
	if len(s.stop) == 0 {
		return
	}
	expressions := s.stop
	s.stop = nil
	if !s.state.running() {
		s.log.Warn("no incremental snapshot runs that could be stopped")
		s.state.correlation = ""
		return
	}
	var stopped []string
	isCurrent := false
	for _, name := range s.expand(expressions) {
		database, short, _ := strings.Cut(name, ".")
		switch id := (table.ID{Database: database, Name: short}); {
		case id == s.current && s.state.first(id):
			isCurrent = true
		case s.state.remove(id):
			stopped = append(stopped, name)
		default:
			s.log.Info("a table to be stopped is not part of the incremental snapshot", "table", name)
		}
	}
	if isCurrent {
		stopped = append(stopped, s.current.String())
		s.rows = 0
		s.nextTable(b)
	} else if !s.state.running() {
		s.resetTable()
	}
	s.changed()
	s.log.Info("tables were taken out of the incremental snapshot", "tables", strings.Join(stopped, ","))
	s.tell(b, "ABORTED", map[string]string{"data_collections": strings.Join(stopped, ",")})
	if !s.state.running() {
		s.state.correlation = ""
	}
}

// nextTable goes on to the next table, or ends the snapshot.
func (s *Source) nextTable(b *connect.Batch) {
	s.state.next()
	s.resetTable()
	s.changed()
	if !s.state.running() {
		s.log.Info("the incremental snapshot is done")
		s.tell(b, "COMPLETED", nil)
		s.state.correlation = ""
	}
}

func (s *Source) resetTable() { s.end, s.structure, s.verified, s.stale = nil, "", false, 0 }
