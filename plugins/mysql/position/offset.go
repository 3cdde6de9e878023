package position

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The fields of a source offset (io.debezium.connector.binlog.BinlogOffsetContext).
const (
	fieldFile              = "file"
	fieldPos               = "pos"
	fieldGTIDs             = "gtids"
	fieldEvent             = "event"
	fieldRow               = "row"
	fieldTime              = "ts_sec"
	fieldServerID          = "server_id"
	fieldSnapshot          = "snapshot"
	fieldSnapshotCompleted = "snapshot_completed"
	fieldTransactionID     = "transaction_id"
	prefixOrder            = "transaction_data_collection_order_"
	prefixIncremental      = "incremental_snapshot_"
)

// Partition is the source partition of a connector: the topic prefix under "server".
func Partition(topicPrefix string) map[string]any {
	return map[string]any{"server": topicPrefix}
}

// SnapshotType is the kind of snapshot during which an offset was written
// (io.debezium.connector.SnapshotType); "" for none.
type SnapshotType string

// The snapshot types.
const (
	SnapshotInitial     SnapshotType = "INITIAL"
	SnapshotBlocking    SnapshotType = "BLOCKING"
	SnapshotIncremental SnapshotType = "INCREMENTAL"
)

// Offset is a source offset taken apart.
type Offset struct {
	File     string
	Pos      int64
	GTIDs    string // "" when the offset has none
	Event    int64  // events of the transaction at File, Pos that are done
	Row      int64  // rows of the next event that are done
	Time     int64  // seconds since 1970
	HasTime  bool
	ServerID int64

	Snapshot SnapshotType
	// SnapshotCompleted is read, never written: offsets of releases before 3.0
	// may hold it, and it overrides Snapshot.
	SnapshotCompleted bool
	// Checkpoint is how far the running snapshot has come; nil when that is not known.
	Checkpoint *Checkpoint

	// Transaction is the state of provide.transaction.metadata; nil for none.
	Transaction *Transaction
	// Incremental holds the fields of a running incremental snapshot as they are,
	// nil for none. A snapshot in progress replaces them.
	Incremental map[string]any
}

// Transaction is what an offset remembers of the transaction being read.
type Transaction struct {
	ID string // "" after the transaction has ended
	// Orders counts the events so far for each table, named DATABASE.TABLE.
	Orders map[string]int64
}

// SnapshotRunning reports whether the offset was written during an initial snapshot
// that had not ended (OffsetContext.isInitialSnapshotRunning). One that was taken
// beside the stream or held it up does not count: the stream goes on.
func (o *Offset) SnapshotRunning() bool { return o.Snapshot == SnapshotInitial && !o.SnapshotCompleted }

// ParseOffset reads a source offset. Numbers may be of any Go type that JSON or
// Connect gives, or text; booleans may be text.
func ParseOffset(m map[string]any) (Offset, error) {
	var o Offset
	file, ok := m[fieldFile].(string)
	if !ok {
		return o, fmt.Errorf("source offset: field %q is missing", fieldFile)
	}
	o.File = file
	for _, f := range []struct {
		name string
		dst  *int64
	}{
		{fieldPos, &o.Pos}, {fieldEvent, &o.Event}, {fieldRow, &o.Row},
		{fieldTime, &o.Time}, {fieldServerID, &o.ServerID},
	} {
		n, err := number(m[f.name])
		if err != nil {
			return o, fmt.Errorf("source offset: field %q: %w", f.name, err)
		}
		if n < 0 && f.name != fieldTime {
			return o, fmt.Errorf("source offset: field %q is negative: %d", f.name, n)
		}
		*f.dst = n
	}
	o.HasTime = m[fieldTime] != nil
	if s, ok := m[fieldGTIDs].(string); ok {
		o.GTIDs = stripBreaks(s)
	} else if m[fieldGTIDs] != nil {
		return o, fmt.Errorf("source offset: field %q is not text", fieldGTIDs)
	}
	o.SnapshotCompleted = isTrue(m[fieldSnapshotCompleted])
	return o, o.parseRest(m)
}

func (o *Offset) parseRest(m map[string]any) error {
	switch s := m[fieldSnapshot].(type) {
	case nil:
	case bool:
		if s {
			o.Snapshot = SnapshotInitial
		}
	case string:
		switch t := SnapshotType(s); {
		case s == "true":
			o.Snapshot = SnapshotInitial
		case t == SnapshotInitial, t == SnapshotBlocking, t == SnapshotIncremental:
			o.Snapshot = t
		case s != "false":
			return fmt.Errorf("source offset: field %q has the unknown value %q", fieldSnapshot, s)
		}
	default:
		return fmt.Errorf("source offset: field %q has the unknown value %v", fieldSnapshot, s)
	}
	o.Checkpoint = parseCheckpoint(m[fieldCheckpoint])
	for name, v := range m {
		switch {
		case name == fieldTransactionID && v != nil:
			o.transaction().ID = fmt.Sprint(v)
		case strings.HasPrefix(name, prefixOrder):
			n, err := number(v)
			if err != nil {
				return fmt.Errorf("source offset: field %q: %w", name, err)
			}
			o.transaction().Orders[name[len(prefixOrder):]] = n
		case strings.HasPrefix(name, prefixIncremental):
			if o.Incremental == nil {
				o.Incremental = map[string]any{}
			}
			o.Incremental[name] = v
		}
	}
	return nil
}

func (o *Offset) transaction() *Transaction {
	if o.Transaction == nil {
		o.Transaction = &Transaction{Orders: map[string]int64{}}
	}
	return o.Transaction
}

// Map renders the offset as it is written to the offset topic.
func (o *Offset) Map() map[string]any {
	m := make(map[string]any, 8)
	m[fieldFile], m[fieldPos] = o.File, o.Pos
	put := func(name string, n int64) {
		if n != 0 {
			m[name] = n
		}
	}
	put(fieldServerID, o.ServerID)
	put(fieldEvent, o.Event)
	put(fieldRow, o.Row)
	if o.GTIDs != "" {
		m[fieldGTIDs] = o.GTIDs
	}
	if o.HasTime {
		m[fieldTime] = o.Time
	}
	if o.Snapshot != "" {
		m[fieldSnapshot] = string(o.Snapshot)
		if o.Checkpoint == nil {
			return m
		}
		if text := o.Checkpoint.text(); text != "" {
			m[fieldCheckpoint] = text
		}
	}
	if tx := o.Transaction; tx != nil {
		if tx.ID != "" {
			m[fieldTransactionID] = tx.ID
		}
		for table, n := range tx.Orders {
			m[prefixOrder+table] = n
		}
	}
	for name, v := range o.Incremental {
		m[name] = v
	}
	return m
}

// stripBreaks removes the line breaks that MySQL puts between the servers of a
// GTID set.
func stripBreaks(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return strings.NewReplacer("\n", "", "\r", "").Replace(s)
}

func isTrue(v any) bool { return v == true || v == "true" }

// number reads an integer of any type that JSON or Connect gives; nil is 0.
func number(v any) (int64, error) {
	switch n := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return n, nil
	case int:
		return int64(n), nil
	case int32:
		return int64(n), nil
	case int16:
		return int64(n), nil
	case int8:
		return int64(n), nil
	case float64:
		return int64(n), nil
	case float32:
		return int64(n), nil
	case json.Number:
		return numberText(n.String())
	case string:
		return numberText(n)
	}
	return 0, fmt.Errorf("%v cannot be read as an integer", v)
}

func numberText(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q cannot be read as an integer", s)
	}
	return n, nil
}
