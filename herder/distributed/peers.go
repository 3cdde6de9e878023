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

// gone reports whether a former member will not come back. One whose id was not
// heard before it died is known by its address.
func (c *Core) gone(member string) bool {
	p, known := c.peers[member]
	if !known {
		p = c.peers[c.former[member]]
	}
	return p.Gone
}

// remember keeps the addresses of those who were in the last round or whose work
// still waits.
func (c *Core) remember() {
	former := c.urls
	for _, m := range c.assignor.Waiting() {
		if url := c.former[m]; url != "" {
			former[m] = url
		}
	}
	c.former = former
}

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
