package incremental

import (
	"context"
	"log/slog"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// known is a Schema that knows tables by name only.
type known []table.ID

func (k known) Plan(table.ID) (*event.Plan, error)                    { return nil, nil }
func (k known) Tables() []table.ID                                    { return k }
func (k known) Learn(context.Context, *connect.Batch, table.ID) error { return nil }

// quietStream is a Stream of which only the fields of offsets are wanted.
type quietStream struct {
	Stream
	fields map[string]any
}

func (s *quietStream) SetIncremental(fields map[string]any) { s.fields = fields }

// A table that was read before is not the one being read, even when a snapshot is
// stopped that has not read anything yet.
func TestStopBeforeTheFirstChunk(t *testing.T) {
	a, z := table.ID{Database: "d", Name: "a"}, table.ID{Database: "d", Name: "z"}
	var told []string
	stream := &quietStream{}
	s := &Source{
		schema: known{a, z}, stream: stream, log: slog.New(slog.DiscardHandler), current: z, state: state{collections: []Collection{{ID: a}}},
		note: func(_ *connect.Batch, _, status string, data map[string]string) {
			told = append(told, status+" "+data["data_collections"])
		},
	}
	s.changed()
	s.Stop(nil)
	s.stopRequested(nil)
	if s.Running() || stream.fields != nil || len(told) != 1 || told[0] != "ABORTED d.a" {
		t.Errorf("running %v, fields %v, told %q", s.Running(), stream.fields, told)
	}
}

// The next table begins at its beginning when one is stopped whose rows up to a
// key were read before a restart.
func TestStopBehindARestart(t *testing.T) {
	a, b := table.ID{Database: "d", Name: "a"}, table.ID{Database: "d", Name: "b"}
	s := &Source{schema: known{a, b}, stream: &quietStream{}, log: slog.New(slog.DiscardHandler), note: func(*connect.Batch, string, string, map[string]string) {}}
	s.state = state{collections: []Collection{{ID: a}, {ID: b}}, last: key{text: "of a"}, maximum: key{text: "of a"}}
	s.Stop([]string{"d.a"})
	s.stopRequested(nil)
	if !s.state.first(b) || s.state.last.text != "" || s.state.maximum.text != "" {
		t.Errorf("left: %+v", s.state)
	}
}
