package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/worker/tolerance"
)

// letters writes source records that a transform or converter refused, and that
// errors.tolerance=all passes over, to the topic that
// errors.deadletterqueue.topic.name names. Java has this for sinks only.
//
// A letter holds the record as the task made it, before any transform, through
// the connector's own converters, or through JsonConverter, with its schema, where
// they refuse it. It goes through the task's own producer under the record's tag:
// the record's offset counts only once the letter is written, and where the task
// writes in transactions it is in the transaction. It belongs to the goroutine
// that converts.
type letters struct {
	cfg      tolerance.DLQConfig
	topic    *producer.Topic // nil until the first letter
	fallback converter
	original connect.SourceRecord // as it was before transforms
	refused  *tolerance.Refusal   // why the present record is passed over
}

// jsonClass is the converter for what the connector's own refuse.
const jsonClass = "org.apache.kafka.connect.json.JsonConverter"

// newLetters makes the dead letter queue of a source task, nil without one.
func (w *Worker) newLetters(ctx context.Context, t *sourceTask, config map[string]string) (*letters, error) {
	cfg, err := tolerance.ReadDLQ(config)
	if err != nil || cfg.Topic == "" {
		return nil, err
	}
	if strings.TrimSpace(config["errors.deadletterqueue.topic.replication.factor"]) == "" {
		// Java starts a source connector that has a queue's name, and no queue: three brokers are no condition.
		cfg.Replication = kafka.BrokerDefault
	}
	if err := w.createDLQ(ctx, cfg, config); err != nil {
		return nil, err
	}
	cfg.Connector, cfg.Task, cfg.Logger, cfg.Counts = t.id.Connector, t.id.Task, t.log, t.metrics.Task
	cfg.Redact = w.cfg.Redact
	l := &letters{cfg: cfg}
	p, err := w.cfg.Registry.Find(jsonClass, connect.KindConverter)
	if err != nil {
		return l, nil // values are written as text instead
	}
	c, err := p.NewConverter(map[string]string{"schemas.enable": "true"}, false)
	if err != nil {
		return nil, fmt.Errorf("making the converter for dead letters: %w", err)
	}
	l.fallback = converter{c, p.Class, p.Version}
	return l, nil
}

// keep remembers a record before transforms change it.
func (l *letters) keep(r *connect.SourceRecord) {
	kept := append(l.original.Headers[:0], r.Headers...)
	l.original, l.refused = *r, nil
	l.original.Headers = kept
}

// write sends the letter for a record that is passed over; tag is the record's.
func (l *letters) write(ctx context.Context, e *encoder, tag uint64, ms int64) error {
	if err := l.append(ctx, e, tag, ms); err != nil {
		l.cfg.Counts.LostLetters.Add(1)
		return fmt.Errorf("dead letter queue %s: %w", l.cfg.Topic, err)
	}
	return nil
}

func (l *letters) append(ctx context.Context, e *encoder, tag uint64, ms int64) (err error) {
	l.cfg.Counts.DeadLetters.Add(1)
	if l.topic == nil {
		if l.topic, err = e.t.producer.Topic(ctx, l.cfg.Topic); err != nil {
			return err
		}
	}
	r := &l.original
	key, keyNull, keyClass := l.render(e.key, r.KeySchema, r.Key)
	value, valueNull, valueClass := l.render(e.value, r.ValueSchema, r.Value)
	if keyNull {
		key = nil
	}
	if r.Timestamp != connect.NoTimestamp {
		ms = r.Timestamp
	}
	a, err := e.t.producer.Begin(ctx, l.topic, -1, key, ms)
	if err != nil {
		return err
	}
	a.SetValue(append(a.Value(), value...), valueNull)
	headers := l.headers(e)
	if l.cfg.Headers {
		headers = l.cfg.AddContext(headers, *l.refused)
		headers = addHeaders(headers, "source.partition", jsonText(r.Source), "source.offset", jsonText(r.Offset.Map()),
			"key.converter", keyClass, "value.converter", valueClass)
	}
	var encoded []byte
	for _, h := range headers {
		encoded = producer.AppendHeader(encoded, h.Key, h.Value)
	}
	a.Headers(len(headers), encoded)
	return a.End(letterTag | tag)
}

// addHeaders adds headers of the error context to those that are there.
func addHeaders(headers []kafka.Header, pairs ...string) []kafka.Header {
	for i := 0; i < len(pairs); i += 2 {
		headers = tolerance.AddHeader(headers, pairs[i], pairs[i+1])
	}
	return headers
}

// jsonText is a source partition or offset as the offset topic has it.
func jsonText(v any) string {
	if s, ok := v.(*connect.SourcePartition); ok {
		if s == nil {
			return "null"
		}
		v = s.Key
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// render is a key or value as bytes, with the class of the converter that took it.
func (l *letters) render(own converter, schema *data.Schema, v data.Value) (b []byte, null bool, class string) {
	for _, c := range []converter{own, l.fallback} {
		if c.Converter == nil {
			continue
		}
		err := guard(func() (err error) {
			b, null, err = c.Append([]byte{}, l.cfg.Topic, nil, schema, v)
			return err
		})
		if err == nil {
			return b, null, c.class
		}
	}
	return data.AppendText([]byte{}, schema, v), v.IsNull(), "text"
}

// headers are the record's own.
func (l *letters) headers(e *encoder) []kafka.Header {
	var out []kafka.Header
	for _, h := range l.original.Headers {
		b, null, err := e.header.AppendHeader([]byte{}, l.cfg.Topic, h.Key, h.Schema, h.Value)
		switch {
		case err != nil:
			b = data.AppendText([]byte{}, h.Schema, h.Value)
		case null:
			b = nil
		}
		out = append(out, kafka.Header{Key: h.Key, Value: b})
	}
	return out
}
