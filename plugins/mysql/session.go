package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/binlog"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/notify"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// session is what the phases of one start have in common. The phase in charge
// owns it.
type session struct {
	task    *task
	cfg     *Config
	server  server.Config
	mode    snapshot.Mode
	keep    func(source string) bool // GTID sources that count; nil for all
	conn    *server.Conn             // for queries; nil while streaming
	flavor  position.Flavor
	gtids   server.GTIDs
	filter  *table.Filter
	events  *event.Builder
	schema  *schema
	beat    *heartbeat
	notify  *notify.Notifier
	skip    bool         // no snapshot was needed
	resumed bool         // the stream goes on at a committed offset
	oldest  bool         // the stream begins with the first transaction that the server has
	ddl     ddl.Config   // of the parser
	closer  func() error // of the history
}

// recover opens a session and decides how to go on.
func (t *task) recover(ctx context.Context) (_ phase, err error) {
	s := &session{task: t, cfg: t.cfg}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	if err := s.guardrail(ctx); err != nil {
		return nil, err
	}
	offset, err := t.offset(ctx)
	if err != nil {
		return nil, err
	}
	return s.decide(ctx, offset)
}

// offset is where to go on: behind the last record that was handed over, else
// the committed offset; nil for a connector that has none.
func (t *task) offset(ctx context.Context) (map[string]any, error) {
	if t.last.Base != nil {
		return t.last.Map(), nil
	}
	offset, err := t.tc.Offset(ctx, t.source.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the connector's offset: %w", err)
	}
	return offset, nil
}

// connect connects and checks that the server can serve the connector.
func (s *session) connect(ctx context.Context) (err error) {
	if s.mode, err = s.cfg.mode(); err != nil {
		return err
	}
	if s.keep, err = s.cfg.keepGTID(); err != nil {
		return err
	}
	if s.server, err = s.cfg.serverConfig(s.task.log); err != nil {
		return err
	}
	if s.conn, err = server.Connect(ctx, s.server); err != nil {
		return err
	}
	s.flavor = s.conn.Flavor()
	if mine, other := mysqlProduct(), mariadbProduct(); s.flavor == position.MariaDB && s.cfg.Connector == mine.name {
		s.task.log.Warn("the server is MariaDB; "+other.class+" is made for it", "version", s.conn.Version())
	} else if s.flavor == position.MySQL && s.cfg.Connector == other.name {
		s.task.log.Warn("the server is MySQL; "+mine.class+" is made for it", "version", s.conn.Version())
	}
	problems, err := serverProblems(ctx, s.conn, s.mode, s.cfg.Stream.FillRows)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	s.gtids, err = s.conn.GTIDs(ctx)
	return err
}

