package mysql

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/server"
)

// heartbeat adds a record now and then, so that offsets move on while no
// captured table changes (heartbeat.interval.ms). The zero interval is off.
type heartbeat struct {
	interval time.Duration
	query    string // heartbeat.action.query
	server   server.Config
	events   *event.Builder
	log      *slog.Logger

	last time.Time
	conn *server.Conn // for the query; nil until needed
}

// due adds a heartbeat when the interval is over.
func (h *heartbeat) due(ctx context.Context, b *connect.Batch, now time.Time, offset func() connect.Offset) error {
	if h.interval == 0 || now.Sub(h.last) < h.interval {
		return nil
	}
	if !h.last.IsZero() {
		h.act(ctx)
		h.events.Heartbeat(b, offset())
	}
	h.last = now
	return nil
}

// always adds a heartbeat whatever the time, as after a snapshot.
func (h *heartbeat) always(b *connect.Batch, now time.Time, offset connect.Offset) {
	if h.interval > 0 {
		h.events.Heartbeat(b, offset)
		h.last = now
	}
}

// act runs the action query over a connection of its own. A failure is logged
// and does not end the task: the next heartbeat tries again.
func (h *heartbeat) act(ctx context.Context) {
	if h.query == "" {
		return
	}
	err := h.run(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	h.log.Warn("heartbeat.action.query failed", "error", err)
	h.close()
}

func (h *heartbeat) run(ctx context.Context) (err error) {
	if h.conn == nil {
		if h.conn, err = server.Connect(ctx, h.server); err != nil {
			return err
		}
	}
	return h.conn.Exec(ctx, h.query)
}

func (h *heartbeat) close() {
	if h.conn != nil {
		_ = h.conn.Close() // nothing is waiting for its answer
		h.conn = nil
	}
}
