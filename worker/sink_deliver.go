package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
	"github.com/millrace/millrace/worker/chain"
	"github.com/millrace/millrace/worker/tolerance"
)

// delivery is the batch that the task is to put. It belongs to the loop.
type delivery struct {
	most    int // max.poll.records
	arena   data.Arena
	records []connect.SinkRecord
	origins []*sarama.ConsumerMessage // of records
	next    map[*claim]seek           // where claims stand when the batch is put
	retryAt time.Time                 // no attempt before; for a batch that was refused once
	pending bool                      // the batch was refused and is kept
	oldest  time.Time                 // when its first record was written to Kafka
	read    int64                     // messages read and not counted yet
}

// idle reports whether the next batch may be collected.
func (d *delivery) idle() bool { return !d.pending }

// drop forgets the batch.
func (d *delivery) drop() {
	clear(d.records)
	clear(d.origins)
	d.records, d.origins, d.pending = d.records[:0], d.origins[:0], false
	clear(d.next)
	d.oldest = time.Time{}
	d.arena.Reset()
}

// full reports whether the batch holds all that max.poll.records allows.
func (d *delivery) full() bool { return len(d.records) >= d.most }

// collect makes a batch of a message and what else is at hand.
func (t *sinkTask) collect(ctx context.Context, first message) error {
	err := t.add(ctx, first)
	for err == nil && !t.deliver.full() {
		select {
		case m := <-t.members.messages:
			err = t.add(ctx, m)
			continue
		default:
		}
		break
	}
	t.metrics.Read.Add(t.deliver.read)
	t.deliver.read = 0
	return err
}

// add converts a message and adds it to the batch.
func (t *sinkTask) add(ctx context.Context, m message) error {
	c := m.claim
	switch {
	case t.claims()[c.tp] != c || m.epoch != c.epoch:
		return nil // given up or set to another offset since
	case !c.gate.open():
		c.held = append(c.held, m)
		return nil
	}
	t.use(m.Topic)
	t.deliver.read++
	d := &t.deliver
	n := len(d.records)
	d.records = append(d.records, connect.SinkRecord{})
	r := &d.records[n]
	d.records = d.records[:n] // until it is read
	keep, err := t.reader.read(ctx, &d.arena, m.ConsumerMessage, r)
	if err != nil {
		return err // nothing may be committed behind a record that nobody passes over
	}
	if keep {
		d.records = d.records[:n+1]
		d.origins = append(d.origins, m.ConsumerMessage)
		if d.oldest.IsZero() || m.Timestamp.Before(d.oldest) {
			d.oldest = m.Timestamp
		}
	}
	if d.next == nil {
		d.next = map[*claim]seek{}
	}
	d.next[c] = seek{m.Offset + 1, c.epoch}
	if c.first < 0 {
		c.first = m.Offset
	}
	return nil
}

// put gives the batch to the task. A batch that the task cannot take now is kept.
func (t *sinkTask) put(ctx context.Context) error {
	d := &t.deliver
	t.metrics.Waiting.Begin(d.oldest)
	began := t.w.cfg.Now()
	err := guard(func() error { return t.task.Put(ctx, d.records) })
	switch {
	case err == nil:
		if n := len(d.records); n > 0 {
			t.metrics.PutTime.NoteSince(began)
			t.metrics.Sent.Add(int64(n))
			t.metrics.BatchSize.Note(float64(n))
		}
		t.metrics.Waiting.End()
		for c, next := range d.next {
			if c.epoch == next.epoch { // Put did not seek
				c.next = next.offset
			}
		}
		d.drop()
		t.measure()
		return nil
	case ctx.Err() != nil && t.polling.Err() != nil:
		return nil
	case connect.IsRetriable(err):
		wait := t.w.cfg.FlushInterval
		if t.timeout > 0 {
			wait = t.timeout
		}
		d.pending, d.retryAt = true, t.w.cfg.Now().Add(wait)
		t.log.Error("the task could not take records; they are delivered again", "error", err, "wait", wait)
		return nil
	}
	return fmt.Errorf("Exiting WorkerSinkTask due to unrecoverable exception: %w", err)
}

