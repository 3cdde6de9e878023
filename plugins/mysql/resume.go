package mysql

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
)

// resumePhase goes on with a snapshot that was interrupted. Its view of the tables
// is gone, and they have changed since: so the binlog is read from the snapshot's
// position up to that of a new view, and then the rest of the tables from that
// view. No older value of a row follows a newer one, as all that comes before the
// rows is older than the view. (DESIGN.md)
//
// The view is taken when the stream has come close to the present, because a
// server pays for a view as long as it is kept.
type resumePhase struct {
	*session
	stream *stream
	reader *snapshot.Reader
	until  position.Offset // where the stream ends
	set    *position.Set   // what the server has executed there; nil to go by file and position
	viewed bool            // until is the position of the view
	handed bool            // the session belongs to the next phase
}

// canResume says why an interrupted snapshot cannot go on where it was, "" if it can.
func (s *session) canResume(ctx context.Context, o *position.Offset) (string, error) {
	if o.Checkpoint == nil {
		return "its offset does not say how far it was", nil
	}
	if !s.mode.Stream {
		return "snapshot.mode=" + s.mode.Name + " does not read the binlog", nil
	}
	if exists, err := s.schema.history.Exists(ctx); err != nil {
		return "", err
	} else if !exists {
		return "the schema history (" + s.cfg.History.place() + ") is missing or empty", nil
	}
	return s.positionLost(ctx, o)
}

// resumeSnapshot goes on with the snapshot of an offset.
func (s *session) resumeSnapshot(ctx context.Context, offset map[string]any, o *position.Offset) (phase, error) {
	if err := s.recoverHistory(ctx, offset); err != nil {
		return nil, err
	}
	reader, err := s.newSnapshot(ctx, nil, o.Checkpoint)
	if err != nil {
		return nil, err
	}
	p := &resumePhase{session: s, reader: reader}
	if p.stream, err = s.newStream(ctx, *o); err != nil {
		return nil, err
	}
	st, err := s.conn.BinlogStatus(ctx)
	if err != nil {
		p.close()
		return nil, err
	}
	if err := p.target(position.Offset{File: st.File, Pos: st.Pos, GTIDs: st.GTIDs}); err != nil {
		p.close()
		return nil, err
	}
	s.task.log.Info("the interrupted snapshot goes on", "tables done", len(o.Checkpoint.Done), "table", o.Checkpoint.Table, "rows", o.Checkpoint.Total,
		"binlog is read up to", fmt.Sprintf("%s:%d", st.File, st.Pos))
	return p, nil
}

// target sets where the stream ends.
func (p *resumePhase) target(o position.Offset) (err error) {
	p.until, p.set = o, nil
	if p.gtids.Enabled && o.GTIDs != "" {
		if p.set, err = position.ParseSet(p.flavor, o.GTIDs); err != nil {
			return fmt.Errorf("reading the server's GTID set: %w", err)
		}
	}
	return nil
}

func (p *resumePhase) fill(ctx context.Context, b *connect.Batch) (phase, error) {
	for !b.Full() {
		if p.stream.tracker.Reached(&p.until, p.set) {
			if p.viewed {
				p.handed = true
				return &snapshotPhase{session: p.session, reader: p.reader}, nil
			}
			if err := p.view(ctx); err != nil {
				return p, err
			}
			continue
		}
		if len(b.Records) > 0 && !p.stream.reader.Buffered() {
			return p, nil
		}
		if err := p.stream.next(ctx, b); err != nil {
			return p, err
		}
	}
	return p, nil
}

// view takes the view that the rest of the rows is read from.
func (p *resumePhase) view(ctx context.Context) error {
	if err := p.reader.Begin(ctx); err != nil {
		return err
	}
	p.viewed = true
	return p.target(p.reader.Position())
}

func (p *resumePhase) close() {
	if p.stream != nil {
		_ = p.stream.close() // what matters has been read
	}
	if !p.handed {
		p.reader.Close()
		p.session.release()
	}
}

// Progress says how far the task's snapshot is.
func (t *task) Progress() (connect.Progress, bool) {
	if r := t.snapshot.Load(); r != nil {
		return r.Progress()
	}
	return connect.Progress{}, false
}

var _ connect.ProgressReporter = (*task)(nil)
