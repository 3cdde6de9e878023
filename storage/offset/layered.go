package offset

import (
	"context"
	"errors"
	"log/slog"

	"github.com/millrace/millrace/plugins/connect"
)

// Layered is the Store of a connector with an offset topic of its own (KIP-618):
// it reads both topics, the connector's own winning, and also writes to the
// worker's, so that the connector can go back to it (ConnectorOffsetBackingStore).
type Layered struct {
	// Own is the connector's store, Worker that of all connectors. Close closes
	// Own only.
	Own, Worker Store
	Logger      *slog.Logger
}

var _ Store = (*Layered)(nil)

// Get implements Store.
func (l *Layered) Get(ctx context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error) {
	own, err := l.Own.Get(ctx, connector, partitions...)
	if err != nil {
		return nil, err
	}
	worker, err := l.Worker.Get(ctx, connector, partitions...)
	if err != nil {
		return nil, err
	}
	for i := range own {
		if own[i] == nil {
			own[i] = worker[i]
		}
	}
	return own, nil
}

// All implements Store.
func (l *Layered) All(ctx context.Context, connector string) ([]connect.PartitionOffset, error) {
	own, err := l.Own.All(ctx, connector)
	if err != nil {
		return nil, err
	}
	worker, err := l.Worker.All(ctx, connector)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []connect.PartitionOffset
	for _, o := range append(own, worker...) {
		id, err := canonical(o.Partition)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, o)
		}
	}
	return out, nil
}

// Set implements Store, in three steps: tombstones go to the worker's store
// first, lest a removed offset come back from there; then everything to the
// connector's own; then the rest to the worker's, whose failure is only logged.
func (l *Layered) Set(ctx context.Context, connector string, offsets ...connect.PartitionOffset) error {
	var removed, kept []connect.PartitionOffset
	for _, o := range offsets {
		if o.Offset == nil {
			removed = append(removed, o)
		} else {
			kept = append(kept, o)
		}
	}
	if len(removed) > 0 {
		if err := l.Worker.Set(ctx, connector, removed...); err != nil {
			return err
		}
	}
	if err := l.Own.Set(ctx, connector, offsets...); err != nil {
		return err
	}
	if len(kept) == 0 {
		return nil
	}
	if err := l.Worker.Set(ctx, connector, kept...); err != nil && !errors.Is(err, context.Canceled) {
		l.Logger.Warn("offsets are in the connector's own topic, but could not be written to the worker's", "connector", connector, "error", err)
	}
	return nil
}

// Close implements Store.
func (l *Layered) Close() { l.Own.Close() }
