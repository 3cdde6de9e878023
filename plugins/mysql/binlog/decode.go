package binlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// The event header of binlog version 4.
const (
	headerSize  = 19
	typeOffset  = 4
	sizeOffset  = 9
	checksumLen = 4
)

// decoder turns the bytes of events into Events. It knows what earlier events
// have said about later ones: the format of the file, its name, its tables. It
// does no I/O.
type decoder struct {
	file     string
	end      int64 // end of the last event that is in the file
	checksum bool  // events end with a CRC32
	longID   bool  // table ids have six bytes
	verify   bool
	tables   tables
	inflater inflater
}

func newDecoder(file string, verify bool) *decoder {
	return &decoder{file: file, longID: true, verify: verify, tables: tables{}}
}

// decode reads one event. inner is the payload event that holds it, nil for an
// event of its own.
func (d *decoder) decode(e *Event, b []byte, inner *Header) (body []byte, err error) {
	e.Kind = KindOther
	if len(b) < headerSize {
		return nil, d.failed(&e.Header, errTruncated)
	}
	d.header(&e.Header, b, inner)
	body = b[headerSize:]
	if inner == nil {
		if body, err = d.cutChecksum(&e.Header, b); err != nil {
			return nil, d.failed(&e.Header, err)
		}
	}
	e.Table, e.Text = nil, nil
	if err = d.body(e, body); err != nil {
		return nil, d.failed(&e.Header, err)
	}
	return body, nil
}

func (d *decoder) header(h *Header, b []byte, inner *Header) {
	h.Timestamp = binary.LittleEndian.Uint32(b)
	h.Type = Type(b[typeOffset])
	h.ServerID = binary.LittleEndian.Uint32(b[5:])
	h.Size = binary.LittleEndian.Uint32(b[sizeOffset:])
	h.Flags = binary.LittleEndian.Uint16(b[17:])
	h.File, h.InPayload = d.file, inner != nil
	if inner != nil {
		h.EndPos, h.Size = inner.EndPos, inner.Size
		return
	}
	h.EndPos = d.position(h, binary.LittleEndian.Uint32(b[13:]))
	if h.EndPos > 0 && h.Type != TypeHeartbeat && h.Type != TypeHeartbeatV2 {
		d.end = h.EndPos
	}
}

// position makes the event's end of the 32 bits in its header. They wrap at 4
// GiB, and MariaDB 11.4 and later leave them 0 in most events of a transaction.
func (d *decoder) position(h *Header, low uint32) int64 {
	isHeartbeat := h.Type == TypeHeartbeat || h.Type == TypeHeartbeatV2
	switch {
	case isHeartbeat && uint32(d.end) == low: // nothing has come since
		return d.end
	case isHeartbeat, h.Flags&flagArtificial != 0:
		return int64(low)
	}
	next := d.end + int64(h.Size)
	switch {
	case d.end == 0: // right after connecting
		return int64(low)
	case low == 0 && h.Type != TypeFormatDescription && h.Type != TypeRotate:
		return next
	case uint32(next) == low:
		return next
	}
	return int64(low)
}

// cutChecksum returns the body without its checksum.
func (d *decoder) cutChecksum(h *Header, b []byte) ([]byte, error) {
	body := b[headerSize:]
	has := d.checksum
	switch {
	case h.Type == TypeFormatDescription:
		return body, nil
	case h.Type == TypeRotate && h.Flags&flagArtificial != 0:
		// It may come before the event that says whether there are checksums.
		has = checksumFits(b)
	}
	if !has {
		return body, nil
	}
	if len(body) < checksumLen {
		return nil, errTruncated
	}
	if d.verify && !checksumFits(b) {
		return nil, fmt.Errorf("its checksum is wrong: the binlog or the connection is damaged")
	}
	return body[: len(body)-checksumLen : len(body)-checksumLen], nil
}

func checksumFits(b []byte) bool {
	if len(b) < headerSize+checksumLen {
		return false
	}
	n := len(b) - checksumLen
	return crc32.ChecksumIEEE(b[:n]) == binary.LittleEndian.Uint32(b[n:])
}

// EventError says that one event cannot be read.
type EventError struct {
	Header Header
	Err    error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("reading the %s at %s:%d: %v", e.Header.Type, e.Header.File, max(e.Header.Pos(), 0), e.Err)
}

// Unwrap gives the cause.
func (e *EventError) Unwrap() error { return e.Err }

// failed names the event in an error.
func (d *decoder) failed(h *Header, err error) error { return &EventError{*h, err} }

