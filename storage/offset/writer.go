package offset

import (
	"context"
	"fmt"
	"sync"

	"github.com/millrace/millrace/plugins/connect"
)

// Writer collects the offsets of a task and writes the newest of each partition
// (OffsetStorageWriter). Put may be called while Flush runs; Flush calls wait for
// each other.
type Writer struct {
	store     Store
	connector string

	flushing sync.Mutex

	mu      sync.Mutex
	pending map[string]connect.PartitionOffset // by canonical partition
}

// NewWriter makes a Writer for one task of a connector.
func NewWriter(store Store, connector string) *Writer {
	return &Writer{store: store, connector: connector, pending: map[string]connect.PartitionOffset{}}
}

// Put remembers the newest offset of a partition; nil removes it. The maps must
// not change any more. An error says that they cannot be written.
func (w *Writer) Put(partition, offset map[string]any) error {
	id, err := canonical(partition)
	if err != nil {
		return fmt.Errorf("source partition: %w", err)
	}
	if _, err := Value(offset); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[id] = connect.PartitionOffset{Partition: partition, Offset: offset}
	return nil
}

// Flush writes what was put since the last successful Flush and returns what it
// wrote. What it could not write is written by the next Flush, unless something
// newer was put.
func (w *Writer) Flush(ctx context.Context) ([]connect.PartitionOffset, error) {
	w.flushing.Lock()
	defer w.flushing.Unlock()
	w.mu.Lock()
	batch := w.pending
	w.pending = map[string]connect.PartitionOffset{}
	w.mu.Unlock()
	if len(batch) == 0 {
		return nil, nil
	}
	list := make([]connect.PartitionOffset, 0, len(batch))
	for _, o := range batch {
		list = append(list, o)
	}
	if err := w.store.Set(ctx, w.connector, list...); err != nil {
		w.putBack(batch)
		return nil, fmt.Errorf("writing the offsets of connector %s: %w", w.connector, err)
	}
	return list, nil
}

func (w *Writer) putBack(batch map[string]connect.PartitionOffset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, o := range batch {
		if _, newer := w.pending[id]; !newer {
			w.pending[id] = o
		}
	}
}
