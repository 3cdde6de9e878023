package binlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

// Commands of the protocol and their flags.
const (
	comBinlogDump     = 0x12
	comRegisterSlave  = 0x15
	comBinlogDumpGTID = 0x1e

	dumpAnnotateRows = 0x02 // MariaDB: send ANNOTATE_ROWS events
	dumpThroughGTID  = 0x04
)

// dump makes the server send its binlog from where p stands.
func dump(ctx context.Context, conn *server.Conn, cfg *Config, p *point) error {
	for _, s := range sessionStatements(conn.Flavor(), cfg, p) {
		if err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("preparing to read the binlog: %w", err)
		}
	}
	if err := register(ctx, conn, cfg); err != nil {
		return err
	}
	if p.set != nil && conn.Flavor() == position.MySQL {
		return conn.Command(ctx, comBinlogDumpGTID, dumpGTIDArg(cfg.ServerID, p.set))
	}
	pos := max(p.pos, firstPos)
	if pos > 1<<32-1 {
		return fmt.Errorf("cannot read the binlog from %s:%d: servers start reading only below 4 GiB; enable GTIDs, or let max_binlog_size end files earlier", p.file, pos)
	}
	return conn.Command(ctx, comBinlogDump, dumpArg(conn.Flavor(), cfg.ServerID, p, pos))
}

// sessionStatements are what a replica says before it asks for the binlog.
func sessionStatements(f position.Flavor, cfg *Config, p *point) []string {
	// Checksums are taken as the file has them: the format event tells.
	out := []string{"SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum"}
	if cfg.Heartbeat > 0 {
		ns := cfg.Heartbeat.Nanoseconds()
		out = append(out, fmt.Sprintf("SET @master_heartbeat_period = %d, @source_heartbeat_period = %d", ns, ns))
	}
	if s := int64(cfg.NetWriteTimeout / time.Second); s > 0 {
		out = append(out, fmt.Sprintf("SET net_write_timeout = %d", s))
	}
	if s := int64(cfg.NetReadTimeout / time.Second); s > 0 {
		out = append(out, fmt.Sprintf("SET net_read_timeout = %d", s))
	}
	if f == position.MariaDB {
		const understandsGTID = 4
		out = append(out, fmt.Sprintf("SET @mariadb_slave_capability = %d", understandsGTID))
		if p.set != nil {
			out = append(out,
				"SET @slave_connect_state = "+server.QuoteText(p.set.String()),
				"SET @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0")
		}
	}
	return out
}

// register makes the connection appear in SHOW REPLICAS.
func register(ctx context.Context, conn *server.Conn, cfg *Config) error {
	host, _ := os.Hostname()
	if len(host) > 60 {
		host = host[:60]
	}
	arg := binary.LittleEndian.AppendUint32(nil, cfg.ServerID)
	arg = append(append(arg, byte(len(host))), host...)
	arg = append(arg, 0, 0)       // user and password, shown to administrators if asked for
	arg = append(arg, 0, 0)       // port
	arg = append(arg, 0, 0, 0, 0) // rank
	arg = append(arg, 0, 0, 0, 0) // source id
	if err := conn.Command(ctx, comRegisterSlave, arg); err != nil {
		return fmt.Errorf("registering as replica: %w", err)
	}
	p, err := conn.ReadPacket(ctx)
	if err != nil {
		return fmt.Errorf("registering as replica: %w", err)
	}
	if len(p) > 0 && p[0] == packetError {
		return conn.DumpError(p, cfg.ServerID)
	}
	return nil
}

func dumpArg(f position.Flavor, serverID uint32, p *point, pos int64) []byte {
	var flags uint16
	file := p.file
	if f == position.MariaDB {
		flags = dumpAnnotateRows
		if p.set != nil {
			file = "" // @slave_connect_state says where to begin
		}
	}
	arg := binary.LittleEndian.AppendUint32(nil, uint32(pos))
	arg = binary.LittleEndian.AppendUint16(arg, flags)
	arg = binary.LittleEndian.AppendUint32(arg, serverID)
	return append(arg, file...)
}

func dumpGTIDArg(serverID uint32, set *position.Set) []byte {
	data := set.AppendBinary(nil)
	arg := binary.LittleEndian.AppendUint16(nil, dumpThroughGTID)
	arg = binary.LittleEndian.AppendUint32(arg, serverID)
	arg = binary.LittleEndian.AppendUint32(arg, 0) // length of the file's name
	arg = binary.LittleEndian.AppendUint64(arg, firstPos)
	arg = binary.LittleEndian.AppendUint32(arg, uint32(len(data)))
	return append(arg, data...)
}

// point is where reading can begin again, and how much of what comes then has
// been handed out before.
type point struct {
	file string
	pos  int64
	set  *position.Set // transactions that need not come again; nil to use file and pos
	// The transaction or statement that begins at the point, as far as it has been
	// handed out: number of events, and the GTID that it has.
	done int
	gtid position.GTID
	open bool // BEGIN has come, its end has not
}

func (p *point) String() string {
	if p.set == nil {
		return fmt.Sprintf("%s:%d", p.file, p.pos)
	}
	return "GTID set '" + strings.TrimSpace(p.set.String()) + "'"
}

// begin starts a transaction or statement at the event.
func (p *point) begin(e *Event) {
	p.close(e.Pos())
	if !e.GTID.Anonymous {
		p.gtid = e.GTID.GTID
	}
	p.open = e.GTID.Flavor == position.MariaDB && !e.GTID.Standalone
	p.file = e.File
}

// close ends the transaction or statement: what comes next begins at pos.
func (p *point) close(pos int64) {
	if p.set != nil && p.gtid.N > 0 {
		p.set.Add(p.gtid)
	}
	p.pos, p.done, p.open, p.gtid = pos, 0, false, position.GTID{}
}

// inside reports whether events belong to a transaction or statement that has begun.
func (p *point) inside() bool { return p.done > 0 || p.open || p.gtid.N > 0 }

// passed moves the point past an event that is handed out.
func (p *point) passed(e *Event) {
	switch e.Kind {
	case KindRotate:
		if !e.Artificial() {
			p.file = e.Rotate.File
			p.close(max(e.Rotate.Pos, firstPos))
		}
		return
	case KindFormat, KindHeartbeat, KindStop:
		return
	case KindGTID:
		p.begin(e)
		p.done = 1
		return
	case KindXID, KindXAPrepare:
		p.file = e.File
		p.close(e.EndPos)
		return
	case KindQuery:
		p.query(e)
		return
	}
	if p.inside() {
		p.done++
	} else if !e.Artificial() {
		p.file, p.pos = e.File, e.EndPos
	}
}

func (p *point) query(e *Event) {
	switch classify(e.Query.SQL) {
	case verbBegin, verbXAStart:
		if !p.inside() {
			p.file, p.pos = e.File, e.Pos()
		}
		p.open = true
	case verbCommit, verbRollback:
		p.open = false
	}
	if p.open {
		p.done++
		return
	}
	p.file = e.File
	p.close(e.EndPos)
}