// use reports a topic when the task gets its first record.
func (t *sinkTask) use(topic string) {
	if t.used[topic] {
		return
	}
	t.used[topic] = true
	if l := t.w.cfg.Topics; l != nil {
		l.TopicUsed(t.id, topic)
	}
}

// sinkReader turns messages into records: converters, then transforms, under the
// connector's tolerance of errors. It belongs to the loop.
type sinkReader struct {
	key, value converter
	header     headerConverter
	chain      *chain.Chain
	operator   *tolerance.Operator
	dlq        *tolerance.DLQ // nil for none
	errant     bool           // the task may report records

	keep bool             // what the last transforms said
	raw  []connect.Header // of the message being read
}

// newSinkReader makes what turns messages into records for a task.
func (w *Worker) newSinkReader(ctx context.Context, t *sinkTask, config map[string]string) (_ *sinkReader, err error) {
	x := &sinkReader{}
	if x.key, err = w.newConverter(config, "key.converter", w.cfg.KeyConverter, true); err != nil {
		return nil, err
	}
	if x.value, err = w.newConverter(config, "value.converter", w.cfg.ValueConverter, false); err != nil {
		return nil, err
	}
	if x.header, err = w.newHeaderConverter(config); err != nil {
		return nil, err
	}
	if x.chain, err = chain.New(config, w.cfg.Registry, t.log); err != nil {
		return nil, err
	}
	watch(t.metrics.Task, x.key, x.value, x.header, x.chain)
	cfg, err := tolerance.ReadConfig(t.id.Connector, t.id.Task, config, t.log)
	if err == nil {
		x.dlq, err = w.newDLQ(ctx, t, config)
	}
	if err != nil {
		return nil, errors.Join(err, x.chain.Close())
	}
	if x.dlq != nil {
		cfg.Reporters = append(cfg.Reporters, x.dlq)
	}
	x.errant = x.dlq != nil || cfg.Log
	cfg.Counts = t.metrics.Task
	x.operator = tolerance.New(cfg)
	return x, nil
}

// newDLQ makes the dead letter queue of a connector that has one.
func (w *Worker) newDLQ(ctx context.Context, t *sinkTask, config map[string]string) (*tolerance.DLQ, error) {
	cfg, err := tolerance.ReadDLQ(config)
	if err != nil || cfg.Topic == "" {
		return nil, err
	}
	if err := w.createDLQ(ctx, cfg, config); err != nil {
		return nil, err
	}
	overrides := kafka.Properties(config).WithPrefix("producer.override.")
	props := producerProperties(w.cfg.Properties, overrides)
	producers, release, err := w.clients.get(ctx, kafka.RoleProducer, props)
	if err != nil {
		return nil, err
	}
	cfg.Connector, cfg.Task, cfg.Logger, cfg.Release = t.id.Connector, t.id.Task, t.log, release
	cfg.Producer = producer.FromSettings(producers.Settings, props)
	cfg.Producer.Pool = t.w.buffers
	cfg.Producer.Client, cfg.Counts, cfg.Redact = producers, t.metrics.Task, w.cfg.Redact
	return tolerance.NewDLQ(ctx, cfg)
}

// createDLQ creates the topic of a connector's dead letter queue unless it exists.
func (w *Worker) createDLQ(ctx context.Context, cfg tolerance.DLQConfig, config map[string]string) error {
	admin, release, err := w.admin(ctx, w.adminOf(config))
	if err != nil {
		return err
	}
	defer release()
	return cfg.CreateTopic(ctx, admin)
}

// flushReports waits until everything in the dead letter queue is written. An
// error ends the task, as offsets must not pass over what is lost.
func (x *sinkReader) flushReports(ctx context.Context) error {
	if x.dlq == nil {
		return nil
	}
	return x.dlq.Flush(ctx)
}

