package mysql

import (
	"context"
	"encoding/json"
	"fmt"

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
	if !ok || text == s.cfg.Filters.text() {
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
	databases, err := s.conn.Databases(ctx)
	if err != nil {
		return nil, err
	}
	var added []string
	for _, db := range databases {
		names, err := s.conn.Tables(ctx, db)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			id := table.ID{Database: db, Name: name}
			if s.filter.Captured(id) && !was.Captured(id) {
				added = append(added, id.String())
			}
		}
	}
	return added, nil
}
