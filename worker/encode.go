package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/worker/chain"
	"github.com/millrace/millrace/worker/tolerance"
)

// encoder transforms and converts records and appends them to the producer. It
// belongs to the goroutine that converts.
type encoder struct {
	t          *sourceTask
	chain      *chain.Chain
	operator   *tolerance.Operator
	key, value converter
	header     connect.HeaderConverter
	headerName string // class
	topics     *topics
	keyBuf     []byte
	headers    []byte // contents of one record's headers
	ends       []headerEnd
}

// converter is a converter with its class, for messages.
type converter struct {
	connect.Converter
	class string
}

// headerEnd says where a header's bytes end in encoder.headers.
type headerEnd struct {
	end  int
	null bool
}

func (w *Worker) newEncoder(t *sourceTask, config map[string]string) (*encoder, error) {
	e := &encoder{t: t}
	var err error
	if e.key, err = w.newConverter(config, "key.converter", w.cfg.KeyConverter, true); err != nil {
		return nil, err
	}
	if e.value, err = w.newConverter(config, "value.converter", w.cfg.ValueConverter, false); err != nil {
		return nil, err
	}
	if e.header, e.headerName, err = w.newHeaderConverter(config); err != nil {
		return nil, err
	}
	if e.chain, err = chain.New(config, w.cfg.Registry, t.log); err != nil {
		return nil, err
	}
	cfg, err := tolerance.ReadConfig(t.id.Connector, t.id.Task, config, t.log)
	if err != nil {
		return nil, err
	}
	cfg.Counts = t.metrics.Task
	e.operator = tolerance.New(cfg)
	e.topics, err = w.newTopics(t, config)
	return e, err
}

// newConverter makes the converter that the connector names, with its own
// properties, or else the worker's with the worker's.
func (w *Worker) newConverter(config map[string]string, name, fallback string, isKey bool) (converter, error) {
	class, props := w.choose(config, name, fallback)
	p, err := w.cfg.Registry.FindVersion(class, config[name+".plugin.version"], connect.KindConverter)
	if err != nil {
		return converter{}, fmt.Errorf("%s: %w", name, err)
	}
	c, err := p.NewConverter(props, isKey)
	if err != nil {
		return converter{}, fmt.Errorf("%s.*: %w", name, err)
	}
	return converter{c, p.Class}, nil
}

func (w *Worker) newHeaderConverter(config map[string]string) (connect.HeaderConverter, string, error) {
	const name = "header.converter"
	class, props := w.choose(config, name, w.cfg.HeaderConverter)
	p, err := w.cfg.Registry.FindVersion(class, config[name+".plugin.version"], connect.KindHeaderConverter)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	c, err := p.NewHeaderConverter(props)
	if err != nil {
		return nil, "", fmt.Errorf("%s.*: %w", name, err)
	}
	return c, p.Class, nil
}

func (w *Worker) choose(config map[string]string, name, fallback string) (class string, props map[string]string) {
	if own := config[name]; own != "" {
		return own, below(config, name+".")
	}
	return fallback, w.cfg.Properties.WithPrefix(name + ".")
}

func below(config map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for key, value := range config {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
		}
	}
	return out
}

