// Package binlogtest writes binlogs and serves them, for tests: transactions of
// any size, and connections that end where a test wants.
package binlogtest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// Codes of the events that a Log writes.
const (
	typeQuery             = 2
	typeRotate            = 4
	typeFormatDescription = 15
	typeXID               = 16
	typeTableMap          = 19
	typeWriteRows         = 30
	typeGTID              = 33
	typeAnonymousGTID     = 34
	typePreviousGTIDs     = 35
	typePayload           = 40
	typeHeartbeat         = 27

	headerSize     = 19
	checksumLen    = 4
	flagArtificial = 0x20
	firstPos       = 4
)

// Event is one event in a file.
type Event struct {
	Type       byte
	Start, End int64
	Bytes      []byte // header and checksum included
	group      gtid   // of the transaction that it belongs to
	times      int    // how often it is sent; 0 is once
}

type gtid struct {
	uuid [16]byte
	n    int64
}

// Log is one binlog file. Methods append events.
type Log struct {
	File     string
	ServerID uint32
	Time     uint32 // of the next event, in seconds since 1970
	Events   []Event
	checksum bool
	inner    bool
	group    gtid
	emit     func(event []byte) // takes events instead of Events, which stays empty then
	end      int64              // of the last event that was emitted
}

// New begins a file in MySQL's format.
func New(file string, checksum bool) *Log {
	l := &Log{File: file, ServerID: 1, Time: 1700000000, checksum: checksum}
	l.add(typeFormatDescription, 0, l.format())
	l.add(typePreviousGTIDs, 0x80, make([]byte, 8))
	return l
}

// NewStream begins a file whose events go to emit and are not kept: it may be of any size. The slice is emit's to keep.
func NewStream(file string, checksum bool, emit func(event []byte)) *Log {
	l := &Log{File: file, ServerID: 1, Time: 1700000000, checksum: checksum, emit: emit, end: firstPos}
	l.add(typeFormatDescription, 0, l.format())
	l.add(typePreviousGTIDs, 0x80, make([]byte, 8))
	return l
}

func (l *Log) format() []byte {
	b := binary.LittleEndian.AppendUint16(nil, 4)
	version := make([]byte, 50)
	copy(version, "8.4.0")
	b = append(b, version...)
	b = append(b, 0, 0, 0, 0, headerSize)
	lengths := make([]byte, 42)
	lengths[typeTableMap-1] = 8
	b = append(b, lengths...)
	if l.checksum {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return b
}

// End is where the next event begins.
func (l *Log) End() int64 {
	if l.emit != nil {
		return l.end
	}
	if n := len(l.Events); n > 0 {
		return l.Events[n-1].End
	}
	return firstPos
}

func (l *Log) add(typ byte, flags uint16, body []byte) {
	e := Event{Type: typ, Start: l.End(), group: l.group}
	size := headerSize + len(body)
	if !l.inner && (l.checksum || typ == typeFormatDescription) {
		size += checksumLen
	}
	e.End = e.Start + int64(size)
	pos := uint32(e.End)
	if l.inner {
		pos = 0
	}
	e.Bytes = event(typ, l.Time, l.ServerID, uint32(size), pos, flags, body)
	if l.emit != nil {
		l.end = e.End
		l.emit(e.Bytes)
		return
	}
	l.Events = append(l.Events, e)
}

// event puts an event together; size tells whether there is room for a checksum.
func event(typ byte, time, serverID, size, pos uint32, flags uint16, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, time)
	b = append(b, typ)
	b = binary.LittleEndian.AppendUint32(b, serverID)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint32(b, pos)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = append(b, body...)
	if int(size) > len(b) {
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	return b
}

// GTID begins a transaction of the server whose UUID ends in the given byte.
func (l *Log) GTID(server byte, n int64) {
	l.group = gtid{n: n}
	l.group.uuid[15] = server
	body := append([]byte{0}, l.group.uuid[:]...)
	l.add(typeGTID, 0, append(binary.LittleEndian.AppendUint64(body, uint64(n)), l.clock()...))
}

// AnonymousGTID begins a transaction of a server without GTIDs.
func (l *Log) AnonymousGTID() {
	l.group = gtid{}
	l.add(typeAnonymousGTID, 0, append(make([]byte, 25), l.clock()...))
}

// clock is the logical clock and the commit time.
func (l *Log) clock() []byte {
	b := append([]byte{2}, make([]byte, 16)...)
	micros := uint64(l.Time)*1e6 + 5
	return append(b, binary.LittleEndian.AppendUint64(nil, micros)[:7]...)
}

// Query appends a statement.
func (l *Log) Query(db, sql string) {
	b := binary.LittleEndian.AppendUint32(nil, 9) // thread
	b = append(b, 0, 0, 0, 0, byte(len(db)), 0, 0, 0, 0)
	b = append(append(b, db...), 0)
	l.add(typeQuery, 0, append(b, sql...))
}

// TableMap says that rows of the table id have one INT and one VARCHAR(2000) column.
func (l *Log) TableMap(id uint64, db, name string) {
	b := append(binary.LittleEndian.AppendUint64(nil, id)[:6], 1, 0)
	b = append(append(append(b, byte(len(db))), db...), 0)
	b = append(append(append(b, byte(len(name))), name...), 0)
	b = append(b, 2, 3, 15, 2, 0xd0, 0x07, 0)
	l.add(typeTableMap, 0, b)
}

// Row is one row of the table that TableMap describes.
type Row struct {
	ID   int32
	Text string
}

// Insert appends rows.
func (l *Log) Insert(id uint64, rows ...Row) {
	b := append(binary.LittleEndian.AppendUint64(nil, id)[:6], 1, 0, 2, 0, 2, 0xff)
	for _, r := range rows {
		b = binary.LittleEndian.AppendUint32(append(b, 0), uint32(r.ID))
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(r.Text))), r.Text...)
	}
	l.add(typeWriteRows, 0, b)
}

// Times makes the last event be sent so many times, as if each of them stood at its
// place: a transaction larger than memory.
func (l *Log) Times(n int) { l.Events[len(l.Events)-1].times = n }

// XID commits.
func (l *Log) XID(id uint64) {
	l.add(typeXID, 0, binary.LittleEndian.AppendUint64(nil, id))
	l.group = gtid{}
}

// Rotate ends the file.
func (l *Log) Rotate(next string) {
	l.group = gtid{}
	l.add(typeRotate, 0, append(binary.LittleEndian.AppendUint64(nil, firstPos), next...))
}

// Payload appends a compressed transaction with the events that fill appends.
func (l *Log) Payload(fill func(inner *Log)) {
	inner := &Log{ServerID: l.ServerID, Time: l.Time, inner: true}
	fill(inner)
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		panic(err)
	}
	raw := 0
	for _, e := range inner.Events {
		for range max(1, e.times) {
			_, _ = w.Write(e.Bytes) // a bytes.Buffer takes everything
			raw += len(e.Bytes)
		}
	}
	_ = w.Close()
	l.add(typePayload, 0, append(payloadHead(int64(out.Len()), int64(raw)), out.Bytes()...))
	l.group = gtid{}
}

// payloadHead is what a payload event says before its compressed bytes.
func payloadHead(compressed, raw int64) []byte {
	b := field(nil, 2, 0)
	b = field(b, 1, uint64(compressed))
	b = field(b, 3, uint64(raw))
	return append(b, 0)
}

// field appends a field of a payload's header.
func field(b []byte, kind byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, kind, 9, 0xfe), v)
}
