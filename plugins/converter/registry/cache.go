package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/lru"
	"github.com/millrace/millrace/plugins/data"
)

// Reader reads records of one schema of the registry; b is what follows its id.
type Reader interface {
	Read(a *data.Arena, b []byte) (*data.Schema, data.Value, error)
}

// Readers is the half of a converter that reads. It belongs to one goroutine.
type Readers[P any] struct {
	serde  *Serde[P]
	failed string // format of errors, with the topic and the cause
	build  func(Found[P]) (Reader, error)
	made   *lru.Cache[readKey, Reader]
}

type readKey struct {
	id    int
	topic string
}

// NewReaders makes a Readers that builds a Reader for each schema and topic, and
// keeps size of them.
func NewReaders[P any](size int, serde *Serde[P], failed string, build func(Found[P]) (Reader, error)) *Readers[P] {
	return &Readers[P]{serde: serde, failed: failed, build: build, made: lru.New[readKey, Reader](size)}
}

// Parse implements connect.Converter.
func (r *Readers[P]) Parse(a *data.Arena, topic string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	if b == nil {
		return nil, data.Null(), nil
	}
	s, v, err := r.read(a, topic, b)
	if err != nil {
		return nil, data.Value{}, fmt.Errorf(r.failed, topic, err)
	}
	return s, v, nil
}

func (r *Readers[P]) read(a *data.Arena, topic string, b []byte) (*data.Schema, data.Value, error) {
	id, payload, err := CutID(b)
	if err != nil {
		return nil, data.Value{}, dataError("%w", err)
	}
	key := readKey{id, topic}
	reader, ok := r.made.Get(key)
	if !ok {
		found, err := r.serde.Find(context.Background(), id, topic)
		if err != nil {
			return nil, data.Value{}, err
		}
		if reader, err = r.build(found); err != nil {
			return nil, data.Value{}, err
		}
		r.made.Put(key, reader)
	}
	return reader.Read(a, payload)
}

// Writers keeps what writes records of one schema to one topic, until the registry
// has to be asked again. It belongs to one goroutine.
type Writers[W any] struct {
	failed string // format of errors, with the topic and the cause
	build  func(topic string, s *data.Schema) (W, time.Time, error)
	made   *lru.Cache[writeKey, written[W]]
}

type writeKey struct {
	schema *data.Schema
	topic  string
}

type written[W any] struct {
	by      W
	expires time.Time // zero for never
}

// NewWriters makes a Writers that keeps size of what build builds.
func NewWriters[W any](size int, failed string, build func(topic string, s *data.Schema) (W, time.Time, error)) *Writers[W] {
	return &Writers[W]{failed: failed, build: build, made: lru.New[writeKey, written[W]](size)}
}

// For gives what writes records of a schema to a topic.
func (w *Writers[W]) For(topic string, s *data.Schema) (W, error) {
	key := writeKey{s, topic}
	if m, ok := w.made.Get(key); ok && (m.expires.IsZero() || time.Now().Before(m.expires)) {
		return m.by, nil
	}
	by, expires, err := w.build(topic, s)
	if err != nil {
		return by, fmt.Errorf(w.failed, topic, err)
	}
	w.made.Put(key, written[W]{by, expires})
	return by, nil
}
