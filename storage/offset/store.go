package offset

import (
	"context"

	"github.com/millrace/millrace/plugins/connect"
)

// Store keeps offsets of source partitions by connector. Kafka, File, Memory and
// Layered implement it; methods may be called from any goroutine.
type Store interface {
	// Get returns the newest offset of each partition, nil for one that has
	// none. What any worker wrote before the call is seen.
	Get(ctx context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error)
	// All returns the partitions of a connector that have offsets, in no
	// particular order.
	All(ctx context.Context, connector string) ([]connect.PartitionOffset, error)
	// Set writes offsets and returns when they are durable; a nil offset removes
	// that of its partition. After an error some may be written.
	Set(ctx context.Context, connector string, offsets ...connect.PartitionOffset) error
	Close()
}

// Reader reads the offsets of one connector for its tasks (OffsetStorageReader).
type Reader struct {
	Store     Store
	Connector string
}

// Offset returns the last offset of a partition; nil when there is none.
func (r Reader) Offset(ctx context.Context, partition map[string]any) (map[string]any, error) {
	o, err := r.Store.Get(ctx, r.Connector, partition)
	if err != nil {
		return nil, err
	}
	return o[0], nil
}
