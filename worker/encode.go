package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
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
	header     headerConverter
	topics     *topics
	letters    *letters // nil without a dead letter queue
	keyBuf     []byte
	keyNull    bool
	open       *producer.Appender // the record being written
	stage      tolerance.Stage    // of the plugin that is at work, "" for none
	headers    headers            // of the record
}

// converter is a converter with its class, for messages.
type converter struct {
	connect.Converter
	class, version string
}

// headerConverter is converter for headers.
type headerConverter struct {
	connect.HeaderConverter
	class, version string
}

func (w *Worker) newEncoder(ctx context.Context, t *sourceTask, config map[string]string) (*encoder, error) {
	e := &encoder{t: t, keyBuf: make([]byte, 0, 64)} // an empty key is not null
	var err error
	if e.key, err = w.newConverter(config, "key.converter", w.cfg.KeyConverter, true); err != nil {
		return nil, err
	}
	if e.value, err = w.newConverter(config, "value.converter", w.cfg.ValueConverter, false); err != nil {
		return nil, err
	}
	if e.header, err = w.newHeaderConverter(config); err != nil {
		return nil, err
	}
	if e.chain, err = chain.New(config, w.cfg.Registry, t.log); err != nil {
		return nil, err
	}
	watch(t.metrics.Task, e.key, e.value, e.header, e.chain)
	cfg, err := tolerance.ReadConfig(t.id.Connector, t.id.Task, config, t.log)
	if err != nil {
		return nil, err
	}
	cfg.Counts = t.metrics.Task
	e.operator = tolerance.New(cfg)
	if cfg.All && t.txn == nil {
		t.inflight.tolerate = e.tolerate
	}
	if cfg.All {
		if e.letters, err = w.newLetters(ctx, t, config); err != nil {
			return nil, err
		}
	}
	e.topics, err = w.newTopics(t, config)
	return e, err
}

// newConverter makes the converter that the connector names, with its own
// properties, or else the worker's with the worker's.
func (w *Worker) newConverter(config map[string]string, name, fallback string, isKey bool) (converter, error) {
	class, version, props := w.choose(config, name, fallback)
	p, err := w.cfg.Registry.FindVersion(class, version, connect.KindConverter)
	if err != nil {
		return converter{}, fmt.Errorf("%s: %w", name, err)
	}
	c, err := p.NewConverter(props, isKey)
	if err != nil {
		return converter{}, fmt.Errorf("%s.*: %w", name, err)
	}
	return converter{c, p.Class, p.Version}, nil
}

func (w *Worker) newHeaderConverter(config map[string]string) (headerConverter, error) {
	const name = "header.converter"
	class, version, props := w.choose(config, name, w.cfg.HeaderConverter)
	p, err := w.cfg.Registry.FindVersion(class, version, connect.KindHeaderConverter)
	if err != nil {
		return headerConverter{}, fmt.Errorf("%s: %w", name, err)
	}
	c, err := p.NewHeaderConverter(props)
	if err != nil {
		return headerConverter{}, fmt.Errorf("%s.*: %w", name, err)
	}
	return headerConverter{c, p.Class, p.Version}, nil
}

// choose decides between a connector's converter and the worker's. A version counts
// only beside the class that it belongs to.
func (w *Worker) choose(config map[string]string, name, fallback string) (class, version string, props map[string]string) {
	from := w.cfg.Properties
	if own := config[name]; own != "" {
		from, fallback = config, own
	}
	return fallback, registry.Wanted(from, name+".plugin.version"), from.WithPrefix(name + ".")
}

// encode appends the records of a batch.
func (e *encoder) encode(ctx context.Context, b *connect.Batch, from, to int) error {
	now := e.t.w.cfg.Now().UnixMilli()
	for from < to {
		at, err := e.run(ctx, b, from, to, now)
		var p *panicError
		if errors.As(err, &p) && e.stage != "" {
			err = e.panicked(ctx, &b.Records[at], p, now)
		}
		if err != nil {
			return err
		}
		from = at + 1
	}
	return nil
}

