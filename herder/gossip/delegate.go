package gossip

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls, from goroutines of its own.
type delegate struct{ *Gossip }

// NodeMeta implements memberlist.Delegate: states carry everything.
func (delegate) NodeMeta(int) []byte { return nil }

// NotifyMsg takes a state, which it passes on if it was news.
func (d delegate) NotifyMsg(b []byte) {
	s, err := Decode(b)
	if err != nil {
		d.log.Warn("a gossip message cannot be understood", "error", err)
		return
	}
	d.hear(s)
}

// GetBroadcasts implements memberlist.Delegate.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

// LocalState gives all states when two processes compare what they know.
func (d delegate) LocalState(bool) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := json.Marshal(d.book.States())
	if err != nil {
		panic(err) // structs of plain values
	}
	return b
}

// MergeRemoteState takes what LocalState gave elsewhere.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	var states []json.RawMessage
	if err := json.Unmarshal(b, &states); err != nil {
		d.log.Warn("what another worker knows by gossip cannot be understood", "error", err)
		return
	}
	for _, raw := range states {
		d.NotifyMsg(raw)
	}
}

// NotifyJoin implements memberlist.EventDelegate.
func (d delegate) NotifyJoin(n *memberlist.Node) {
	d.change(func(b *Book) bool { return b.Alive(n.Name, time.Now()) })
	if n.Name != d.process {
		d.log.Info("another worker is heard by gossip", "process", n.Name, "address", n.Address())
	}
}

// NotifyLeave implements memberlist.EventDelegate.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	var left bool
	d.change(func(b *Book) bool {
		left = b.worker(n.Name).Left
		return b.Dead(n.Name, time.Now())
	})
	switch {
	case n.Name == d.process:
	case left:
		d.log.Info("another worker has left", "process", n.Name)
	default:
		d.log.Warn("another worker does not answer by gossip; its work moves once Kafka's group has dropped it", "process", n.Name, "address", n.Address())
	}
}

// NotifyUpdate implements memberlist.EventDelegate.
func (delegate) NotifyUpdate(*memberlist.Node) {}

// news is a state on its way; a newer one of the same process takes its place.
type news struct {
	process string
	message []byte
}

// Invalidates implements memberlist.Broadcast.
func (n news) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(news)
	return ok && o.process == n.process
}

// Message implements memberlist.Broadcast.
func (n news) Message() []byte { return n.message }

// Finished implements memberlist.Broadcast.
func (news) Finished() {}

// logWriter turns memberlist's lines, such as "2026/01/31 12:00:00 [WARN]
// memberlist: text", into records of our log.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	text := bytes.TrimSpace(line)
	if at := bytes.IndexByte(text, '['); at > 0 {
		text = text[at:]
	}
	level := slog.LevelDebug // "[DEBUG]", and what is normal at a dead worker: "[INFO]"
	for mark, l := range map[string]slog.Level{"[WARN] ": slog.LevelWarn, "[ERR] ": slog.LevelError} {
		if rest, ok := bytes.CutPrefix(text, []byte(mark)); ok {
			level, text = l, rest
		}
	}
	w.log.Log(context.Background(), level, string(text))
	return len(line), nil
}
