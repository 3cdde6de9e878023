package snapshot

import "fmt"

// Mode says what a connector snapshots and when (snapshot.mode).
type Mode struct {
	Name string
	// Stream is false for modes that end with the snapshot.
	Stream bool
	// OnSchemaError allows to read the structure again when the schema history
	// is lost, OnDataError to snapshot again when the binlog is.
	OnSchemaError, OnDataError bool
	// FromSnapshot is false when streaming goes on from the old offset even
	// though the structure was read anew.
	FromSnapshot bool

	data, schema when
}

// when says under which circumstances something is done.
type when uint8

const (
	never when = iota
	initially
	always
)

func (w when) applies(offsetExists, running bool) bool {
	return w == always || w == initially && (!offsetExists || running)
}

// Answers are those of snapshot.mode=configuration_based.
type Answers struct {
	Data, Schema, Stream, OnSchemaError, OnDataError bool
}

// ParseMode reads snapshot.mode in today's or the 1.x names.
func ParseMode(name string, a Answers) (Mode, error) {
	m := Mode{Name: name, Stream: true, FromSnapshot: true}
	switch name {
	case "always":
		m.data, m.schema = always, always
	case "initial":
		m.data, m.schema = initially, initially
	case "initial_only":
		m.data, m.schema, m.Stream = initially, initially, false
	case "when_needed":
		m.data, m.schema, m.OnDataError = initially, initially, true
	case "no_data", "schema_only":
		m.schema = initially
	case "recovery", "schema_only_recovery":
		m.schema, m.OnSchemaError, m.FromSnapshot = always, true, false
	case "never":
	case "configuration_based":
		m.Stream, m.OnSchemaError, m.OnDataError = a.Stream, a.OnSchemaError, a.OnDataError
		if a.Data {
			m.data = always
		}
		if a.Schema {
			m.schema = always
		}
	case "custom":
		return Mode{}, fmt.Errorf("snapshot.mode: custom needs a Java class, which Millrace does not run; use one of the named modes or configuration_based")
	default:
		return Mode{}, fmt.Errorf("snapshot.mode: unknown mode %q", name)
	}
	return m, nil
}

// Data says whether rows are read, given that an offset exists and that it was
// written while a snapshot was running.
func (m Mode) Data(offsetExists, running bool) bool { return m.data.applies(offsetExists, running) }

// Schema says whether the structure is read.
func (m Mode) Schema(offsetExists, running bool) bool {
	return m.schema.applies(offsetExists, running)
}