// run appends records until one of them fails, or a plugin panics over it; at is
// the last one that it came to.
func (e *encoder) run(ctx context.Context, b *connect.Batch, from, to int, now int64) (at int, err error) {
	err = guard(func() error {
		for at = from; at < to; at++ {
			if err := e.record(ctx, b, &b.Records[at], now); err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}

// panicked deals with a record over which a plugin has panicked, as Java does with
// unchecked exceptions: the tolerance rules apply. It is not tried again, lest the
// plugin is in pieces.
func (e *encoder) panicked(ctx context.Context, r *connect.SourceRecord, cause error, now int64) error {
	stage := e.stage
	e.stage = ""
	if e.open != nil {
		e.open.Abandon()
		e.open = nil
	}
	class := e.chain.Class()
	switch stage {
	case tolerance.KeyConverter:
		class = e.key.class
	case tolerance.ValueConverter:
		class = e.value.class
	case tolerance.HeaderConverter:
		class = e.header.class
	}
	if ok, err := e.failed(ctx, stage, class, r, cause, nil); err != nil || ok {
		return err
	}
	return e.passOver(ctx, r, now)
}

func (e *encoder) record(ctx context.Context, b *connect.Batch, r *connect.SourceRecord, now int64) error {
	if e.letters != nil {
		e.letters.keep(r)
	}
	keep, err := true, error(nil)
	if !e.chain.Empty() {
		keep, err = e.transform(ctx, b, r)
	}
	if err == nil && keep {
		keep, err = e.append(ctx, r, now)
	}
	if err == nil && !keep {
		err = e.passOver(ctx, r, now)
	}
	return err
}

// passOver counts a record as done that is not written: a transform drops it, or
// it was refused and is tolerated. What was refused goes to the dead letter queue.
func (e *encoder) passOver(ctx context.Context, r *connect.SourceRecord, now int64) error {
	if e.letters == nil || e.letters.refused == nil {
		e.t.inflight.drop(r.Source, r.Offset)
		return nil
	}
	return e.letters.write(ctx, e, e.t.inflight.submit(r.Source, r.Offset), now)
}

// transform applies the chain; it reports false for a record that is dropped or
// passed over.
func (e *encoder) transform(ctx context.Context, b *connect.Batch, r *connect.SourceRecord) (bool, error) {
	e.stage = tolerance.Transformation
	keep, err := e.chain.Apply(&b.Arena, &r.Record)
	e.stage = ""
	if err == nil {
		return keep, nil
	}
	var where *chain.Error
	class := ""
	if errors.As(err, &where) {
		class = where.Class
	}
	ok, err := e.failed(ctx, tolerance.Transformation, class, r, err, func() (again error) {
		keep, again = e.chain.Again(&b.Arena, &r.Record)
		return again
	})
	return ok && keep, err
}

// failed applies the tolerance rules to a failed operation, which again repeats.
// What was appended before goes out first, as repetitions may take long.
func (e *encoder) failed(ctx context.Context, stage tolerance.Stage, class string, r *connect.SourceRecord, cause error, again func() error) (ok bool, err error) {
	e.t.producer.Flush()
	c := tolerance.Context{Stage: stage, Class: class, Record: &r.Record, Source: r}
	last := cause
	repeat := again
	if again != nil {
		repeat = func() error {
			err := again()
			if err != nil {
				last = err
			}
			return err
		}
	}
	ok, err = e.operator.Failed(ctx, c, cause, repeat)
	if err == nil && !ok && e.letters != nil {
		e.letters.refused = &tolerance.Refusal{Context: c, Cause: last}
	}
	return ok, err
}

// append converts a record and appends it. It reports false for a record that
// cannot be converted and is passed over.
//
// Headers of the record are converted first; what the converters of key and value
// add to them goes out as it is (Java's converters get Kafka's headers).
func (e *encoder) append(ctx context.Context, r *connect.SourceRecord, now int64) (ok bool, err error) {
	e.headers.begin(&r.Record)
	for e.headers.n < len(r.Headers) {
		if err := e.convertHeader(r); err != nil {
			if ok, err := e.failed(ctx, tolerance.HeaderConverter, e.header.class, r, err, func() error { return e.convertHeader(r) }); err != nil || !ok {
				return false, err
			}
		}
	}
	if err := e.convertKey(r); err != nil {
		if ok, err := e.failed(ctx, tolerance.KeyConverter, e.key.class, r, err, func() error { return e.convertKey(r) }); err != nil || !ok {
			return false, err
		}
	}
	topic, err := e.topics.get(ctx, r.Topic)
	if err != nil {
		return false, err
	}
	if r.Timestamp != connect.NoTimestamp {
		now = r.Timestamp
	}
	if err := e.begin(ctx, topic, r, now); err != nil {
		var produce *produceError
		if errors.As(err, &produce) {
			return false, produce.err
		}
		ok, err := e.failed(ctx, tolerance.ValueConverter, e.value.class, r, err, func() error { return e.begin(ctx, topic, r, now) })
		if err != nil || !ok {
			return false, err
		}
	}
	e.appendHeaders(r)
	return e.end(r)
}

// tolerate passes over a record that the cluster refuses for good, as Java does
// under errors.tolerance=all outside of transactions. It is called by the sender
// too; the operator's counters and logger bear that.
func (e *encoder) tolerate(err error) bool {
	var (
		large   *producer.RecordTooLarge
		refused *producer.BrokerError
		late    *producer.TimeoutError
	)
	if !errors.As(err, &large) && !errors.As(err, &refused) && !errors.As(err, &late) {
		return false
	}
	_, err = e.operator.Failed(context.Background(), tolerance.Context{Stage: tolerance.KafkaProduce, Class: "org.apache.kafka.connect.runtime.WorkerSourceTask"}, err, nil)
	return err == nil
}

// produceError keeps a failure of the producer apart from one of the converter.
type produceError struct{ err error }

func (e *produceError) Error() string { return e.err.Error() }

// begin begins the record in its batch and converts the value into it. After an
// error nothing of it is left.
func (e *encoder) begin(ctx context.Context, topic *producer.Topic, r *connect.SourceRecord, ms int64) error {
	key := e.keyBuf
	if e.keyNull {
		key = nil
	}
	a, err := e.t.producer.Begin(ctx, topic, r.Partition, key, ms)
	if err != nil {
		return &produceError{fmt.Errorf("writing to topic %s: %w", r.Topic, err)}
	}
	e.open, e.stage = a, tolerance.ValueConverter
	buf, null, err := e.value.Append(a.Value(), r.Topic, &r.Headers, r.ValueSchema, r.Value)
	e.stage = ""
	if err != nil {
		a.Abandon()
		e.open = nil
		return err
	}
	a.SetValue(buf, null)
	return nil
}

// end finishes the record. One that is too large for the producer is passed over
// where errors.tolerance says so.
func (e *encoder) end(r *connect.SourceRecord) (bool, error) {
	tag := e.t.inflight.submit(r.Source, r.Offset)
	err := e.open.End(tag)
	e.open = nil
	if err == nil {
		return true, nil
	}
	e.t.inflight.Done([]producer.Tags{{First: tag, N: 1}}, err)
	return true, e.t.inflight.failure()
}

// convertKey converts the key into the encoder's buffer.
func (e *encoder) convertKey(r *connect.SourceRecord) error {
	e.stage = tolerance.KeyConverter
	buf, null, err := e.key.Append(e.keyBuf[:0], r.Topic, &r.Headers, r.KeySchema, r.Key)
	e.stage = ""
	if err == nil {
		e.keyBuf, e.keyNull = buf, null
	}
	return err
}

// convertHeader converts the first header that is not yet converted.
func (e *encoder) convertHeader(r *connect.SourceRecord) error {
	e.stage = tolerance.HeaderConverter
	err := e.headers.convert(e.header, r.Topic, &r.Headers[e.headers.n])
	e.stage = ""
	return err
}

// appendHeaders gives the record its headers, among them those that the converters
// of key and value have added, which go out as they are.
func (e *encoder) appendHeaders(r *connect.SourceRecord) {
	for i := e.headers.n; i < len(r.Headers); i++ {
		e.headers.add(&r.Headers[i])
	}
	if e.headers.n > 0 {
		e.open.Headers(e.headers.n, e.headers.encoded)
	}
}

func (e *encoder) close() error { return e.chain.Close() }
