package offset

import (
	"context"

	"github.com/millrace/millrace/plugins/connect"
)

// Memory is a Store whose offsets are gone with the process.
type Memory struct{ index *index }

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{newIndex()} }

// Get implements Store.
func (m *Memory) Get(_ context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error) {
	return m.index.get(connector, partitions)
}

// All implements Store.
func (m *Memory) All(_ context.Context, connector string) ([]connect.PartitionOffset, error) {
	return m.index.all(connector)
}

// Set implements Store.
func (m *Memory) Set(_ context.Context, connector string, offsets ...connect.PartitionOffset) error {
	entries, err := m.index.encodeAll(connector, offsets)
	for _, e := range entries {
		m.index.put(e.key, e.value)
	}
	return err
}

// Close implements Store.
func (m *Memory) Close() {}
