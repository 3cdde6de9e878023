package history

import (
	"context"
	"fmt"
	"sync"
)

// Memory keeps records as long as the process lives; for tests and trials
// (io.debezium.relational.history.MemorySchemaHistory).
type Memory struct {
	mu      sync.Mutex
	records [][]byte
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{} }

// Append implements Storage.
func (m *Memory) Append(_ context.Context, records []*Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.records = append(m.records, r.AppendLine(nil))
	}
	return nil
}

// Read implements Storage.
func (m *Memory) Read(ctx context.Context, apply func(at string, record []byte) error) error {
	m.mu.Lock()
	records := m.records[:len(m.records):len(m.records)]
	m.mu.Unlock()
	for i, r := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := apply(fmt.Sprintf("entry %d", i), r); err != nil {
			return err
		}
	}
	return nil
}
