package status

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// Memory keeps statuses for standalone mode and tests; they are gone with the
// process (MemoryStatusBackingStore). What is put is read at once.
type Memory struct{ *table }

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{newTable(slog.New(slog.DiscardHandler))} }

// PutConnector is as Kafka's.
func (m *Memory) PutConnector(name string, s state.Status, safe bool) {
	if _, ok := m.begin(func() *cell { return m.connector(name) }, s, safe); ok {
		m.apply([]kafka.Record{record(connectorKey(name), statusValue(s))})
	}
}

// PutTask is as Kafka's.
func (m *Memory) PutTask(id state.TaskID, s state.Status, safe bool) {
	if _, ok := m.begin(func() *cell { return m.task(id) }, s, safe); ok {
		m.apply([]kafka.Record{record(taskKey(id), statusValue(s))})
	}
}

// PutTopic is as Kafka's.
func (m *Memory) PutTopic(id state.TaskID, topic string) {
	value := topicValue(Topic{Name: topic, Task: id, Discovered: time.Now()})
	m.apply([]kafka.Record{record(topicKey(topic, id.Connector), value)})
}

// DeleteTopics is as Kafka's.
func (m *Memory) DeleteTopics(connector string) {
	for _, topic := range m.Topics(connector) {
		m.apply([]kafka.Record{record(topicKey(topic, connector), nil)})
	}
}

// Flush is as Kafka's.
func (m *Memory) Flush(context.Context) error { return nil }

// Refresh is as Kafka's.
func (m *Memory) Refresh(context.Context) error { return nil }

// Close is as Kafka's.
func (m *Memory) Close() {}
