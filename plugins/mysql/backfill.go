package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// text is what an offset remembers of the lists, to tell later which tables they
// have come to include.
func (f *FilterConfig) text() string {
	text, _ := json.Marshal([]string{f.IncludeDatabases, f.ExcludeDatabases, f.IncludeTables, f.ExcludeTables}) // texts only
	return string(text)
}

// addedTables lists the tables of the server that the connector captures and did
// not when it wrote the offset (snapshot.added.tables=backfill).
func (s *session) addedTables(ctx context.Context, offset map[string]any) ([]string, error) {
	text, ok := offset[fieldCaptured].(string)
	if !ok {
		return nil, s.untold(ctx)
	}
	if text == s.cfg.Filters.text() {
		return nil, nil
	}
	var lists [4]string
	if err := json.Unmarshal([]byte(text), &lists); err != nil {
		return nil, fmt.Errorf("offset: field %s: %w", fieldCaptured, err)
	}
	before := s.cfg.Filters
	before.IncludeDatabases, before.ExcludeDatabases, before.IncludeTables, before.ExcludeTables = lists[0], lists[1], lists[2], lists[3]
	was, err := (&Config{Filters: before}).filter()
	if err != nil {
		return nil, fmt.Errorf("offset: field %s: %w", fieldCaptured, err)
	}
	return s.tables(ctx, func(id table.ID) bool { return s.filter.Captured(id) && !was.Captured(id) })
}

// tables lists the tables of the server that are wanted.
func (s *session) tables(ctx context.Context, wanted func(table.ID) bool) ([]string, error) {
	databases, err := s.conn.Databases(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, db := range databases {
		names, err := s.conn.Tables(ctx, db)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if id := (table.ID{Database: db, Name: name}); wanted(id) {
				found = append(found, id.String())
			}
		}
	}
	return found, nil
}

// untold says what cannot be filled in when an offset does not tell which tables
// were captured. A schema history of captured tables alone tells it, but not for
// sure: it may have learned of a table whose rows nobody has read. So nothing is
// done but to tell the user what to ask for.
func (s *session) untold(ctx context.Context) error {
	if !s.resumed {
		return nil // a snapshot has read them all, or the mode wants none
	}
	const ask = "if the lists were widened with this very change, ask for the new tables with a signal of the type execute-snapshot"
	if !s.cfg.History.OnlyCapturedTables {
		s.task.log.Warn("snapshot.added.tables=backfill: the connector's offset does not tell yet which tables it has captured; it will from now on; " + ask)
		return nil
	}
	unknown, err := s.tables(ctx, func(id table.ID) bool { return s.filter.Captured(id) && s.schema.parser.Catalog().Table(id) == nil })
	if err != nil || len(unknown) == 0 {
		return err
	}
	data, err := json.Marshal(map[string][]string{"data-collections": unknown})
	if err != nil {
		return err
	}
	s.task.log.Warn("snapshot.added.tables=backfill: the connector's offset does not tell yet which tables it has captured, and the schema history does not know these; "+ask,
		"tables", strings.Join(unknown, ","), "data", string(data))
	return nil
}