// serverProblems says what on the server keeps a connector from working. An
// error says that the server could not be asked.
func serverProblems(ctx context.Context, conn *server.Conn, mode snapshot.Mode, filled bool) ([]string, error) {
	var problems []string
	if mode.Stream {
		settings, err := conn.BinlogSettings(ctx)
		if err != nil {
			return nil, err
		}
		problems = settings.Problems(filled)
	}
	grants, err := conn.Grants(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range grants.Missing(server.Needs{Stream: mode.Stream, Snapshot: mode.Data(false, false)}) {
		problems = append(problems, m.String())
	}
	return problems, nil
}

// build makes what turns rows and statements into records.
func (s *session) build(ctx context.Context) (err error) {
	log := s.task.log
	if s.filter, err = s.cfg.filter(); err != nil {
		return err
	}
	cfg, err := s.cfg.eventConfig(s.filter, s.flavor, s.task.tc.Task(), newRunID(), log)
	if err != nil {
		return err
	}
	if s.events, err = event.NewBuilder(cfg, s.task.source); err != nil {
		return err
	}
	s.beat = &heartbeat{interval: s.cfg.Stream.HeartbeatInterval, query: s.cfg.Stream.HeartbeatQuery, server: s.server, events: s.events, log: log}
	if s.notify, err = notify.New(notify.Config{
		Channels: s.cfg.Signals.Notifications, Topic: s.cfg.Signals.NotificationTopic, Connector: s.cfg.Prefix,
		Source: s.task.source, Now: s.task.now, Logger: log,
	}); err != nil {
		return err
	}
	parser, err := s.parser(ctx)
	if err != nil {
		return err
	}
	storage, err := s.storage()
	if err != nil {
		return err
	}
	var ignore *history.DDLFilter
	if list := s.cfg.History.DDLFilter; list != "" {
		if ignore, err = history.NewDDLFilter(list); err != nil {
			return err
		}
	}
	s.task.meters.started.Store(true)
	s.schema = &schema{
		changes: s.cfg.Events.SchemaChanges, skip: s.cfg.History.SkipUnparseable,
		policy: history.Policy{
			OnlyCapturedTables: s.cfg.History.OnlyCapturedTables, OnlyCapturedDatabases: s.cfg.History.OnlyCapturedDatabases,
			Filter: s.filter, DDL: ignore,
		},
		parser: parser, history: history.New(history.Config{Storage: storage, Source: s.task.source.Key, Now: s.task.now}),
		events: s.events, log: log, plans: map[*table.Table]*event.Plan{}, meters: s.task.meters,
	}
	return nil
}

// parser makes a parser of the server's dialect that knows its variables.
func (s *session) parser(ctx context.Context) (*ddl.Parser, error) {
	vars, err := s.conn.GlobalVariables(ctx, "lower_case_table_names", "sql_mode")
	if err != nil {
		return nil, err
	}
	names := table.CaseSensitive
	switch vars["lower_case_table_names"] {
	case "1":
		names = table.Lowered
	case "2":
		names = table.CasePreserving
	}
	dialect := ddl.MySQL
	if s.flavor == position.MariaDB {
		dialect = ddl.MariaDB
	}
	s.ddl = ddl.Config{Dialect: dialect, Version: s.conn.VersionNumber(), Comments: s.cfg.Events.SchemaComments}
	cfg := s.ddl
	cfg.Catalog = table.NewCatalog(names)
	p := ddl.New(cfg)
	p.SetVariable("sql_mode", vars["sql_mode"])
	return p, nil
}

// storage opens the place of the schema history.
func (s *session) storage() (history.Storage, error) {
	h := s.cfg.History
	switch h.Class {
	case fileHistoryClass:
		return history.NewFile(h.File), nil
	case memoryHistoryClass:
		return history.NewMemory(), nil
	}
	k, err := history.NewKafka(history.KafkaConfig{Topic: h.Topic, Producer: h.Producer, Consumer: h.Consumer, Logger: s.task.log})
	if err != nil {
		return nil, err
	}
	s.closer = k.Close
	return k, nil
}

// decide chooses between snapshot and stream, given the offset.
func (s *session) decide(ctx context.Context, offset map[string]any) (phase, error) {
	if offset == nil {
		if s.mode.OnSchemaError && !s.mode.FromSnapshot {
			return nil, errors.New("snapshot.mode=" + s.mode.Name + " rebuilds the schema history of a connector that has an offset, and this one has none; use snapshot.mode=initial")
		}
		return s.first(ctx)
	}
	o, err := position.ParseOffset(offset)
	if err != nil {
		return nil, fmt.Errorf("reading the connector's offset: %w", err)
	}
	s.task.log.Info("found an offset", "file", o.File, "pos", o.Pos, "gtids", o.GTIDs, "event", o.Event, "row", o.Row, "snapshot", string(o.Snapshot))
	if o.SnapshotRunning() {
		if !s.mode.Data(true, true) && !s.mode.Schema(true, true) {
			return nil, errors.New("the connector was stopped while taking a snapshot, and snapshot.mode=" + s.mode.Name + " takes none; use initial or when_needed")
		}
		why, err := s.canResume(ctx, &o)
		if err != nil {
			return nil, err
		}
		if why == "" {
			return s.resumeSnapshot(ctx, offset, &o)
		}
		s.task.log.Info("the last snapshot was not completed, a new one is taken", "because", why)
		return s.startSnapshot(ctx, nil)
	}
	return s.resume(ctx, offset, &o)
}

// first starts a connector without offset.
func (s *session) first(ctx context.Context) (phase, error) {
	if err := s.schema.history.Create(ctx); err != nil {
		return nil, err
	}
	s.checkHistory(ctx)
	if s.mode.Data(false, false) || s.mode.Schema(false, false) {
		return s.startSnapshot(ctx, nil)
	}
	files, err := s.conn.BinlogFiles(ctx)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("the server has no binlog to start with")
	}
	s.task.log.Warn("streaming starts with the oldest binlog that the server has, as snapshot.mode says; tables created before are not known", "mode", s.mode.Name, "file", files[0].Name)
	o := position.Offset{File: files[0].Name, Pos: 4}
	if s.gtids.Enabled {
		o.GTIDs = s.gtids.Purged.String()
		s.oldest = s.flavor == position.MySQL
	}
	s.skip = true
	return s.startStream(ctx, o.Map())
}

