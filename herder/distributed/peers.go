package distributed

import (
	"log/slog"

	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/herder/group"
)

// What gossip says may only move work earlier that Kafka has already taken from
// its owner, and choose among equals. A member that Kafka lists keeps its work,
// whatever gossip says of it.

// peersChanged takes what gossip knows. A leader asks for a round when work
// waits for a member that turns out to be gone.
func (c *Core) peersChanged(peers map[string]gossip.Peer) {
	c.peers = peers
	if !c.leading() || c.division == nil || c.protocol == group.Eager {
		return
	}
	for _, member := range c.assignor.Waiting() {
		if c.gone(member) {
			c.log(slog.LevelInfo, "work waits for a worker that has gone, by gossip: it is handed out now", "member", member)
			c.rejoin = true
			return
		}
	}
}

func (c *Core) gone(member string) bool { return c.peers[member].Gone }

// loads gives how busy members are. Unless all of them gossip, as when a Java
// worker is among them, they count as equal.
func (c *Core) loads(members []group.Applicant) map[string]int {
	out := map[string]int{}
	for _, m := range members {
		p, known := c.peers[m.ID]
		if !known {
			return nil
		}
		out[m.ID] = p.Load
	}
	return out
}
