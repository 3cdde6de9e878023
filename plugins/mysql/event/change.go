package event

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Operations, as the field op writes them (Envelope.Operation).
var (
	opCreate   = data.String("c")
	opUpdate   = data.String("u")
	opDelete   = data.String("d")
	opRead     = data.String("r")
	opTruncate = data.String("t")
)

// Headers that tie the two events of a changed key together.
const (
	newKeyHeader = "__debezium.newkey"
	oldKeyHeader = "__debezium.oldkey"
)

// Read adds a row of a snapshot.
func (p *Plan) Read(b *connect.Batch, src *Source, offset connect.Offset, row []value.Cell) error {
	if p.b.skip.read {
		return nil
	}
	return p.after(b, src, offset, opRead, row)
}

// Insert adds an inserted row.
func (p *Plan) Insert(b *connect.Batch, src *Source, offset connect.Offset, row []value.Cell) error {
	if p.b.skip.create {
		return nil
	}
	return p.after(b, src, offset, opCreate, row)
}

func (p *Plan) after(b *connect.Batch, src *Source, offset connect.Offset, op data.Value, row []value.Cell) error {
	if err := p.checkWidth(row); err != nil {
		return err
	}
	key, err := p.key(&b.Arena, row)
	if err != nil {
		return err
	}
	after, err := p.row(&b.Arena, row)
	if err != nil {
		return err
	}
	p.emit(b, src, offset, key, op, data.Null(), after, p.b.headers)
	return nil
}

// Offsets are those around a row that becomes several records. Only the last of
// them carries After: an offset that is stored before all of them are
// acknowledged must bring them again, not lose the rest.
type Offsets struct{ Before, After connect.Offset }

// Delete adds a deleted row, and its tombstone.
func (p *Plan) Delete(b *connect.Batch, src *Source, at Offsets, row []value.Cell) error {
	if p.b.skip.delete {
		return nil
	}
	if err := p.checkWidth(row); err != nil {
		return err
	}
	key, err := p.key(&b.Arena, row)
	if err != nil {
		return err
	}
	before, err := p.row(&b.Arena, row)
	if err != nil {
		return err
	}
	r := p.emit(b, src, at.Before, key, opDelete, before, data.Null(), p.b.headers)
	if !p.b.cfg.Tombstones {
		r.Offset = at.After
		return nil
	}
	p.tombstone(b, at.After, key, p.b.headers)
	return nil
}

// Update adds an updated row; a row whose key has changed as the deletion of
// the old key and the creation of the new one. These are two events of the
// transaction: next, if not nil, is called in between to give src the place of
// the second and returns the offset that counts both.
func (p *Plan) Update(b *connect.Batch, src *Source, at Offsets, before, after []value.Cell, next func(*Source) connect.Offset) error {
	if p.b.skip.update {
		return nil
	}
	if err := p.checkWidth(before); err != nil {
		return err
	}
	if err := p.checkWidth(after); err != nil {
		return err
	}
	newKey, err := p.key(&b.Arena, after)
	if err != nil {
		return err
	}
	old, err := p.row(&b.Arena, before)
	if err != nil {
		return err
	}
	now, err := p.row(&b.Arena, after)
	if err != nil {
		return err
	}
	if p.Key == nil || p.sameKey(before, after) {
		p.emit(b, src, at.After, newKey, opUpdate, old, now, p.b.headers)
		return nil
	}
	oldKey, err := p.key(&b.Arena, before)
	if err != nil {
		return err
	}
	headers := p.keyHeaders(newKeyHeader, newKey)
	p.emit(b, src, at.Before, oldKey, opDelete, old, data.Null(), headers)
	if p.b.cfg.Tombstones {
		p.tombstone(b, at.Before, oldKey, headers)
	}
	if next != nil {
		at.After = next(src)
	}
	p.emit(b, src, at.After, newKey, opCreate, data.Null(), now, p.keyHeaders(oldKeyHeader, oldKey))
	return nil
}

// Truncate adds the event of a TRUNCATE TABLE.
func (p *Plan) Truncate(b *connect.Batch, src *Source, offset connect.Offset) {
	if p.b.skip.truncate {
		return
	}
	r := p.emit(b, src, offset, data.Null(), opTruncate, data.Null(), data.Null(), p.b.headers)
	r.KeySchema = nil
}