// resume goes on from an offset outside of a snapshot.
func (s *session) resume(ctx context.Context, offset map[string]any, o *position.Offset) (phase, error) {
	exists, err := s.schema.history.Exists(ctx)
	if err != nil {
		return nil, err
	}
	if !exists && !s.mode.OnSchemaError {
		return nil, fmt.Errorf("the schema history (%s) is missing or empty, though the connector has an offset; correct the property if it names the wrong place, or recover the history with snapshot.mode=recovery, if no table's structure has changed since the offset", s.cfg.History.place())
	}
	if lost, err := s.positionLost(ctx, o); err != nil {
		return nil, err
	} else if lost != "" {
		return s.lost(ctx, lost)
	}
	switch {
	case s.mode.Data(true, false):
		return s.startSnapshot(ctx, nil)
	case s.mode.Schema(true, false):
		if err := s.schema.history.Create(ctx); err != nil {
			return nil, err
		}
		if s.mode.FromSnapshot {
			return s.startSnapshot(ctx, nil)
		}
		return s.startSnapshot(ctx, o)
	case !s.mode.Stream:
		s.task.log.Info("the snapshot was completed before, and snapshot.mode does not stream", "mode", s.mode.Name)
		return &idle{s}, nil
	}
	if err := s.recoverHistory(ctx, offset); err != nil {
		return nil, err
	}
	s.skip, s.resumed = true, true
	return s.startStream(ctx, offset)
}

// lost deals with a position that the server no longer has.
func (s *session) lost(ctx context.Context, why string) (phase, error) {
	if !s.mode.OnDataError {
		return nil, fmt.Errorf("%s; take a new snapshot with snapshot.mode=when_needed, and let the server keep its binlogs for longer than the connector may be stopped", why)
	}
	s.task.log.Warn("the position is lost, so a new snapshot is taken", "reason", why)
	return s.startSnapshot(ctx, nil)
}

// positionLost says why streaming cannot go on at the offset, "" if it can.
func (s *session) positionLost(ctx context.Context, o *position.Offset) (string, error) {
	if why := s.task.lost; why != "" {
		s.task.lost = ""
		return why, nil
	}
	if !s.cfg.Stream.PositionCheck || !s.mode.Stream {
		return "", nil
	}
	if o.GTIDs != "" && !s.cfg.Stream.IgnoreGTID {
		return s.gtidsLost(o.GTIDs)
	}
	files, err := s.conn.BinlogFiles(ctx)
	if err != nil {
		return "", err
	}
	if o.File != "" && !slices.ContainsFunc(files, func(f server.BinlogFile) bool { return f.Name == o.File }) {
		return fmt.Sprintf("the server no longer has the binlog file %s at which the connector goes on", o.File), nil
	}
	return "", nil
}

func (s *session) gtidsLost(text string) (string, error) {
	stored, err := position.ParseSet(s.flavor, text)
	if err != nil {
		return "", fmt.Errorf("reading the offset's GTID set: %w", err)
	}
	if !s.gtids.Enabled || s.gtids.Executed.IsEmpty() {
		return "the connector's offset has GTIDs, but the server does not use any", nil
	}
	known := s.gtids.Executed
	if s.keep != nil {
		stored, known = stored.Retain(s.keep), known.Retain(s.keep)
	}
	if !known.ContainsAll(stored) {
		return fmt.Sprintf("the server does not know all transactions of the connector's offset (%s); it may be another server", stored), nil
	}
	needed := known.Subtract(stored)
	if gone := needed.Subtract(needed.Subtract(s.gtids.Purged)); !gone.IsEmpty() && s.flavor == position.MySQL {
		return fmt.Sprintf("the server has purged the transactions %s, which the connector has not read", gone), nil
	}
	return "", nil
}

// checkHistory warns of a history that may lose what it is told.
func (s *session) checkHistory(ctx context.Context) {
	for _, problem := range s.schema.history.Check(ctx) {
		s.task.log.Warn(problem)
	}
}

