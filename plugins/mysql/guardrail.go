package mysql

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// allTablesAdvice follows the message where tables that are not captured count.
const allTablesAdvice = " Since 'schema.history.internal.store.only.captured.tables.ddl' is set to 'false', schemas of all the tables in the database are being captured." +
	" Increase the guardrail limit to allow the validation to pass, or set 'schema.history.internal.store.only.captured.tables.ddl=true' or" +
	" 'schema.history.internal.store.only.captured.databases.ddl=true'; tables that are added to the include lists later then need a recovery of the schema history."

// guardrail holds a limit for the number of tables whose structures the task
// knows (guardrail.collections.max; GuardrailValidator).
func (s *session) guardrail(ctx context.Context) error {
	most := s.cfg.Guardrail.Max
	if most == 0 {
		return nil
	}
	n, err := s.countTables(ctx)
	if err != nil || n <= most {
		return err
	}
	text := fmt.Sprintf("Guardrail limit exceeded: %d tables/collections configured for capture, but maximum allowed is %d.", n, most)
	if !s.cfg.History.OnlyCapturedTables {
		text += allTablesAdvice
	}
	if s.cfg.Guardrail.Fail {
		return errors.New(text)
	}
	s.task.log.Warn(text)
	return nil
}

// countTables counts the tables that the schema history is about.
func (s *session) countTables(ctx context.Context) (n int, err error) {
	counts := s.filter.NotBuiltin
	switch {
	case s.cfg.History.OnlyCapturedTables:
		counts = s.filter.Captured
	case s.cfg.History.OnlyCapturedDatabases:
		counts = s.filter.Eligible
	}
	databases, err := s.conn.Databases(ctx)
	if err != nil {
		return 0, fmt.Errorf("listing databases: %w", err)
	}
	for _, db := range databases {
		names, err := s.conn.Tables(ctx, db)
		if err != nil {
			return 0, fmt.Errorf("listing the tables of %s: %w", db, err)
		}
		for _, name := range names {
			if counts(table.ID{Database: db, Name: name}) {
				n++
			}
		}
	}
	return n, nil
}
