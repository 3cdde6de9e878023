package incremental

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// The fields of an offset (AbstractIncrementalSnapshotContext).
const (
	fieldKey         = "incremental_snapshot_primary_key"
	fieldMaximum     = "incremental_snapshot_maximum_key"
	fieldCollections = "incremental_snapshot_collections"
	fieldCorrelation = "incremental_snapshot_correlation_id"
)

// Collection is a table that waits to be read.
type Collection struct {
	ID table.ID
	// Condition limits the rows, "" for all; without the parentheses around it.
	Condition string
	// SurrogateKey is the column in whose order the table is read; "" for its key.
	SurrogateKey string
}

// collectionJSON is a Collection in an offset. The order of fields is Debezium's.
type collectionJSON struct {
	ID        string  `json:"incremental_snapshot_collections_id"`
	Condition *string `json:"incremental_snapshot_collections_additional_condition"`
	Surrogate *string `json:"incremental_snapshot_collections_surrogate_key"`
}

// key is a key with the form that it has in an offset.
type key struct {
	values chunk.Key
	text   string // serialized; of a key from an offset, values are still missing
}

// resolve reads the keys of an offset, which need the columns of their table.
func (s *state) resolve(columns []*table.Column) (err error) {
	if s.last.values == nil && s.last.text != "" {
		if s.last.values, err = decodeKey(columns, s.last.text); err != nil {
			return fmt.Errorf("offset: field %s: %w", fieldKey, err)
		}
		s.last.values = asSent(columns, s.last.values)
	}
	if s.maximum.values == nil && s.maximum.text != "" {
		if s.maximum.values, err = decodeKey(columns, s.maximum.text); err != nil {
			return fmt.Errorf("offset: field %s: %w", fieldMaximum, err)
		}
	}
	return nil
}

// state is what an offset remembers of the snapshot. The zero value is no snapshot.
type state struct {
	collections []Collection // the first is being read
	correlation string       // id of the signal; "" for none
	last        key          // of the last row that became a record
	maximum     key          // of the table being read
	fields      map[string]any
}

// running reports whether tables are left.
func (s *state) running() bool { return len(s.collections) > 0 }

// first reports whether a table is the one that is read, or comes next.
func (s *state) first(id table.ID) bool { return s.running() && s.collections[0].ID == id }

// load takes a snapshot over from an offset; fields without tables are none.
func load(offset map[string]any) (state, error) {
	var s state
	text, ok := offset[fieldCollections].(string)
	if !ok {
		return s, nil
	}
	var list []collectionJSON
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return s, fmt.Errorf("offset: field %s: %w", fieldCollections, err)
	}
	for _, c := range list {
		database, name, _ := strings.Cut(c.ID, ".")
		one := Collection{ID: table.ID{Database: database, Name: name}}
		if c.Condition != nil {
			one.Condition = strings.TrimSuffix(strings.TrimPrefix(*c.Condition, "("), ")")
		}
		if c.Surrogate != nil {
			one.SurrogateKey = *c.Surrogate
		}
		s.collections = append(s.collections, one)
	}
	s.correlation, _ = offset[fieldCorrelation].(string)
	for _, f := range []struct {
		name string
		to   *key
	}{{fieldKey, &s.last}, {fieldMaximum, &s.maximum}} {
		if f.to.text, _ = offset[f.name].(string); f.to.text == noKey {
			f.to.text = ""
		}
	}
	return s, nil
}

var noKey, _ = encodeKey(nil, nil) // cannot fail

// offset gives the fields for an offset; nil when no snapshot runs. The map is
// not changed any more.
func (s *state) offset() map[string]any {
	if !s.running() {
		return nil
	}
	if s.fields == nil {
		s.fields = map[string]any{
			fieldKey: or(s.last.text, noKey), fieldMaximum: or(s.maximum.text, noKey), fieldCollections: s.collectionsText(),
		}
		if s.correlation != "" {
			s.fields[fieldCorrelation] = s.correlation
		} else {
			s.fields[fieldCorrelation] = nil
		}
	}
	return s.fields
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (s *state) collectionsText() string {
	list := make([]collectionJSON, len(s.collections))
	for i, c := range s.collections {
		list[i].ID = c.ID.String()
		if c.Condition != "" {
			condition := "(" + c.Condition + ")"
			list[i].Condition = &condition
		}
		if c.SurrogateKey != "" {
			list[i].Surrogate = &c.SurrogateKey
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // as Jackson writes it
	_ = e.Encode(list)     // strings only
	return strings.TrimSuffix(text.String(), "\n")
}

// changed says that the fields of offsets are out of date.
func (s *state) changed() { s.fields = nil }

// sent notes the key of a row that became a record.
func (s *state) sent(columns []*table.Column, values chunk.Key) error {
	text, err := encodeKey(columns, asSent(columns, values))
	if err != nil {
		return err
	}
	s.last = key{values, text}
	s.changed()
	return nil
}

// until sets the last key of the table.
func (s *state) until(columns []*table.Column, values chunk.Key) error {
	text, err := encodeKey(columns, values)
	if err != nil {
		return err
	}
	s.maximum = key{values, text}
	s.changed()
	return nil
}

// next goes on to the next table.
func (s *state) next() {
	s.collections = s.collections[1:]
	s.last, s.maximum = key{}, key{}
	s.changed()
}

// add appends tables on behalf of a signal.
func (s *state) add(correlation string, collections []Collection) {
	s.collections = append(slices.Clip(s.collections), collections...)
	s.correlation = correlation
	s.changed()
}

// remove takes all entries of a table out, and reports whether there were any.
func (s *state) remove(id table.ID) bool {
	before := len(s.collections)
	if s.first(id) {
		s.last, s.maximum = key{}, key{}
	}
	s.collections = slices.DeleteFunc(slices.Clone(s.collections), func(c Collection) bool { return c.ID == id })
	s.changed()
	return len(s.collections) < before
}

// names lists the tables that are left, in order.
func (s *state) names() string {
	names := make([]string, len(s.collections))
	for i, c := range s.collections {
		names[i] = c.ID.String()
	}
	return strings.Join(names, ",")
}
