package position

import "encoding/json"

// fieldCheckpoint is the field of a source offset that holds a Checkpoint.
// Debezium reads the fields that it knows, and so passes over this one.
const fieldCheckpoint = "millrace_snapshot"

// Checkpoint says how far a snapshot has come, so that it can go on there. It
// stands in the offsets of the snapshot's records, as JSON text. It must not
// change once a Base carries it.
type Checkpoint struct {
	// Done are the tables that were read to their end, DATABASE.TABLE.
	Done []string `json:"done,omitempty"`
	// Table is being read; "" for none.
	Table string `json:"table,omitempty"`
	// Structure tells one version of Table from another.
	Structure string `json:"structure,omitempty"`
	// Key holds the values of the last row of Table that was handed on, as the
	// server prints them, nil for NULL. It has none when the table can only be
	// read anew.
	Key [][]byte `json:"key,omitempty"`
	// Rows is the number of rows of Table up to Key, Total that of all tables.
	Rows  int64 `json:"rows,omitempty"`
	Total int64 `json:"total,omitempty"`
}

// checkpointLimit is the longest text that goes into an offset. Offsets are
// records of Kafka, which are 1 MiB long at most: beyond this limit, with tens of
// thousands of tables, an interrupted snapshot is taken anew.
const checkpointLimit = 512 << 10

// text renders the checkpoint, "" when that is too long.
func (c *Checkpoint) text() string {
	b, err := json.Marshal(c)
	if err != nil || len(b) > checkpointLimit { // there is nothing in it that cannot be rendered
		return ""
	}
	return string(b)
}

// parseCheckpoint reads a checkpoint; nil when there is none, or none that can
// be used: the snapshot is taken anew then, as Debezium does.
func parseCheckpoint(v any) *Checkpoint {
	text, _ := v.(string)
	if text == "" {
		return nil
	}
	c := new(Checkpoint)
	if json.Unmarshal([]byte(text), c) != nil {
		return nil
	}
	return c
}

// HistoryPosition is an offset as the schema history records it with a
// statement of the binlog: without what it says of a snapshot that goes on.
func HistoryPosition(offset map[string]any) map[string]any {
	if _, ok := offset[fieldCheckpoint]; ok {
		delete(offset, fieldCheckpoint)
		delete(offset, fieldSnapshot)
	}
	return offset
}
