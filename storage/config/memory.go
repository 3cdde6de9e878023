package config

import (
	"context"
	"log/slog"
	"sync"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// Memory is a Store for standalone mode and tests: what it holds is gone with the
// process (MemoryConfigBackingStore). It applies the very records that Kafka
// would keep.
type Memory struct {
	mu       sync.Mutex // held while records are applied and the listener is told
	applier  *applier
	now      *State
	next     int64
	listener Listener
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{applier: newApplier(slog.New(slog.DiscardHandler), "memory"), now: empty()}
}

// Start implements Store.
func (m *Memory) Start(_ context.Context, listener Listener) (*State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listener = listener
	return m.now, nil
}

// State implements Store.
func (m *Memory) State() *State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *Memory) append(records ...kafka.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range records {
		records[i].Offset = m.next
		m.next++
	}
	next, changes := m.applier.apply(m.now, records)
	m.now = next
	if m.listener != nil {
		m.listener(next, changes)
	}
	return nil
}

// Refresh implements Store.
func (m *Memory) Refresh(context.Context) error { return nil }

// Claim implements Store.
func (m *Memory) Claim(context.Context) error { return nil }

// Close implements Store.
func (m *Memory) Close() {}

// PutConnector implements Store.
func (m *Memory) PutConnector(_ context.Context, name string, config map[string]string, target state.Target) error {
	return m.append(connectorRecords(name, config, target)...)
}

// RemoveConnector implements Store.
func (m *Memory) RemoveConnector(_ context.Context, name string) error {
	return m.append(removalRecords(name)...)
}

// PutTasks implements Store.
func (m *Memory) PutTasks(_ context.Context, connector string, configs []map[string]string) error {
	return m.append(append(taskRecords(connector, configs), record(commitPrefix+connector, commitValue(len(configs))))...)
}

// PutTarget implements Store.
func (m *Memory) PutTarget(_ context.Context, connector string, target state.Target) error {
	return m.append(record(targetPrefix+connector, targetValue(target)))
}

// PutTaskCount implements Store.
func (m *Memory) PutTaskCount(_ context.Context, connector string, tasks int) error {
	return m.append(record(fencingPrefix+connector, taskCountValue(tasks)))
}

// PutSessionKey implements Store.
func (m *Memory) PutSessionKey(_ context.Context, key SessionKey) error {
	return m.append(record(sessionKeyKey, sessionKeyValue(key)))
}

// PutRestart implements Store.
func (m *Memory) PutRestart(_ context.Context, r Restart) error {
	return m.append(record(restartPrefix+r.Connector, restartValue(r)))
}

// PutLoggerLevel implements Store.
func (m *Memory) PutLoggerLevel(_ context.Context, logger, level string) error {
	return m.append(record(loggerPrefix+logger, loggerValue(level)))
}
