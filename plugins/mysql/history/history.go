package history

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/plugins/mysql/ddl"
)

// Storage keeps records in the order in which they are appended.
type Storage interface {
	// Append makes all records durable, in this order, before it returns. After an
	// error some of them may be there.
	Append(ctx context.Context, records []*Record) error
	// Read calls apply with each record that was there when Read was called, in
	// order, until apply fails. at names the record's place for messages. Where
	// nothing was ever stored there are no records.
	Read(ctx context.Context, apply func(at string, record []byte) error) error
}

// Creator is a Storage that needs something made before its first use.
type Creator interface {
	// Create makes what is missing; it changes nothing that exists.
	Create(ctx context.Context) error
	// Exists says whether it has been made, even if it holds no record.
	Exists(ctx context.Context) (bool, error)
}

// Checker is a Storage that may be set up so that it loses records.
type Checker interface {
	// Check says what is wrong and how to mend it, a text for each problem; none
	// when that cannot be found out.
	Check(ctx context.Context) []string
}

// Config is what a History needs.
type Config struct {
	Storage Storage
	// Source names the connector in records: {"server": topic prefix}.
	Source map[string]any
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// BatchSize is how many records are buffered at most; 0 is Debezium's 1024
	// (schema.history.internal.kafka.buffer.batch.size).
	BatchSize int
}

// History writes the records of one connector.
type History struct {
	cfg       Config
	buffering bool
	pending   []*Record
}

// New returns a History over its storage.
func New(cfg Config) *History {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.BatchSize <= 0 {
		cfg.BatchSize = 1024
	}
	return &History{cfg: cfg}
}

// Create makes the storage when it is missing.
func (h *History) Create(ctx context.Context) error {
	if c, ok := h.cfg.Storage.(Creator); ok {
		return c.Create(ctx)
	}
	return nil
}

// Check says what is wrong with the storage; see Checker.
func (h *History) Check(ctx context.Context) []string {
	if c, ok := h.cfg.Storage.(Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// StorageExists says whether the storage has been made. One that needs no making
// exists always.
func (h *History) StorageExists(ctx context.Context) (bool, error) {
	if c, ok := h.cfg.Storage.(Creator); ok {
		return c.Exists(ctx)
	}
	return true, nil
}

// Exists says whether the storage holds any record.
func (h *History) Exists(ctx context.Context) (bool, error) {
	made, err := h.StorageExists(ctx)
	if err != nil || !made {
		return false, err
	}
	found := false
	err = h.cfg.Storage.Read(ctx, func(string, []byte) error {
		found = true
		return errFound
	})
	if found {
		return true, nil
	}
	return false, err
}

// errFound ends Exists at the first record.
var errFound = fmt.Errorf("a record was found")

// StartBuffering lets Record return before records are durable, as a snapshot
// of many tables needs it. Flush or StopBuffering make them durable.
func (h *History) StartBuffering() { h.buffering = true }

// StopBuffering makes what is buffered durable and ends buffering.
func (h *History) StopBuffering(ctx context.Context) error {
	h.buffering = false
	return h.Flush(ctx)
}

// Record writes a change that happened at the given source offset. Without
// buffering it is durable when Record returns.
func (h *History) Record(ctx context.Context, c *ddl.Change, position map[string]any) error {
	database, sql := c.Database, c.SQL
	r := &Record{Source: h.cfg.Source, Position: position, Time: h.cfg.Now(), Database: &database, Changes: tableChanges(c)}
	if sql != "" { // a change without a statement came by a signal
		r.DDL = &sql
	}
	h.pending = append(h.pending, r)
	if h.buffering && len(h.pending) < h.cfg.BatchSize {
		return nil
	}
	return h.Flush(ctx)
}

// Flush makes all buffered records durable. After an error they are still
// buffered, and may be written twice by another Flush: applying a record twice
// does no harm.
func (h *History) Flush(ctx context.Context) error {
	if len(h.pending) == 0 {
		return nil
	}
	if err := h.cfg.Storage.Append(ctx, h.pending); err != nil {
		return fmt.Errorf("writing the schema history: %w", err)
	}
	h.pending = h.pending[:0:0]
	return nil
}