func (x *sinkReader) close(ctx context.Context) error {
	err := x.chain.Close()
	if x.dlq != nil {
		err = errors.Join(err, x.dlq.Close(ctx))
	}
	return err
}

// sinkStages are the steps of reading, in Java's order.
func sinkStages() [4]tolerance.Stage {
	return [...]tolerance.Stage{tolerance.KeyConverter, tolerance.ValueConverter, tolerance.HeaderConverter, tolerance.Transformation}
}

// read fills r from m. keep is false when a transform or a tolerance rule drops it.
func (x *sinkReader) read(ctx context.Context, a *data.Arena, m *sarama.ConsumerMessage, r *connect.SinkRecord) (keep bool, err error) {
	*r = connect.SinkRecord{
		Record:      connect.Record{Topic: m.Topic, Partition: m.Partition, Timestamp: connect.NoTimestamp},
		KafkaOffset: m.Offset, TimestampType: connect.NoTimestampType,
		OriginalTopic: m.Topic, OriginalPartition: m.Partition, OriginalOffset: m.Offset,
	}
	if !m.Timestamp.IsZero() {
		r.Timestamp, r.TimestampType = m.Timestamp.UnixMilli(), connect.CreateTime
	}
	x.keep = true
	for _, stage := range sinkStages() {
		err := guard(func() error { return x.step(stage, a, m, r) })
		if err == nil {
			continue
		}
		again := func() error { return x.step(stage, a, m, r) }
		if stage == tolerance.Transformation {
			again = func() (err error) {
				x.keep, err = x.chain.AgainSink(a, r)
				return err
			}
		}
		c := tolerance.Context{Stage: stage, Class: x.class(stage, err), Record: &r.Record, Original: m}
		if ok, err := x.operator.Failed(ctx, c, err, again); err != nil || !ok {
			return false, err
		}
	}
	return x.keep, nil
}

func (x *sinkReader) step(stage tolerance.Stage, a *data.Arena, m *sarama.ConsumerMessage, r *connect.SinkRecord) (err error) {
	switch stage {
	case tolerance.KeyConverter:
		r.KeySchema, r.Key, err = x.key.Parse(a, m.Topic, x.rawHeaders(m), m.Key)
	case tolerance.ValueConverter:
		r.ValueSchema, r.Value, err = x.value.Parse(a, m.Topic, x.raw, m.Value)
	case tolerance.HeaderConverter:
		err = x.readHeaders(a, m, r)
	case tolerance.Transformation:
		x.keep, err = x.chain.ApplySink(a, r)
	}
	return err
}

// class is the Java class of the plugin that failed.
func (x *sinkReader) class(stage tolerance.Stage, err error) string {
	var where *chain.Error
	switch {
	case stage == tolerance.KeyConverter:
		return x.key.class
	case stage == tolerance.ValueConverter:
		return x.value.class
	case stage == tolerance.HeaderConverter:
		return x.header.class
	case errors.As(err, &where):
		return where.Class
	}
	return x.chain.Class() // it has panicked
}

// rawHeaders are the headers as key and value converters get them: as bytes.
func (x *sinkReader) rawHeaders(m *sarama.ConsumerMessage) []connect.Header {
	x.raw = x.raw[:0]
	for _, h := range m.Headers {
		x.raw = append(x.raw, connect.Header{Key: string(h.Key), Value: data.Bytes(h.Value)})
	}
	return x.raw
}

func (x *sinkReader) readHeaders(a *data.Arena, m *sarama.ConsumerMessage, r *connect.SinkRecord) error {
	r.Headers = nil
	if len(m.Headers) == 0 {
		return nil
	}
	r.Headers = make([]connect.Header, 0, len(m.Headers))
	for _, h := range m.Headers {
		schema, v, err := x.header.ParseHeader(a, m.Topic, string(h.Key), h.Value)
		if err != nil {
			return err
		}
		r.Headers = append(r.Headers, connect.Header{Key: string(h.Key), Schema: schema, Value: v})
	}
	return nil
}
