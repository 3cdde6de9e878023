package worker

import (
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// headers encodes the headers of one record after the other. Many records have the
// same ones, those of Debezium's context above all: comparing costs a fraction of
// converting them again.
type headers struct {
	encoded []byte // as producer.AppendHeader has them
	n       int
	value   []byte // scratch

	topic string           // of the headers below
	last  []connect.Header // what encoded was made of, with values of its own
	arena data.Arena       // those values
}

// begin starts with a record's headers: with all of them when they are those of the
// record before.
func (h *headers) begin(r *connect.Record) {
	if len(r.Headers) > 0 && len(h.last) == h.n && h.same(r) {
		return
	}
	h.encoded, h.n, h.topic, h.last = h.encoded[:0], 0, r.Topic, h.last[:0]
	h.arena.Reset()
}

func (h *headers) same(r *connect.Record) bool {
	if len(r.Headers) != len(h.last) || r.Topic != h.topic {
		return false
	}
	for i := range h.last {
		a, b := &h.last[i], &r.Headers[i]
		if a.Key != b.Key || a.Schema != b.Schema || !a.Value.Equal(b.Value) {
			return false
		}
	}
	return true
}

// convert adds a header that a task or transform has made.
func (h *headers) convert(c connect.HeaderConverter, topic string, header *connect.Header) error {
	buf, null, err := c.AppendHeader(h.value[:0], topic, header.Key, header.Schema, header.Value)
	if err != nil {
		return err
	}
	h.append(header.Key, buf, null)
	if v, ok := h.keep(header.Value); ok {
		h.last = append(h.last, connect.Header{Key: header.Key, Schema: header.Schema, Value: v})
	}
	return nil
}

// add adds a header that a converter has made; it is not among those of the next record.
func (h *headers) add(header *connect.Header) {
	h.append(header.Key, append(h.value[:0], header.Value.Raw()...), header.Value.IsNull())
}

func (h *headers) append(key string, value []byte, null bool) {
	h.value = value
	switch {
	case null:
		value = nil
	case value == nil:
		value = []byte{}
	}
	h.encoded = producer.AppendHeader(h.encoded, key, value)
	h.n++
}

// keep copies a value out of its batch; ok is false for those that are not worth it.
func (h *headers) keep(v data.Value) (_ data.Value, ok bool) {
	switch v.Kind() {
	case data.KindString:
		return h.arena.CopyString(v.Str()), true
	case data.KindBytes:
		return data.Bytes(h.arena.Copy(v.Raw())), true
	case data.KindArray, data.KindMap, data.KindStruct:
		return v, false
	}
	return v, true
}
