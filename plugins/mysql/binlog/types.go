package binlog

import "fmt"

// Type is the type code of an event (enum Log_event_type of MySQL, and
// MariaDB's from 160 on).
type Type uint8

// The event types that exist in binlogs of MySQL 5.5 and MariaDB 10 and later.
const (
	TypeUnknown            Type = 0
	TypeQuery              Type = 2
	TypeStop               Type = 3
	TypeRotate             Type = 4
	TypeIntvar             Type = 5
	TypeRand               Type = 13
	TypeUserVar            Type = 14
	TypeFormatDescription  Type = 15
	TypeXID                Type = 16
	TypeBeginLoadQuery     Type = 17
	TypeExecuteLoadQuery   Type = 18
	TypeTableMap           Type = 19
	TypeWriteRowsV1        Type = 23
	TypeUpdateRowsV1       Type = 24
	TypeDeleteRowsV1       Type = 25
	TypeIncident           Type = 26
	TypeHeartbeat          Type = 27
	TypeIgnorable          Type = 28
	TypeRowsQuery          Type = 29
	TypeWriteRows          Type = 30
	TypeUpdateRows         Type = 31
	TypeDeleteRows         Type = 32
	TypeGTID               Type = 33
	TypeAnonymousGTID      Type = 34
	TypePreviousGTIDs      Type = 35
	TypeTransactionContext Type = 36
	TypeViewChange         Type = 37
	TypeXAPrepare          Type = 38
	TypePartialUpdateRows  Type = 39
	TypeTransactionPayload Type = 40
	TypeHeartbeatV2        Type = 41
	TypeGTIDTagged         Type = 42

	TypeAnnotateRows           Type = 160
	TypeBinlogCheckpoint       Type = 161
	TypeMariaDBGTID            Type = 162
	TypeMariaDBGTIDList        Type = 163
	TypeStartEncryption        Type = 164
	TypeQueryCompressed        Type = 165
	TypeWriteRowsCompressedV1  Type = 166
	TypeUpdateRowsCompressedV1 Type = 167
	TypeDeleteRowsCompressedV1 Type = 168
	TypeWriteRowsCompressed    Type = 169
	TypeUpdateRowsCompressed   Type = 170
	TypeDeleteRowsCompressed   Type = 171
)

// Flags of the event header.
const (
	flagArtificial = 0x20
	flagIgnorable  = 0x80
)

var typeNames = map[Type]string{
	TypeUnknown: "UNKNOWN", TypeQuery: "QUERY", TypeStop: "STOP", TypeRotate: "ROTATE", TypeIntvar: "INTVAR",
	TypeRand: "RAND", TypeUserVar: "USER_VAR", TypeFormatDescription: "FORMAT_DESCRIPTION", TypeXID: "XID",
	TypeBeginLoadQuery: "BEGIN_LOAD_QUERY", TypeExecuteLoadQuery: "EXECUTE_LOAD_QUERY", TypeTableMap: "TABLE_MAP",
	TypeWriteRowsV1: "WRITE_ROWS_V1", TypeUpdateRowsV1: "UPDATE_ROWS_V1", TypeDeleteRowsV1: "DELETE_ROWS_V1",
	TypeIncident: "INCIDENT", TypeHeartbeat: "HEARTBEAT", TypeIgnorable: "IGNORABLE", TypeRowsQuery: "ROWS_QUERY",
	TypeWriteRows: "WRITE_ROWS", TypeUpdateRows: "UPDATE_ROWS", TypeDeleteRows: "DELETE_ROWS", TypeGTID: "GTID",
	TypeAnonymousGTID: "ANONYMOUS_GTID", TypePreviousGTIDs: "PREVIOUS_GTIDS",
	TypeTransactionContext: "TRANSACTION_CONTEXT", TypeViewChange: "VIEW_CHANGE", TypeXAPrepare: "XA_PREPARE",
	TypePartialUpdateRows: "PARTIAL_UPDATE_ROWS", TypeTransactionPayload: "TRANSACTION_PAYLOAD",
	TypeHeartbeatV2: "HEARTBEAT_V2", TypeGTIDTagged: "GTID_TAGGED",
	TypeAnnotateRows: "ANNOTATE_ROWS", TypeBinlogCheckpoint: "BINLOG_CHECKPOINT", TypeMariaDBGTID: "GTID",
	TypeMariaDBGTIDList: "GTID_LIST", TypeStartEncryption: "START_ENCRYPTION", TypeQueryCompressed: "QUERY_COMPRESSED",
	TypeWriteRowsCompressedV1: "WRITE_ROWS_COMPRESSED_V1", TypeUpdateRowsCompressedV1: "UPDATE_ROWS_COMPRESSED_V1",
	TypeDeleteRowsCompressedV1: "DELETE_ROWS_COMPRESSED_V1", TypeWriteRowsCompressed: "WRITE_ROWS_COMPRESSED",
	TypeUpdateRowsCompressed: "UPDATE_ROWS_COMPRESSED", TypeDeleteRowsCompressed: "DELETE_ROWS_COMPRESSED",
}

// String gives the name of the type in the server's documentation, with its code.
func (t Type) String() string {
	if n, ok := typeNames[t]; ok {
		return fmt.Sprintf("%s_EVENT (%d)", n, uint8(t))
	}
	return fmt.Sprintf("event of type %d", uint8(t))
}