// recoverHistory makes the tables known as they were at the offset.
func (s *session) recoverHistory(ctx context.Context, offset map[string]any) error {
	s.checkHistory(ctx)
	until, err := position.NewComparator(s.flavor, s.keep, offset)
	if err != nil {
		return err
	}
	began := s.task.now()
	done := until.AtOrBefore
	if o, err := position.ParseOffset(offset); err == nil && s.byGTID(&o) {
		done = func(position map[string]any) (bool, error) {
			if again, err := until.Repeated(position); again || err != nil {
				return false, err
			}
			return until.AtOrBefore(position)
		}
	}
	s.task.meters.recoveryBegan.Store(began.UnixNano())
	s.task.meters.recovering.Store(true)
	defer s.task.meters.recovering.Store(false)
	n, err := s.schema.history.Recover(ctx, history.Recovery{
		Parser: s.schema.parser, AtOrBefore: done, SkipUnparseable: s.schema.skip, Filter: s.schema.policy.DDL, Logger: s.task.log,
	})
	if err != nil {
		return err
	}
	s.task.meters.recovered.Store(int64(n.Read))
	if n.Read > 0 {
		s.task.meters.lastRecovered.Store(s.task.now().UnixNano())
	}
	if n.Applied > 0 {
		s.task.meters.lastApplied.Store(s.task.now().UnixNano())
	}
	s.task.meters.applied.Store(int64(n.Applied))
	s.task.log.Info("schema history recovered", "records", n.Read, "applied", n.Applied, "skipped", n.Skipped,
		"tables", s.schema.parser.Catalog().Len(), "took", s.task.now().Sub(began).Round(time.Millisecond))
	return nil
}

// startSnapshot begins a snapshot; from is the offset to stream from afterwards
// when only the structure is read anew.
func (s *session) startSnapshot(ctx context.Context, from *position.Offset) (phase, error) {
	reader, err := s.newSnapshot(ctx, from, nil)
	if err != nil {
		return nil, err
	}
	s.schema.history.StartBuffering()
	p := &snapshotPhase{session: s, reader: reader}
	if d := s.cfg.Snapshot.Delay; d > 0 {
		s.task.log.Info("the snapshot waits, as snapshot.delay.ms says", "delay", d)
		return &waiting{session: s, until: s.task.now().Add(d), then: func(context.Context) (phase, error) { return p, nil }}, nil
	}
	return p, nil
}

// newSnapshot prepares a snapshot; resume is how far it had come before it was
// interrupted.
func (s *session) newSnapshot(ctx context.Context, from *position.Offset, resume *position.Checkpoint) (*snapshot.Reader, error) {
	cfg, err := s.cfg.snapshotConfig(s.filter, s.task.log)
	if err != nil {
		return nil, err
	}
	cfg.Clock, cfg.From, cfg.Resume = s.task.now, from, resume
	cfg.Data = from == nil && (s.mode.Data(false, false) || s.mode.Data(true, true))
	cfg.Connect, cfg.Note = s.snapshotConn, s.snapshotNote()
	if err := prepareSnapshot(ctx, s.conn); err != nil {
		return nil, err
	}
	reader, err := snapshot.New(s.conn, cfg, s.schema)
	if err == nil {
		s.task.snapshot.Store(reader)
		s.task.meters.aborted.Store(false)
		s.task.meters.snapshotBegan.Store(s.task.now().UnixNano())
	}
	return reader, err
}

// snapshotNote sends notifications of a snapshot; nil when nobody wants them.
func (s *session) snapshotNote() snapshot.Note {
	if s.notify == nil {
		return nil
	}
	return func(b *connect.Batch, offset connect.Offset, status string, details map[string]string) {
		s.notify.Send(b, offset, notify.Notification{Aggregate: notify.InitialSnapshot, Type: status, Data: details})
	}
}

// snapshotConn opens a further connection for a snapshot.
func (s *session) snapshotConn(ctx context.Context) (*server.Conn, error) {
	conn, err := server.Connect(ctx, s.server)
	if err != nil {
		return nil, err
	}
	if err := prepareSnapshot(ctx, conn); err != nil {
		_ = conn.Close() // it has done nothing
		return nil, err
	}
	return conn, nil
}

// prepareSnapshot lets a session be silent: a reader that is slow, because Kafka
// is, must not lose its rows.
func prepareSnapshot(ctx context.Context, conn *server.Conn) error {
	for _, statement := range []string{"SET SESSION net_write_timeout=3600", "SET SESSION wait_timeout=86400"} {
		if err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("preparing the snapshot's session: %w", err)
		}
	}
	return nil
}

// startStream begins to read the binlog at an offset.
func (s *session) startStream(ctx context.Context, offset map[string]any) (phase, error) {
	if d := s.cfg.Stream.Delay; d > 0 {
		return &waiting{session: s, until: s.task.now().Add(d), then: func(ctx context.Context) (phase, error) { return s.openStream(ctx, offset) }}, nil
	}
	return s.openStream(ctx, offset)
}