// encode appends the records of a batch.
func (e *encoder) encode(ctx context.Context, b *connect.Batch, from, to int) error {
	now := e.t.w.cfg.Now().UnixMilli()
	for i := from; i < to; i++ {
		if err := e.record(ctx, b, &b.Records[i], now); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) record(ctx context.Context, b *connect.Batch, r *connect.SourceRecord, now int64) error {
	if !e.chain.Empty() {
		if keep, err := e.transform(ctx, b, r); err != nil || !keep {
			if err == nil {
				e.t.inflight.drop(r.Source, r.Offset)
			}
			return err
		}
	}
	ok, err := e.append(ctx, r, now)
	if err == nil && !ok {
		e.t.inflight.drop(r.Source, r.Offset)
	}
	return err
}

// transform applies the chain; it reports false for a record that is dropped or
// passed over.
func (e *encoder) transform(ctx context.Context, b *connect.Batch, r *connect.SourceRecord) (bool, error) {
	keep, err := e.chain.Apply(&b.Arena, &r.Record)
	if err == nil {
		return keep, nil
	}
	var where *chain.Error
	class := ""
	if errors.As(err, &where) {
		class = where.Class
	}
	ok, err := e.operator.Failed(ctx, tolerance.Context{Stage: tolerance.Transformation, Class: class, Record: &r.Record}, err, func() (again error) {
		keep, again = e.chain.Apply(&b.Arena, &r.Record)
		return again
	})
	return ok && keep, err
}

// append converts a record and appends it. It reports false for a record that
// cannot be converted and is passed over.
func (e *encoder) append(ctx context.Context, r *connect.SourceRecord, now int64) (ok bool, err error) {
	key, ok, err := e.convertKey(ctx, r)
	if err != nil || !ok {
		return false, err
	}
	if ok, err = e.convertHeaders(ctx, r); err != nil || !ok {
		return false, err
	}
	topic, err := e.topics.get(ctx, r.Topic)
	if err != nil {
		return false, err
	}
	if r.Timestamp != connect.NoTimestamp {
		now = r.Timestamp
	}
	a, err := e.t.producer.Begin(ctx, topic, r.Partition, key, now)
	if err != nil {
		return false, fmt.Errorf("writing to topic %s: %w", r.Topic, err)
	}
	buf, null, err := e.value.Append(a.Value(), r.Topic, &r.Headers, r.ValueSchema, r.Value)
	if err != nil {
		a.Abandon()
		return false, e.passOver(ctx, tolerance.ValueConverter, e.value.class, r, err)
	}
	a.SetValue(buf, null)
	e.appendHeaders(a, r)
	if err := a.End(e.t.inflight.submit(r.Source, r.Offset)); err != nil {
		return false, err
	}
	return true, nil
}

// passOver applies the tolerance rules to a failure that a repetition does not
// mend: nil means that the record is left out.
func (e *encoder) passOver(ctx context.Context, stage tolerance.Stage, class string, r *connect.SourceRecord, cause error) error {
	_, err := e.operator.Failed(ctx, tolerance.Context{Stage: stage, Class: class, Record: &r.Record}, cause, func() error { return cause })
	return err
}

// convertKey returns the key's bytes, nil for Kafka's null. They are valid until
// the next record.
func (e *encoder) convertKey(ctx context.Context, r *connect.SourceRecord) (key []byte, ok bool, err error) {
	buf, null, err := e.key.Append(e.keyBuf[:0], r.Topic, &r.Headers, r.KeySchema, r.Key)
	if err != nil {
		return nil, false, e.passOver(ctx, tolerance.KeyConverter, e.key.class, r, err)
	}
	e.keyBuf = buf
	if null {
		return nil, true, nil
	}
	return buf, true, nil
}

// convertHeaders converts all headers of a record into the encoder's buffer.
func (e *encoder) convertHeaders(ctx context.Context, r *connect.SourceRecord) (bool, error) {
	e.headers, e.ends = e.headers[:0], e.ends[:0]
	for i := range r.Headers {
		h := &r.Headers[i]
		buf, null, err := e.header.AppendHeader(e.headers, r.Topic, h.Key, h.Schema, h.Value)
		if err != nil {
			return false, e.passOver(ctx, tolerance.HeaderConverter, e.headerName, r, err)
		}
		e.headers = buf
		e.ends = append(e.ends, headerEnd{len(buf), null})
	}
	return true, nil
}

func (e *encoder) appendHeaders(a *producer.Appender, r *connect.SourceRecord) {
	if len(e.ends) == 0 {
		return
	}
	a.Headers(len(e.ends))
	start := 0
	for i, h := range e.ends {
		a.SetHeader(append(a.Header(r.Headers[i].Key), e.headers[start:h.end]...), h.null)
		start = h.end
	}
}

func (e *encoder) close() error { return e.chain.Close() }
