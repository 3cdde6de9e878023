package binlog

import (
	"fmt"

	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// Kind groups the event types that a reader treats alike.
type Kind uint8

// The kinds of events that Next returns.
const (
	KindRotate    Kind = iota + 1 // Rotate: the next event comes from another file
	KindFormat                    // first event of every file
	KindGTID                      // GTID: begins every transaction and statement where GTIDs exist
	KindQuery                     // Query: BEGIN, COMMIT, ROLLBACK, XA or a statement, usually DDL
	KindRowsQuery                 // Text: the statement that caused the rows which follow
	KindTableMap                  // Table: what the rows events which follow mean
	KindRows                      // Rows: inserted, updated or deleted rows
	KindXID                       // commit of a transaction
	KindXAPrepare                 // end of the rows of an XA transaction
	KindPayload                   // a compressed transaction; its events follow, with InPayload set
	KindHeartbeat                 // nothing was written for one heartbeat period
	KindIncident                  // Text: the server says that its binlog is incomplete
	KindStop                      // the server was shut down; reading continues in the next file
	KindOther                     // an event that a reader may ignore
)

var kindNames = [...]string{"", "rotate", "format", "gtid", "query", "rows query", "table map", "rows", "xid",
	"xa prepare", "payload", "heartbeat", "incident", "stop", "other"}

// String names the kind for logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", k)
}

// Header is what all events have.
type Header struct {
	Type      Type   // the code in the binlog
	Timestamp uint32 // seconds since 1970, 0 for events that the server makes up
	ServerID  uint32 // where the event was first written
	Size      uint32 // bytes in the file, checksum included
	Flags     uint16
	// EndPos is where the next event begins in the file, 0 for events that are not
	// in the file. It counts on past 4 GiB, where the binlog's own field wraps.
	EndPos int64
	File   string // file of the event
	// InPayload marks an event of a compressed transaction. Such events have no
	// position of their own; EndPos and Size are those of the payload event.
	InPayload bool
}

// Pos is where the event begins in its file.
func (h *Header) Pos() int64 { return h.EndPos - int64(h.Size) }

// Artificial reports whether the server made the event up for this connection.
func (h *Header) Artificial() bool { return h.Flags&flagArtificial != 0 || h.EndPos == 0 }

// madeUp reports whether the event is not in the binlog, and tells of no other file.
func (e *Event) madeUp() bool { return e.EndPos == 0 && e.Kind != KindRotate }

// Event is one event. Which fields are set follows from Kind. A Reader fills the
// same Event again and again: it and all bytes that it refers to are valid until
// the next call of Next. Tables stay valid.
type Event struct {
	Kind Kind
	Header
	Rotate Rotate
	GTID   GTID
	Query  Query
	Table  *TableMap // for KindTableMap and KindRows
	Rows   Rows
	Text   []byte
	XID    uint64
}

// Rotate names the file that is read next.
type Rotate struct {
	File string
	Pos  int64
}

// GTID begins a transaction, or stands before a statement outside of one.
type GTID struct {
	position.GTID
	// Anonymous is set when the server does not use GTIDs; N is 0.
	Anonymous bool
	// Standalone is set by MariaDB before a statement that commits by itself. A
	// transaction otherwise begins right here, without a BEGIN query.
	Standalone bool
	// Microseconds since 1970 of the commit on the server where the transaction
	// was first committed, and on this one; 0 before MySQL 8.0 and for MariaDB.
	OriginalCommit, ImmediateCommit uint64
}

// Query is a statement.
type Query struct {
	Thread    uint32
	ErrorCode uint16
	DB        []byte
	SQL       []byte
	Status    QueryStatus
}

// QueryStatus holds the session variables that were logged with a statement and
// matter to its meaning.
type QueryStatus struct {
	SQLMode    uint64
	HasSQLMode bool
	// Collation ids of character_set_client, collation_connection and
	// collation_server; 0 when unknown.
	ClientCharset, ConnectionCollation, ServerCollation uint16
	DefaultDatabaseCollation                            uint16
	DefaultUTF8MB4Collation                             uint16
	TimeZone                                            []byte
	DDLXID                                              uint64
}

// Op is what happened to a row.
type Op uint8

// The operations.
const (
	Insert Op = iota + 1
	Update
	Delete
)

// String names the operation.
func (o Op) String() string {
	switch o {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Rows holds the row images of one event. Data is a sequence of images: for
// Insert one after image a row, for Delete one before image, for Update a before
// image and then an after image. An image begins with a null bitmap over the
// present columns, least significant bit first.
type Rows struct {
	Op      Op
	Columns int
	// Before and After are the bitmaps of the columns that are present in the
	// before and after images; nil where there is no such image.
	Before, After []byte
	Data          []byte
	// Partial marks a PARTIAL_UPDATE_ROWS event: each after image begins with the
	// value options, and JSON columns may hold differences.
	Partial        bool
	EndOfStatement bool
}

// TableMap says what the rows events with the same table id hold. It is
// immutable, and the same pointer stands in all events until the table changes.
type TableMap struct {
	ID       uint64
	DB, Name string
	// Columns are the types of the columns, for value.NewRowDecoder.
	Columns  []value.ColumnMeta
	Nullable []byte // bitmap
	Optional Optional
	raw      []byte // the event's body, to find out whether a later one is the same
}

// Optional is the optional metadata of a table map (binlog_row_metadata). What
// the server did not send is nil.
type Optional struct {
	// Unsigned has a bit for each numeric column in their order, most significant
	// bit first.
	Unsigned []byte
	// DefaultCharset and Charsets give collation ids of character columns, in the
	// order of these columns: either one for all with exceptions, or one each.
	DefaultCharset       *DefaultCharset
	Charsets             []uint64
	EnumSetDefault       *DefaultCharset
	EnumSetCharsets      []uint64
	Names                []string
	SetValues            [][][]byte // members of each SET column
	EnumValues           [][][]byte // members of each ENUM column
	GeometryTypes        []uint64
	PrimaryKey           []KeyPart
	Visible              []byte // bitmap of columns, most significant bit first
	VectorDimensionality []uint64
}

// DefaultCharset is the collation of most character columns, with exceptions
// by the column's index among them.
type DefaultCharset struct {
	Collation  uint64
	Exceptions map[uint64]uint64
}

// KeyPart is one column of the primary key; Prefix is 0 for the whole column.
type KeyPart struct{ Column, Prefix uint64 }