func (s *session) openStream(ctx context.Context, offset map[string]any) (phase, error) {
	o, err := position.ParseOffset(offset)
	if err != nil {
		return nil, err
	}
	o.Checkpoint = nil
	st, err := s.newStream(ctx, o)
	if err != nil {
		return nil, err
	}
	if st.orders, err = newOrders(ctx, s, st, offset); err != nil {
		_ = st.close() // nothing has been read
		return nil, err
	}
	_ = s.conn.Close() // its answers have all been read
	s.conn = nil
	return &streamPhase{session: s, stream: st}, nil
}

// newStream begins to read the binlog. With a checkpoint in the offset its records
// say that a snapshot is running.
func (s *session) newStream(ctx context.Context, o position.Offset) (*stream, error) {
	o.Snapshot, o.SnapshotCompleted = "", false
	var set *position.Set
	if s.byGTID(&o) {
		stored, err := position.ParseSet(s.flavor, o.GTIDs)
		if err != nil {
			return nil, fmt.Errorf("reading the offset's GTID set: %w", err)
		}
		passed := s.gtids.Purged
		if s.cfg.Stream.NewChannelsLatest && !s.oldest { // sources that the offset does not know begin now
			passed = s.gtids.Executed
		}
		set = position.RestartSet(stored, passed, s.keep)
	}
	reader, err := binlog.Open(ctx, s.readerConfig(&o, set))
	if err != nil {
		return nil, err
	}
	tracker := binlog.TrackerConfig{Flavor: s.flavor, Offset: o, GTIDs: set, GTIDMode: s.gtids.Enabled, Checkpoint: o.Checkpoint}
	if s.cfg.Stream.GTIDFilterDML {
		tracker.KeepSource = s.keep
	}
	st := &stream{
		cfg: s.cfg, reader: reader, tracker: binlog.NewTracker(tracker), schema: s.schema, events: s.events, beat: s.beat,
		log: s.task.log, now: s.task.now, maps: map[*binlog.TableMap]*mapped{}, meters: s.task.meters, versions: s.flavor == position.MariaDB,
		relearn: &relearner{
			schema: s.schema, open: func(ctx context.Context) (*server.Conn, error) { return server.Connect(ctx, s.server) },
			strict: s.cfg.Stream.InconsistentSchema == "fail", maps: s.flavor == position.MySQL, lost: map[table.ID]*unparsed{},
		},
	}
	if s.cfg.Stream.FillRows {
		st.rest = &rest{server: s.server}
	}
	s.task.meters.connected.Store(true)
	s.task.meters.gtids.Store(s.gtids.Enabled)
	s.task.meters.without.Store(s.task.snapshot.Load() == nil)
	if st.again, err = s.cfg.processors(s.server, s.task.log); err != nil {
		_ = reader.Close() // nothing has been read
		return nil, err
	}
	if s.cfg.Events.Transactions {
		st.tx = &transaction{}
		st.tx.resume(o.Transaction)
		s.schema.place = func(name string) *event.Transaction { return st.tx.truncation(name, st.tracker) }
	}
	return st, nil
}

// byGTID says whether the binlog is read from an offset's GTIDs on. An offset without
// any does not tell which transactions precede it, unless none does.
func (s *session) byGTID(o *position.Offset) bool {
	return s.gtids.Enabled && (o.GTIDs != "" || s.oldest) && !s.cfg.Stream.IgnoreGTID
}

// reconnectWait is the longest wait before the reader connects again.
const reconnectWait = 5 * time.Second

func (s *session) readerConfig(o *position.Offset, set *position.Set) binlog.Config {
	server := s.server
	server.Session = nil // rows in the binlog are in UTC already
	return binlog.Config{
		Server: server, ServerID: s.cfg.Server.ServerID, GTIDs: set, File: o.File, Pos: o.Pos,
		Heartbeat: s.cfg.heartbeatPeriod(), Reconnect: s.cfg.Server.KeepAlive, Interval: min(s.cfg.Server.KeepAliveInterval, reconnectWait),
		AnnotateRows: s.cfg.Stream.IncludeQuery, NetWriteTimeout: s.cfg.Server.BinlogWriteTimeout, NetReadTimeout: s.cfg.Server.BinlogReadTimeout,
		Logger: s.task.log,
	}
}

// release closes everything. It may be called more than once.
func (s *session) release() {
	s.task.meters.started.Store(false)
	if s.conn != nil {
		_ = s.conn.Close() // nobody waits for an answer
		s.conn = nil
	}
	if s.closer != nil {
		if err := s.closer(); err != nil {
			s.task.log.Warn("closing the schema history failed", "error", err)
		}
		s.closer = nil
	}
	if s.beat != nil {
		s.beat.close()
	}
}

var _ snapshot.Schema = (*schema)(nil)
var _ connect.SourceTask = (*task)(nil)