func (d *decoder) body(e *Event, body []byte) error {
	ok := true
	switch e.Type {
	case TypeRotate:
		e.Kind, ok = KindRotate, e.Rotate.decode(body)
		d.rotate(e)
	case TypeFormatDescription:
		e.Kind = KindFormat
		return d.format(body)
	case TypeQuery, TypeQueryCompressed:
		return d.query(e, body)
	case TypeXID:
		c := cursor{b: body}
		e.Kind, e.XID = KindXID, c.u64()
		ok = !c.bad
	case TypeGTID, TypeAnonymousGTID:
		e.Kind, ok = KindGTID, e.GTID.decode(body, e.Type == TypeAnonymousGTID)
	case TypeGTIDTagged:
		e.Kind, ok = KindGTID, e.GTID.decodeTagged(body)
	case TypeMariaDBGTID:
		e.Kind, ok = KindGTID, e.GTID.decodeMariaDB(body, e.ServerID)
	case TypeRowsQuery:
		// One byte of length that cannot hold it comes first.
		e.Kind, ok = KindRowsQuery, len(body) > 0
		e.Text = body[min(1, len(body)):]
	case TypeAnnotateRows:
		e.Kind, e.Text = KindRowsQuery, body
	case TypeTableMap:
		var err error
		e.Kind = KindTableMap
		e.Table, err = d.tables.decode(body, d.longID)
		return err
	case TypeHeartbeat, TypeHeartbeatV2:
		e.Kind = KindHeartbeat
	case TypeIncident:
		e.Kind = KindIncident
		c := cursor{b: body}
		c.skip(2)
		e.Text = c.short()
		ok = !c.bad
	case TypeXAPrepare:
		e.Kind = KindXAPrepare
	case TypeStop:
		e.Kind = KindStop
	case TypeTransactionPayload:
		e.Kind = KindPayload
		if e.InPayload {
			return fmt.Errorf("a compressed transaction holds another")
		}
	default:
		return d.other(e, body)
	}
	if !ok {
		return errTruncated
	}
	return nil
}

// other reads rows events, and sorts out what may be ignored.
func (d *decoder) other(e *Event, body []byte) error {
	if op, _, _, _ := rowsType(e.Type); op != 0 {
		var err error
		e.Kind = KindRows
		if e.Table, err = e.Rows.decode(e.Type, body, d.tables, d.longID, d.inflater.inflate); e.Table == nil {
			e.Kind = KindOther
		}
		return err
	}
	e.Kind = KindOther
	if _, known := typeNames[e.Type]; known && e.Type != TypeUnknown || e.Flags&flagIgnorable != 0 {
		return nil
	}
	return fmt.Errorf("its type is unknown: the server is newer than what this connector can read")
}

func (d *decoder) query(e *Event, body []byte) error {
	e.Kind = KindQuery
	if !e.Query.decode(body) {
		return errTruncated
	}
	if e.Type != TypeQueryCompressed {
		return nil
	}
	var err error
	e.Query.SQL, err = d.inflater.inflate(e.Query.SQL)
	return err
}

func (r *Rotate) decode(body []byte) bool {
	c := cursor{b: body}
	pos := c.u64()
	name := c.rest()
	if c.bad || len(name) == 0 {
		return false
	}
	if string(name) != r.File {
		r.File = string(name)
	}
	r.Pos = int64(pos)
	return r.Pos >= 0
}

// rotate goes on to the next file. A real rotation, which ends a file, makes
// the tables of the file void.
func (d *decoder) rotate(e *Event) {
	d.file, d.end = e.Rotate.File, 0
	if e.Flags&flagArtificial == 0 {
		clear(d.tables)
	}
}

// format reads the FORMAT_DESCRIPTION event, which begins every file.
func (d *decoder) format(body []byte) error {
	const versionSize, formatVersion, eventTypes = 50, 4, 57
	if len(body) < eventTypes+int(TypeTableMap) {
		return errTruncated
	}
	if v := binary.LittleEndian.Uint16(body); v != formatVersion {
		return fmt.Errorf("the binlog has format version %d, only version %d is supported", v, formatVersion)
	}
	if body[eventTypes-1] != headerSize {
		return fmt.Errorf("its headers have %d bytes instead of %d", body[eventTypes-1], headerSize)
	}
	d.longID = body[eventTypes+int(TypeTableMap)-1] != 6
	version, _, _ := bytes.Cut(body[2:2+versionSize], []byte{0})
	d.checksum = false
	if hasChecksumField(string(version)) && len(body) > eventTypes+checksumLen {
		d.checksum = body[len(body)-checksumLen-1] == 1
	}
	return nil
}

// hasChecksumField tells whether a server of this version writes the checksum's
// method into the format event: MySQL since 5.6.1, MariaDB since 5.3.
func hasChecksumField(version string) bool {
	least := [3]int{5, 6, 1}
	if strings.Contains(strings.ToLower(version), "mariadb") {
		least = [3]int{5, 3, 0}
	}
	var v [3]int
	for i, part := range strings.SplitN(version, ".", 3) {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end >= 0 {
			part = part[:end]
		}
		v[i], _ = strconv.Atoi(part)
	}
	for i := range v {
		if v[i] != least[i] {
			return v[i] > least[i]
		}
	}
	return true
}
