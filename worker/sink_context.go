package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/worker/tolerance"
)

// sinkContext is what a sink task may ask of the worker. As all methods of a sink
// task, those of its context belong to the loop.
type sinkContext struct{ t *sinkTask }

func (x sinkContext) Seek(offsets map[connect.TopicPartition]int64) {
	for tp, offset := range offsets {
		if c := x.t.claims()[tp]; c != nil {
			c.seek(offset)
		} else {
			x.t.log.Warn("the task wants to seek in a partition that it does not have", "topic", tp.Topic, "partition", tp.Partition)
		}
	}
}

func (x sinkContext) Timeout(ms int64) { x.t.timeout = time.Duration(ms) * time.Millisecond }

func (x sinkContext) Assignment() []connect.TopicPartition { return x.t.assignment() }

func (x sinkContext) Pause(partitions ...connect.TopicPartition) { x.gates(false, partitions) }

func (x sinkContext) Resume(partitions ...connect.TopicPartition) { x.gates(true, partitions) }

func (x sinkContext) gates(open bool, partitions []connect.TopicPartition) {
	for _, tp := range partitions {
		c := x.t.claims()[tp]
		if c == nil || !c.gate.set(open) {
			continue
		}
		if open {
			x.t.resumed = append(x.t.resumed, c.held...)
			c.held = nil
		}
	}
}

func (x sinkContext) RequestCommit()                 { x.t.asked = true }
func (x sinkContext) ConnectorName() string          { return x.t.id.Connector }
func (x sinkContext) Task() int                      { return x.t.id.Task }
func (x sinkContext) Logger() *slog.Logger           { return x.t.log }
func (x sinkContext) Metrics() connect.PluginMetrics { return x.t.own }

func (x sinkContext) ErrantRecord() connect.ErrantRecordReporter {
	if !x.t.reader.errant {
		return nil
	}
	return errantReporter(x)
}

// errantReporter reports records that a task could not write
// (WorkerErrantRecordReporter, KIP-610).
type errantReporter struct{ t *sinkTask }

// Report sends the message that the record was made from to the dead letter
// queue. A record that is not of the batch being put is converted back.
func (r errantReporter) Report(ctx context.Context, record connect.SinkRecord, cause error) error {
	original := r.t.deliver.origin(&record)
	if original == nil {
		var err error
		if original, err = r.t.reader.message(&record); err != nil {
			return fmt.Errorf("converting a record for the dead letter queue: %w", err)
		}
	}
	_, err := r.t.reader.operator.Failed(ctx, tolerance.Context{
		Stage: tolerance.TaskPut, Class: "org.apache.kafka.connect.sink.SinkTask", Record: &record.Record, Original: original,
	}, cause, nil)
	return err
}

// origin is the message of a record of the batch; nil when it is not of it.
func (d *delivery) origin(r *connect.SinkRecord) *sarama.ConsumerMessage {
	for _, m := range d.origins {
		if m.Offset == r.OriginalOffset && m.Partition == r.OriginalPartition && m.Topic == r.OriginalTopic {
			return m
		}
	}
	return nil
}

// message converts a record back.
func (x *sinkReader) message(r *connect.SinkRecord) (*sarama.ConsumerMessage, error) {
	m := &sarama.ConsumerMessage{Topic: r.OriginalTopic, Partition: r.OriginalPartition, Offset: r.OriginalOffset}
	if r.Timestamp != connect.NoTimestamp {
		m.Timestamp = time.UnixMilli(r.Timestamp)
	}
	key, null, err := x.key.Append(nil, r.Topic, &r.Headers, r.KeySchema, r.Key)
	if err != nil {
		return nil, err
	}
	if !null {
		m.Key = notNil(key)
	}
	value, null, err := x.value.Append(nil, r.Topic, &r.Headers, r.ValueSchema, r.Value)
	if err != nil {
		return nil, err
	}
	if !null {
		m.Value = notNil(value)
	}
	for _, h := range r.Headers {
		b, null, err := x.header.AppendHeader(nil, r.Topic, h.Key, h.Schema, h.Value)
		if err != nil {
			return nil, err
		}
		if null {
			b = nil
		}
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: b})
	}
	return m, nil
}

// notNil keeps an empty value apart from null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
