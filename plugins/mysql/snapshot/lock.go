package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// locking is snapshot.locking.mode taken apart (MySqlConnectorConfig.SnapshotLockingMode).
type locking struct {
	global     string // statement that locks the whole server; "" for none
	minimal    bool   // released as soon as the structure has been read
	tableLocks bool   // tables may be locked one by one when the global lock is refused
	consistent bool   // rows are read in one consistent transaction
}

func parseLocking(mode string) (locking, error) {
	const flush, backup = "FLUSH TABLES WITH READ LOCK", "LOCK TABLES FOR BACKUP"
	switch mode {
	case "", "minimal":
		return locking{flush, true, true, true}, nil
	case "minimal_percona":
		return locking{backup, true, true, true}, nil
	case "minimal_percona_no_table_locks":
		return locking{backup, true, false, true}, nil
	case "extended":
		return locking{flush, false, true, true}, nil
	case "minimal_at_least_once":
		return locking{flush, true, true, false}, nil
	case "none":
		return locking{}, nil
	case "custom":
		return locking{}, fmt.Errorf("snapshot.locking.mode: custom needs a Java class, which Millrace does not run; use minimal, extended or none")
	}
	return locking{}, fmt.Errorf("snapshot.locking.mode: unknown mode %q", mode)
}

// locker takes and releases locks on the snapshot's connection.
type locker struct {
	conn     *server.Conn
	mode     locking
	timeout  time.Duration
	log      *slog.Logger
	global   time.Time // when the global lock was taken; zero when not held
	byTables bool      // tables are locked one by one
}

// begin locks the server, if the mode wants it and the user may.
func (l *locker) begin(ctx context.Context) error {
	// A lock that is not granted must not make every writer queue behind it.
	seconds := max(1, int(l.timeout/time.Second))
	if err := l.conn.Exec(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout=%d", seconds)); err != nil {
		return fmt.Errorf("preparing the snapshot's session: %w", err)
	}
	if l.mode.global == "" {
		return nil
	}
	return l.lockGlobally(ctx)
}

// transaction says whether rows are read in a transaction.
func (l *locker) transaction() bool { return l.mode.consistent || l.mode.global == "" }

func (l *locker) lockGlobally(ctx context.Context) error {
	err := l.conn.Exec(ctx, l.mode.global)
	if err == nil {
		l.global = time.Now()
		return nil
	}
	if ctx.Err() != nil || server.Retriable(err) {
		return fmt.Errorf("taking the global read lock: %w", err)
	}
	if !l.mode.tableLocks {
		return fmt.Errorf("taking the global read lock, which snapshot.locking.mode does not replace by table locks: %w", err)
	}
	l.log.Warn("no global read lock; the captured tables will be locked one by one and stay locked until the snapshot has ended; grant RELOAD to avoid that", "error", err)
	return nil
}

// held says whether nobody can write the captured tables.
func (l *locker) held() bool { return !l.global.IsZero() || l.byTables }

// needsTables reports whether lockTables has to be called.
func (l *locker) needsTables() bool { return l.mode.global != "" && l.global.IsZero() }

// lockTables locks tables one by one in place of the global lock. Either
// statement ends the transaction: rows are read as the locks keep them.
//
// FLUSH TABLES needs RELOAD, which a server may refuse only for the global lock.
// Without RELOAD there is LOCK TABLES, after which the session sees only what it
// has locked: so others is locked too, whose structure is read.
func (l *locker) lockTables(ctx context.Context, ids, others []table.ID) error {
	if len(ids) == 0 {
		return nil
	}
	err := l.conn.Exec(ctx, "FLUSH TABLES "+joined(ids, "")+" WITH READ LOCK")
	if server.KindOf(err) == server.KindPrivilege {
		err = l.conn.Exec(ctx, "LOCK TABLES "+joined(union(ids, others), " READ"))
	}
	if server.KindOf(err) == server.KindPrivilege {
		return fmt.Errorf("locking the captured tables: the user has neither the RELOAD nor the LOCK TABLES privilege that snapshot.locking.mode asks for; run GRANT RELOAD ON *.* or GRANT LOCK TABLES on their databases: %w", err)
	}
	if err != nil {
		return fmt.Errorf("locking the captured tables: %w", err)
	}
	l.byTables = true
	return nil
}

// joined lists tables, each followed by a word.
func joined(ids []table.ID, word string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = quoted(id) + word
	}
	return strings.Join(names, ",")
}

func union(ids, others []table.ID) []table.ID {
	all, seen := slices.Clone(ids), make(map[table.ID]bool, len(ids))
	for _, id := range ids {
		seen[id] = true
	}
	for _, id := range others {
		if !seen[id] {
			all = append(all, id)
		}
	}
	return all
}

// structureRead releases the global lock where the mode allows it. Table locks
// cannot be released here: UNLOCK TABLES would commit the transaction.
func (l *locker) structureRead(ctx context.Context) error {
	if !l.mode.minimal || l.global.IsZero() {
		return nil
	}
	return l.unlock(ctx)
}

// end releases whatever is still held.
func (l *locker) end(ctx context.Context) error {
	if l.global.IsZero() && !l.byTables {
		return nil
	}
	return l.unlock(ctx)
}

func (l *locker) unlock(ctx context.Context) error {
	if err := l.conn.Exec(ctx, "UNLOCK TABLES"); err != nil {
		return fmt.Errorf("releasing the read lock: %w", err)
	}
	if !l.global.IsZero() {
		l.log.Info("released the global read lock", "held", time.Since(l.global).Round(time.Millisecond))
	}
	l.global, l.byTables = time.Time{}, false
	return nil
}

func quoted(id table.ID) string {
	return server.QuoteName(id.Database) + "." + server.QuoteName(id.Name)
}
