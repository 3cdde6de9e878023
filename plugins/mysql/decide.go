package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/plugins/mysql/history"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

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
