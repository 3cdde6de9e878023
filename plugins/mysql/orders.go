package mysql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/incremental"
	"github.com/millrace/millrace/plugins/mysql/notify"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/signal"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// orders takes the signals that come while the binlog is read, and obeys them: it
// joins the channels, the incremental snapshots and the notifications to the
// stream. It belongs to the goroutine that calls Poll. A nil orders takes none:
// that of a stream which is only read up to where a snapshot goes on.
type orders struct {
	cfg      *SignalConfig
	s        *stream
	session  *session
	table    table.ID // signal.data.collection
	bell     *bell
	receiver *signal.Receiver
	inc      *incremental.Source
	notify   *notify.Notifier
	log      *slog.Logger

	started  bool
	skipped  connect.Offset // of the notification that no snapshot was needed
	added    []string       // tables to be filled in, as the include lists have grown
	captured string         // the lists, as offsets remember them; "" for not at all
	requests []*blocking    // that wait for their turn
	blocking *blocking      // that is being taken
}

// fieldCaptured is the field of offsets that tells the include and exclude lists
// with which a connector last ran (snapshot.added.tables=backfill). Debezium
// takes no notice of it.
const fieldCaptured = "millrace_captured"

// newOrders joins a stream that begins at an offset.
func newOrders(ctx context.Context, ss *session, s *stream, offset map[string]any) (*orders, error) {
	cfg := &ss.cfg.Signals
	o := &orders{cfg: cfg, s: s, session: ss, bell: &bell{}, notify: ss.notify, log: ss.task.log}
	if database, name, ok := strings.Cut(cfg.Table, "."); ok {
		o.table = table.ID{Database: unquote(database), Name: unquote(name)}
	}
	if cfg.Backfill {
		o.captured = ss.cfg.Filters.text()
	}
	at, err := position.ParseOffset(offset)
	if err != nil {
		return nil, err
	}
	at.HasTime, at.ServerID, at.Checkpoint = false, 0, nil // as Debezium has it when it has read an offset
	at.Snapshot = ""
	o.skipped = connect.FixedOffset(at.Map())
	o.inc, err = incremental.New(incremental.Config{
		ChunkSize: cfg.ChunkSize, VerifySchema: cfg.VerifySchema, DeleteMarks: cfg.DeleteMarks, SignalTable: o.table,
		ReadOnly: cfg.ReadOnly || cfg.Backfill && o.table.Name == "", Filter: ss.filter, Server: ss.server, Now: ss.task.now, Logger: o.log,
	}, o, o, o.note, offset)
	if err != nil {
		return nil, err
	}
	if cfg.Backfill {
		if o.added, err = ss.addedTables(ctx, offset); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(cfg.Channels, func(c string) bool { return c != signal.Source }) {
		o.receiver = signal.Start(ctx, signal.Config{
			Channels: cfg.Channels, PollInterval: cfg.PollInterval, Connector: ss.cfg.Prefix, File: cfg.File,
			Topic: cfg.Topic, Group: cfg.Group, Consumer: cfg.Consumer, Inbox: &ss.task.inbox, Ring: o.bell.Ring, Logger: o.log,
		})
	}
	return o, nil
}

func unquote(name string) string { return strings.Trim(name, "`\"") }

func (o *orders) close() {
	if o.blocking != nil {
		o.blocking.close()
	}
	if o.receiver != nil {
		o.receiver.Close()
	}
	o.inc.Close()
}

// listen returns a context for a wait that a signal ends, or the time at which
// something has to be tried again.
func (o *orders) listen(ctx context.Context) (context.Context, func()) {
	const again = 20 * time.Millisecond
	if o == nil {
		return ctx, func() {}
	}
	ctx = o.bell.listen(ctx)
	if !o.inc.Waiting() {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, again, errRung)
}

// attend does what is due between two events.
func (o *orders) attend(ctx context.Context, b *connect.Batch) error {
	if o == nil {
		return nil
	}
	if !o.started {
		o.started = true
		if err := o.start(ctx, b); err != nil {
			return err
		}
	}
	if o.bell.answer() {
		if err := o.obeyAll(ctx, b); err != nil {
			return err
		}
	}
	if err := o.nextBlocking(ctx); err != nil || o.blocking != nil {
		return err
	}
	if err := o.inc.Advance(ctx, b); err != nil {
		return err
	}
	for o.inc.Ready() && !b.Full() {
		if err := o.inc.Advance(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// start goes on with what was running when the connector stopped, and fills in
// tables that are new.
func (o *orders) start(ctx context.Context, b *connect.Batch) error {
	if note := o.session.snapshotNote(); note != nil && o.session.skip {
		note(b, o.skipped, "SKIPPED", nil)
	}
	if err := o.inc.Resume(ctx, b); err != nil {
		return err
	}
	if len(o.added) == 0 {
		return nil
	}
	o.log.Info("tables that were added to the connector are filled in", "tables", strings.Join(o.added, ","))
	names := make([]string, len(o.added))
	for i, name := range o.added {
		names[i] = regexp.QuoteMeta(name)
	}
	return o.inc.Execute(ctx, b, incremental.Request{ID: "added-tables", Tables: names})
}

// obeyAll takes all signals that have come through channels.
func (o *orders) obeyAll(ctx context.Context, b *connect.Batch) error {
	for o.receiver != nil {
		sig, ok := o.receiver.Take()
		if !ok {
			return nil
		}
		if err := o.obey(ctx, b, sig); err != nil {
			return err
		}
	}
	return nil
}

// isTable reports whether rows of a table are signals.
func (o *orders) isTable(id table.ID) bool { return o != nil && o.table.Name != "" && id == o.table }

// signal obeys a row of the signal table: an insert, or a delete that closes a
// window.
func (o *orders) signal(ctx context.Context, b *connect.Batch, op binlog.Op, before, after []value.Cell) error {
	switch {
	case op == binlog.Insert:
		sig, ok := o.fromRow(after)
		if !ok || sig.Type != incremental.TypeOpen && sig.Type != incremental.TypeClose && !slices.Contains(o.cfg.Channels, signal.Source) {
			return nil
		}
		return o.obey(ctx, b, sig)
	case op == binlog.Delete && o.cfg.DeleteMarks:
		sig, ok := o.fromRow(before)
		if !ok {
			return nil
		}
		return o.inc.CloseWindow(ctx, b, strings.Replace(sig.ID, "open", "close", 1))
	}
	return nil
}

// fromRow reads a row of the signal table, which has three columns.
func (o *orders) fromRow(row []value.Cell) (signal.Signal, bool) {
	if len(row) != 3 {
		o.log.Warn("a row of the signal table has not three columns, as a signal has, and is ignored", "table", o.table.String(), "columns", len(row))
		return signal.Signal{}, false
	}
	plan, err := o.s.schema.Plan(o.table)
	if err != nil || plan == nil {
		return signal.Signal{}, false
	}
	var arena data.Arena
	texts, err := plan.Texts(&arena, row)
	if err != nil || len(texts) != 3 {
		o.log.Warn("a row of the signal table cannot be read as a signal and is ignored", "table", o.table.String(), "error", err)
		return signal.Signal{}, false
	}
	return signal.Signal{ID: texts[0], Type: texts[1], Data: texts[2]}, true
}

// obey does what a signal asks for. What makes no sense is logged and left out;
// an error says that the server cannot be reached.
func (o *orders) obey(ctx context.Context, b *connect.Batch, sig signal.Signal) error {
	log := o.log.With("signal", sig.ID, "type", sig.Type)
	d, err := signal.ParseDocument(sig.Data)
	if err != nil {
		log.Warn("a signal is ignored", "data", sig.Data, "error", err)
		return nil
	}
	switch sig.Type {
	case incremental.TypeOpen:
		o.inc.Open(sig.ID)
	case incremental.TypeClose:
		return o.inc.CloseWindow(ctx, b, sig.ID)
	case signal.TypeExecute:
		err = o.execute(ctx, b, sig.ID, d)
	case signal.TypeStop:
		err = o.stop(d)
	case signal.TypePause:
		o.inc.Pause(b)
	case signal.TypeResume:
		err = o.inc.Continue(ctx, b)
	case signal.TypeSchema:
		err = o.schemaChanges(ctx, b, sig.ID, d)
	case signal.TypeLog:
		if message := d.Text("message"); message != "" {
			o.log.Info(strings.Replace(message, "{}", fmt.Sprint(o.offset().Map()), 1))
		} else {
			err = errors.New("the field message is missing")
		}
	default:
		log.Warn("a signal of an unknown type is ignored", "data", sig.Data)
		return nil
	}
	if err != nil && !server.Retriable(err) && ctx.Err() == nil {
		log.Warn("a signal is ignored", "data", sig.Data, "error", err)
		return nil
	}
	return err
}

func (o *orders) execute(ctx context.Context, b *connect.Batch, id string, d signal.Document) error {
	e, err := d.Execute()
	if err != nil {
		return err
	}
	o.log.Info("a snapshot was asked for", "signal", id, "blocking", e.Blocking, "tables", strings.Join(e.Tables, ","),
		"conditions", len(e.Conditions), "surrogate-key", e.SurrogateKey)
	if e.Blocking {
		o.requests = append(o.requests, &blocking{orders: o, what: e})
		return nil
	}
	r := incremental.Request{ID: id, Tables: e.Tables, SurrogateKey: e.SurrogateKey}
	for _, c := range e.Conditions {
		r.Conditions = append(r.Conditions, incremental.Condition(c))
	}
	return o.inc.Execute(ctx, b, r)
}

func (o *orders) stop(d signal.Document) error {
	tables, blocking, err := d.Stop()
	if err == nil && !blocking { // a blocking snapshot cannot be stopped
		o.inc.Stop(tables)
	}
	return err
}

// replace tells of a row that the stream has brought.
func (o *orders) replace(b *connect.Batch, id table.ID, op binlog.Op, before, after []value.Cell) error {
	if o == nil || !o.inc.Watching(id) {
		return nil
	}
	if op != binlog.Insert {
		if err := o.inc.Replace(b, before); err != nil {
			return err
		}
	}
	if op == binlog.Delete {
		return nil
	}
	return o.inc.Replace(b, after)
}

// changed tells of the tables that a statement has changed.
func (o *orders) changed(ctx context.Context, b *connect.Batch) error {
	if o == nil {
		return nil
	}
	touched := o.s.schema.touched
	o.s.schema.touched = nil
	for _, id := range touched {
		if err := o.inc.SchemaChanged(ctx, b, id); err != nil {
			return err
		}
	}
	return nil
}

// offset is where the stream is: within a row, what is before it is done.
func (o *orders) offset() connect.Offset {
	if o.s.inRow {
		return o.s.tracker.RowOffset(o.s.done)
	}
	return o.s.tracker.Offset()
}

// note is incremental.Note. Within a row of the signal table a notification has no
// offset: the row comes again until its own record is acknowledged.
func (o *orders) note(b *connect.Batch, id, status string, details map[string]string) {
	var offset connect.Offset
	if !o.s.inRow {
		offset = o.offset()
	}
	o.notify.Send(b, offset, notify.Notification{ID: id, Aggregate: notify.IncrementalSnapshot, Type: status, Data: details})
}

// SetIncremental implements incremental.Stream.
func (o *orders) SetIncremental(fields map[string]any) {
	if o.captured != "" {
		with := map[string]any{fieldCaptured: o.captured}
		maps.Copy(with, fields)
		fields = with
	}
	o.s.tracker.SetIncremental(fields)
}

// Place implements incremental.Stream.
func (o *orders) Place(now time.Time) (*event.Source, connect.Offset) {
	o.s.source()
	src := o.s.src
	src.Nanos, src.Marker, src.Transaction = now.UnixNano(), event.MarkIncremental, nil
	return &src, o.offset()
}

// Visible implements incremental.Stream. MySQL adds a transaction to its executed
// GTIDs when readers see it; MariaDB, and MySQL without GTIDs, do not tell, but a
// row that is not visible yet is locked.
func (o *orders) Visible(ctx context.Context, conn *server.Conn) (ok, locking bool, err error) {
	if o.session.flavor != position.MySQL || !o.session.gtids.Enabled {
		return true, true, nil
	}
	g, err := conn.GTIDs(ctx)
	if err != nil {
		return false, false, err
	}
	return o.s.tracker.Within(g.Executed), false, nil
}

// Reached implements incremental.Stream.
func (o *orders) Reached(at server.Status) bool {
	file, pos, ok := o.s.tracker.Done()
	return ok && position.ComparePlaces(file, pos, at.File, at.Pos) >= 0
}

// Connections implements incremental.Stream.
func (o *orders) Connections() int { return o.s.reader.Connections() }

// Plan implements incremental.Schema.
func (o *orders) Plan(id table.ID) (*event.Plan, error) { return o.s.schema.Plan(id) }

// Tables implements incremental.Schema.
func (o *orders) Tables() []table.ID {
	var ids []table.ID
	for t := range o.s.schema.parser.Catalog().All() {
		ids = append(ids, t.ID)
	}
	slices.SortFunc(ids, func(a, b table.ID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}

// Learn implements incremental.Schema.
func (o *orders) Learn(ctx context.Context, b *connect.Batch, id table.ID) error {
	conn, err := server.Connect(ctx, o.session.server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // its answer has been read
	var create string
	if err := conn.InServerZone(ctx, func() (err error) {
		create, err = conn.CreateTable(ctx, id.Database, id.Name)
		return err
	}); err != nil {
		return err
	}
	o.s.source()
	src := o.s.src
	src.Transaction = nil
	return o.s.schema.apply(ctx, b, id.Database, create, &src, o.offset())
}

// blocked reports whether the stream waits for a blocking snapshot.
func (o *orders) blocked() bool { return o != nil && o.blocking != nil }
