package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Recovery says how far and how a history is replayed.
type Recovery struct {
	// Parser applies DDL; its catalog receives the tables.
	Parser *ddl.Parser
	// AtOrBefore says whether a recorded position is at or before the offset to
	// resume at (position.Comparator).
	AtOrBefore func(position map[string]any) (bool, error)
	// SkipUnparseable is schema.history.internal.skip.unparseable.ddl.
	SkipUnparseable bool
	// PreferDDL is internal.schema.history.internal.prefer.ddl: statements are
	// applied even where the tables are recorded.
	PreferDDL bool
	// Filter drops statements (schema.history.internal.ddl.filter); nil drops none.
	Filter *DDLFilter
	Logger *slog.Logger
}

// Recovered counts what a recovery did.
type Recovered struct {
	Read, Applied, Skipped int
}

// Recover replays the records of this connector up to the given offset. Where a
// record holds the tables as they were after the change, they are taken as they
// are; other records' statements are applied. Records that cannot be decoded
// are logged and skipped, as Debezium does.
func (h *History) Recover(ctx context.Context, r Recovery) (Recovered, error) {
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	run := &replay{Recovery: r, source: h.cfg.Source, decoder: NewDecoder()}
	if err := h.cfg.Storage.Read(ctx, run.record); err != nil {
		return run.counts, fmt.Errorf("recovering the schema history: %w", err)
	}
	return run.counts, nil
}

// replay is one run of Recover.
type replay struct {
	Recovery
	source  map[string]any
	decoder *Decoder
	counts  Recovered
}

func (r *replay) record(at string, data []byte) error {
	r.counts.Read++
	record, err := r.decoder.Decode(data)
	if err != nil {
		r.Logger.Warn("skipping a record of the schema history", "at", at, "error", err)
		r.counts.Skipped++
		return nil
	}
	if !maps.Equal(record.Source, r.source) {
		return nil
	}
	wanted, err := r.AtOrBefore(record.Position)
	if err != nil {
		return fmt.Errorf("record at %s: %w", at, err)
	}
	if !wanted {
		return nil
	}
	if err := r.apply(at, record); err != nil {
		return fmt.Errorf("record at %s: %w", at, err)
	}
	return nil
}

func (r *replay) apply(at string, record *Record) error {
	if !r.PreferDDL && len(record.Changes) > 0 && !lacksMembers(record.Changes) {
		r.applyTables(record.Changes)
		return nil
	}
	if record.DDL == nil || r.Filter.Skip(*record.DDL) {
		return nil
	}
	database := ""
	if record.Database != nil {
		database = *record.Database
	}
	_, err := r.Parser.Apply(database, *record.DDL)
	switch {
	case err == nil:
		r.counts.Applied++
		return nil
	case len(record.Changes) > 0:
		r.applyTables(record.Changes)
		return nil
	case r.SkipUnparseable && isParseError(err):
		r.Logger.Warn("ignoring a statement of the schema history that cannot be parsed", "at", at, "statement", *record.DDL, "error", err)
		r.counts.Skipped++
		return nil
	}
	return fmt.Errorf("%w (set schema.history.internal.skip.unparseable.ddl=true to go on without this statement): %s", err, *record.DDL)
}

func isParseError(err error) bool {
	var e *ddl.Error
	return errors.As(err, &e)
}

func (r *replay) applyTables(changes []TableChange) {
	catalog := r.Parser.Catalog()
	for _, c := range changes {
		if c.Type == Drop {
			catalog.Drop(c.ID)
			continue
		}
		if c.Previous != (table.ID{}) {
			catalog.Drop(c.Previous)
		}
		catalog.Put(c.Table)
	}
	r.counts.Applied++
}

// lacksMembers says whether an ENUM or SET was recorded without its members, as
// Debezium did before 1.9: only the statement knows them then.
func lacksMembers(changes []TableChange) bool {
	for _, c := range changes {
		if c.Table == nil {
			continue
		}
		for _, col := range c.Table.Columns {
			if (col.Kind == table.Enum || col.Kind == table.Set) && len(col.Members) == 0 {
				return true
			}
		}
	}
	return false
}
