package binlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

const (
	firstPos = 4 // the first event's position in a binlog file

	packetEvent = 0x00
	packetEOF   = 0xfe
	packetError = 0xff
)

// Config says what to read and how.
type Config struct {
	Server server.Config
	// ServerID is what the reader calls itself; no other replica of the server may
	// have the same (database.server.id).
	ServerID uint32
	// GTIDs are the transactions that need not be read. nil to begin at File and
	// Pos instead; an empty set to begin with the oldest binlog that there is.
	GTIDs *position.Set
	File  string
	Pos   int64
	// Heartbeat is how often an idle server shows that it is there; 0 for never.
	// When nothing comes for two and a half periods, the connection is given up.
	Heartbeat time.Duration
	// Reconnect makes the reader connect again by itself when a connection is lost
	// (connect.keep.alive), at first after a moment, then after waits that grow to
	// Interval (connect.keep.alive.interval.ms, 60 s when 0), at most Attempts
	// times in a row, without limit when 0.
	Reconnect bool
	Interval  time.Duration
	Attempts  int
	// AnnotateRows delivers MariaDB's ANNOTATE_ROWS events (include.query).
	AnnotateRows bool
	// NetWriteTimeout and NetReadTimeout change the server's limits for the
	// connection; 0 leaves them.
	NetWriteTimeout, NetReadTimeout time.Duration
	// VerifyChecksums checks the CRC32 of every event that has one.
	VerifyChecksums bool
	Logger          *slog.Logger // nil for slog.Default
}

// readBuffer is the size of the read buffer: events are small and come in bulk.
const readBuffer = 256 << 10

// Reader reads a server's binlog, event by event. It belongs to one goroutine.
type Reader struct {
	cfg         Config
	log         *slog.Logger
	conn        *server.Conn // nil after a connection was lost
	dec         *decoder
	event       Event
	payload     payload
	next        point // where to begin again
	skip        int   // events to read without handing them out, after a reconnection
	resume      position.GTID
	flavor      position.Flavor
	failed      error
	connections int
	losses      int // attempts to connect again since the last event
}

const (
	firstWait       = 100 * time.Millisecond
	defaultInterval = time.Minute
)

var errClosed = errors.New("the binlog reader is closed")

// Open connects to the server and asks for its binlog.
func Open(ctx context.Context, cfg Config) (*Reader, error) {
	r := &Reader{cfg: cfg, log: cfg.Logger}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.cfg.Server.Buffer = max(cfg.Server.Buffer, readBuffer)
	if cfg.Interval <= 0 {
		r.cfg.Interval = defaultInterval
	}
	r.next = point{file: cfg.File, pos: max(cfg.Pos, firstPos)}
	if cfg.GTIDs != nil {
		r.next.set = cfg.GTIDs.Clone()
	}
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) connect(ctx context.Context) error {
	conn, err := server.Connect(ctx, r.cfg.Server)
	if err != nil {
		return err
	}
	if err := dump(ctx, conn, &r.cfg, &r.next); err != nil {
		conn.Close()
		return err
	}
	if r.cfg.Heartbeat > 0 {
		conn.SetSilence(r.cfg.Heartbeat*5/2 + 5*time.Second)
	}
	r.conn, r.flavor = conn, conn.Flavor()
	r.connections++
	r.dec = newDecoder(r.next.file, r.cfg.VerifyChecksums)
	r.payload.active = false
	r.skip, r.resume = r.next.done, r.next.gtid
	r.log.Info("Reading the binlog", "server", conn.Address(), "version", conn.Version(), "from", r.next.String())
	return nil
}

// Next returns the next event. It is valid until the following call. When ctx
// ends, its error is returned and reading can go on with another context.
//
// Lost connections are mended here, if the configuration says so: reading begins
// again with the transaction that was being read, and what has been handed out
// of it is left out.
//
// An *EventError says that one event cannot be read: the caller may go on with
// the next one. After any other error, except that of ctx, Next returns it again.
func (r *Reader) Next(ctx context.Context) (*Event, error) {
	for r.failed == nil {
		e, err := r.read(ctx)
		if err == nil {
			err = r.checkResume(e)
		}
		if err == nil {
			if r.deliver(e) {
				r.next.passed(e)
				if !e.Artificial() {
					r.losses = 0
				}
				return e, nil
			}
			continue
		}
		var bad *EventError
		if errors.As(err, &bad) {
			r.next.passed(&r.event)
			return nil, err
		}
		if err = r.mend(ctx, err); err != nil {
			if ctx.Err() == nil {
				r.failed = err
			}
			return nil, err
		}
	}
	return nil, r.failed
}

// read returns the next event on the connection.
func (r *Reader) read(ctx context.Context) (*Event, error) {
	if r.conn == nil {
		return nil, &server.Error{Kind: server.KindLost, Message: "not connected"}
	}
	if r.payload.active {
		if e, err := r.readInside(ctx); e != nil || err != nil {
			return e, err
		}
	}
	if !r.conn.Buffered() {
		if e, err := r.readLong(ctx); e != nil || err != nil {
			return e, err
		}
	}
	p, err := r.conn.ReadPacket(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(p) == 0:
		return nil, &server.Error{Kind: server.KindProtocol, Message: "the server sent an empty packet instead of a binlog event"}
	case p[0] == packetError:
		return nil, r.conn.DumpError(p, r.cfg.ServerID)
	case p[0] == packetEOF && len(p) < 9:
		return nil, &server.Error{Kind: server.KindLost, Message: "the server ended the binlog dump"}
	case p[0] != packetEvent:
		return nil, &server.Error{Kind: server.KindProtocol, Message: fmt.Sprintf("the server sent a packet of kind %#x instead of a binlog event", p[0])}
	}
	body, err := r.dec.decode(&r.event, p[1:], nil)
	if err == nil && r.event.Kind == KindPayload {
		if err = r.payload.begin(r.event.Header, body); err != nil {
			err = r.dec.failed(&r.event.Header, err)
		}
	}
	return &r.event, err
}

