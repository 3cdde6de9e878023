package mysql

import (
	"context"
	"errors"
	"fmt"
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
		if ignore, err = s.task.product.ddlFilter(list); err != nil {
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
