package offset

import (
	"fmt"
	"sync"

	"github.com/millrace/millrace/plugins/connect"
)

// index holds the newest offsets in serialised form. It is applied to by one
// goroutine and read by any.
type index struct {
	mu         sync.RWMutex
	connectors map[string]map[string]entry // name, canonical partition
}

// entry is an offset as it was written.
type entry struct{ key, value []byte }

func newIndex() *index { return &index{connectors: map[string]map[string]entry{}} }

// put takes over a record; nil removes. Keys of other forms are passed over.
func (x *index) put(key, value []byte) {
	connector, partition, ok := decodeKey(key)
	if !ok {
		return
	}
	id, err := canonical(partition)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.connectors[connector]
	if value == nil {
		delete(all, id)
		if len(all) == 0 {
			delete(x.connectors, connector)
		}
		return
	}
	if all == nil {
		all = map[string]entry{}
		x.connectors[connector] = all
	}
	all[id] = entry{key, value}
}

func (x *index) get(connector string, partitions []map[string]any) ([]map[string]any, error) {
	out := make([]map[string]any, len(partitions))
	for i, p := range partitions {
		id, err := canonical(p)
		if err != nil {
			return nil, fmt.Errorf("source partition: %w", err)
		}
		x.mu.RLock()
		e := x.connectors[connector][id]
		x.mu.RUnlock()
		if out[i], err = decodeValue(e.value); err != nil {
			return nil, fmt.Errorf("reading the offset of connector %s in partition %s: %w", connector, id, err)
		}
	}
	return out, nil
}

func (x *index) all(connector string) ([]connect.PartitionOffset, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []connect.PartitionOffset
	for id, e := range x.connectors[connector] {
		_, partition, _ := decodeKey(e.key)
		offset, err := decodeValue(e.value)
		if err != nil {
			return nil, fmt.Errorf("reading the offset of connector %s in partition %s: %w", connector, id, err)
		}
		out = append(out, connect.PartitionOffset{Partition: partition, Offset: offset})
	}
	return out, nil
}

// encode serialises an offset. A partition that was written before keeps the
// bytes of its key, so that the new record replaces the old one.
func (x *index) encode(connector string, o connect.PartitionOffset) (e entry, err error) {
	id, err := canonical(o.Partition)
	if err != nil {
		return entry{}, fmt.Errorf("source partition: %w", err)
	}
	x.mu.RLock()
	e.key = x.connectors[connector][id].key
	x.mu.RUnlock()
	if e.key == nil {
		if e.key, err = Key(connector, o.Partition); err != nil {
			return entry{}, err
		}
	}
	e.value, err = Value(o.Offset)
	return e, err
}

func (x *index) encodeAll(connector string, offsets []connect.PartitionOffset) ([]entry, error) {
	out := make([]entry, len(offsets))
	for i, o := range offsets {
		e, err := x.encode(connector, o)
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// entries lists all offsets as they were written.
func (x *index) entries() []entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var out []entry
	for _, all := range x.connectors {
		for _, e := range all {
			out = append(out, e)
		}
	}
	return out
}