// readInside returns the next event of a compressed transaction, nil at its end.
func (r *Reader) readInside(ctx context.Context) (*Event, error) {
	if r.payload.packet != nil {
		r.payload.packet.Use(ctx)
	}
	b, err := r.payload.next()
	if r.payload.lost != nil {
		r.disconnect() // in the middle of a packet that cannot be gone on with
		return nil, err
	}
	if err != nil {
		return nil, r.dec.failed(&r.payload.header, err)
	}
	if b == nil {
		return nil, nil
	}
	_, err = r.dec.decode(&r.event, b, &r.payload.header)
	return &r.event, err
}

const (
	// streamAbove is the size of a compressed transaction from which on it is
	// decompressed while it comes in.
	streamAbove = 1 << 20
	// peekSize holds all that comes before the compressed bytes.
	peekSize = 128
)

// readLong looks at a packet that is not there as a whole. It returns nil unless
// that is a long compressed transaction.
func (r *Reader) readLong(ctx context.Context) (*Event, error) {
	head, size, err := r.conn.Peek(ctx, peekSize)
	if err != nil || size <= streamAbove || head[0] != packetEvent || Type(head[1+typeOffset]) != TypeTransactionPayload {
		return nil, err
	}
	r.dec.header(&r.event.Header, head[1:], nil)
	r.event.Kind, r.event.Table, r.event.Text = KindPayload, nil, nil
	packet := r.conn.Stream()
	packet.Use(ctx)
	const before = 1 + headerSize
	if err := r.payload.beginStream(r.event.Header, bytes.Clone(head[before:]), before, packet); err != nil {
		r.payload.end()
		if r.payload.lost != nil {
			r.disconnect()
			return nil, r.payload.lost
		}
		return nil, r.dec.failed(&r.event.Header, err)
	}
	return &r.event, nil
}

// deliver reports whether the caller gets to see the event.
func (r *Reader) deliver(e *Event) bool {
	if e.Type == TypeAnnotateRows && !r.cfg.AnnotateRows {
		return false
	}
	if r.skip == 0 {
		return true
	}
	switch e.Kind {
	case KindRotate, KindFormat, KindHeartbeat, KindStop:
		return false
	}
	if e.Type == TypePreviousGTIDs || e.Type == TypeMariaDBGTIDList || e.Type == TypeBinlogCheckpoint {
		return false
	}
	r.skip--
	return false
}

// checkResume makes sure, after a reconnection, that the transaction which was
// being read is the one that the server sends first.
func (r *Reader) checkResume(e *Event) error {
	if r.resume.N == 0 || e.Kind != KindGTID {
		return nil
	}
	want := r.resume
	r.resume = position.GTID{}
	if e.GTID.GTID == want {
		return nil
	}
	return fmt.Errorf("after connecting again, the server sent transaction %s where %s was being read: it is not the same server or has lost transactions; restart the connector's task", e.GTID.GTID, want)
}

// mend connects again after err, or returns why not.
func (r *Reader) mend(ctx context.Context, err error) error {
	if ctx.Err() != nil || !server.Retriable(err) {
		return err
	}
	r.disconnect()
	if !r.cfg.Reconnect {
		return err
	}
	for {
		if r.cfg.Attempts > 0 && r.losses >= r.cfg.Attempts {
			return fmt.Errorf("giving up after %d attempts to connect again: %w", r.losses, err)
		}
		pause := min(firstWait<<min(r.losses, 20), r.cfg.Interval)
		r.losses++
		r.log.Warn("Lost the connection to the binlog, connecting again", "attempt", r.losses, "wait", pause, "error", err)
		if err := wait(ctx, pause); err != nil {
			return err
		}
		if err = r.connect(ctx); err == nil || ctx.Err() != nil || !server.Passing(err) {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Buffered reports whether Next can return an event without waiting for the
// server. A task hands on what it has when it is false.
func (r *Reader) Buffered() bool {
	switch {
	case r.conn == nil:
		return false
	case r.payload.active && r.payload.buffered():
		return true
	case r.payload.active && r.payload.packet != nil:
		return false // the end of the packet is still to be read
	}
	return r.conn.Buffered()
}

// Connections counts the connections so far: positions in files of the binlog can
// be compared over one connection only, as the next may go to another server.
func (r *Reader) Connections() int { return r.connections }

// Flavor says whether the server is MySQL or MariaDB.
func (r *Reader) Flavor() position.Flavor { return r.flavor }

// Close ends the connection.
func (r *Reader) Close() error {
	r.disconnect()
	r.payload.close()
	if r.failed == nil {
		r.failed = errClosed
	}
	return nil
}

func (r *Reader) disconnect() {
	if r.conn != nil {
		_ = r.conn.Close() // what matters has been read
		r.conn = nil
	}
}