// keyHeaders allocates, which is fine: keys seldom change.
func (p *Plan) keyHeaders(name string, key data.Value) []connect.Header {
	return append([]connect.Header{{Key: name, Schema: p.Key, Value: key}}, p.b.headers...)
}

// emit adds one record.
func (p *Plan) emit(b *connect.Batch, src *Source, offset connect.Offset, key, op, before, after data.Value, headers []connect.Header) *connect.SourceRecord {
	env := b.Arena.Struct(p.Envelope)
	f := env.Fields()
	f[envBefore], f[envAfter], f[envOp] = before, after, op
	f[envSource] = p.b.source(&b.Arena, src, p.db, p.name)
	if src.Transaction != nil {
		f[envTransaction] = p.b.transaction(&b.Arena, src.Transaction)
	}
	now := p.b.now
	f[envMillis], f[envMicros], f[envNanos] = data.Int64(now/1_000_000), data.Int64(now/1000), data.Int64(now)
	r := p.b.record(b, p.Topic, offset)
	r.KeySchema, r.Key, r.Headers = p.Key, key, headers
	r.ValueSchema, r.Value = p.Envelope, data.StructOf(env)
	return r
}

func (p *Plan) tombstone(b *connect.Batch, offset connect.Offset, key data.Value, headers []connect.Header) {
	r := p.b.record(b, p.Topic, offset)
	r.KeySchema, r.Key, r.Headers = p.Key, key, headers
}

// record adds an empty record to the batch.
func (b *Builder) record(batch *connect.Batch, topic string, offset connect.Offset) *connect.SourceRecord {
	r := batch.Add()
	r.Topic, r.Source, r.Offset = topic, b.partition, offset
	return r
}

func (b *Builder) transaction(a *data.Arena, t *Transaction) data.Value {
	s := a.Struct(b.transactionBlock)
	f := s.Fields()
	f[0], f[1], f[2] = data.String(t.ID), data.Int64(t.Order), data.Int64(t.CollectionOrder)
	return data.StructOf(s)
}

// SetLast turns the last record of a snapshot, which is held back until it is
// known to be the last, into one that says so. The record keeps everything but
// source.snapshot; offset replaces its offset, which must no longer say that a
// snapshot is running.
func SetLast(r *connect.SourceRecord, offset connect.Offset) {
	r.Offset = offset
	setMarker(r, MarkLast)
}

// SetLastOfTable marks the last row of a table in a snapshot.
func (p *Plan) SetLastOfTable(r *connect.SourceRecord) { setMarker(r, p.b.marker(MarkLastTable)) }

func setMarker(r *connect.SourceRecord, m Marker) {
	env := r.Value.Struct()
	if env == nil {
		return
	}
	src, err := env.Get("source")
	if err != nil || src.Struct() == nil {
		return
	}
	src.Struct().Set(srcSnapshot, data.String(string(m)))
}

// checkWidth refuses a row that does not fit the table as it is known.
func (p *Plan) checkWidth(row []value.Cell) error {
	if len(row) != len(p.Table.Columns) {
		return fmt.Errorf("table %s: a row has %d columns, but the schema history knows %d; take a new snapshot with snapshot.mode=recovery",
			p.Table.ID, len(row), len(p.Table.Columns))
	}
	return nil
}

// filledHeader marks events whose row image lacked columns (row.image.fill): its
// value is "filled" when they were read from the table, "gone" when the row was
// not there any more and they are null.
const filledHeader = "__millrace.row.image"

// MarkFilled marks a record as one whose row image lacked columns. withoutBefore
// leaves out the state before, of which columns are not known.
func MarkFilled(r *connect.SourceRecord, found, withoutBefore bool) {
	env := r.Value.Struct()
	if env == nil {
		return // a tombstone
	}
	what := "filled"
	if !found {
		what = "gone"
	}
	r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)],
		connect.Header{Key: filledHeader, Schema: data.New(data.TypeString).Build(), Value: data.String(what)})
	if withoutBefore {
		env.Set(envBefore, data.Null())
	}
}
