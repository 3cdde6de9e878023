package binlog

import (
	"math/bits"

	"github.com/millrace/millrace/plugins/mysql/position"
)

// decode reads a GTID or ANONYMOUS_GTID event of MySQL.
func (g *GTID) decode(body []byte, anonymous bool) bool {
	*g = GTID{Anonymous: anonymous}
	c := cursor{b: body}
	c.skip(1) // flags
	copy(g.UUID[:], c.take(len(g.UUID)))
	g.N = int64(c.u64())
	ok := !c.bad
	if c.u8() != 2 || c.bad { // no logical clock: before MySQL 5.7
		return ok
	}
	c.skip(16) // last_committed, sequence_number
	const hasOriginal = 1 << 55
	if len(c.b) < 7 { // before MySQL 8.0
		return !c.bad
	}
	g.ImmediateCommit = c.uint(7)
	g.OriginalCommit = g.ImmediateCommit &^ hasOriginal
	if g.ImmediateCommit&hasOriginal != 0 {
		g.ImmediateCommit &^= hasOriginal
		g.OriginalCommit = c.uint(7)
	}
	return !c.bad
}

// Fields of a tagged GTID event, which is in the format of MySQL's serialization
// library: a version, the size, the last field that a reader must know, and then
// each field with its number.
const (
	taggedFlags = iota
	taggedUUID
	taggedN
	taggedTag
	taggedLastCommitted
	taggedSequence
	taggedImmediateCommit
	taggedOriginalCommit
	taggedLength
	taggedImmediateVersion
	taggedOriginalVersion
	taggedTicket
)

// decodeTagged reads a GTID_TAGGED event. Tags repeat from one transaction to
// the next, so that the one in g is kept when it is the same.
func (g *GTID) decodeTagged(body []byte) bool {
	tag := g.Tag
	*g = GTID{}
	c := cursor{b: body}
	if version := c.varlen(); version > 1 {
		return false
	}
	c.varlen()
	last := c.varlen()
	for len(c.b) > 0 && !c.bad {
		switch field := c.varlen(); field {
		case taggedFlags:
			c.fixlen(1, nil)
		case taggedUUID:
			c.fixlen(len(g.UUID), g.UUID[:])
		case taggedN:
			g.N = c.signedVarlen()
		case taggedTag:
			if p := c.take(int(c.varlen() & 0xff)); string(p) != tag {
				tag = string(p)
			}
			g.Tag = tag
		case taggedImmediateCommit:
			g.ImmediateCommit = c.varlen()
		case taggedOriginalCommit:
			g.OriginalCommit = c.varlen()
		case taggedLastCommitted, taggedSequence, taggedLength, taggedImmediateVersion, taggedOriginalVersion, taggedTicket:
			c.varlen()
		default:
			return field > last && !c.bad // a later server's addition that may be ignored
		}
	}
	if g.OriginalCommit == 0 {
		g.OriginalCommit = g.ImmediateCommit
	}
	return !c.bad && g.N > 0
}

// varlen reads an integer whose length is the number of trailing one bits of its
// first byte, plus one.
func (c *cursor) varlen() uint64 {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	n := bits.TrailingZeros8(^c.b[0]) + 1
	v := c.uint(min(n, 8))
	switch n {
	case 8:
		return v >> 8
	case 9: // the first byte is all ones; the other eight are the number
		return v>>8 | uint64(c.u8())<<56
	}
	return v >> n
}

// signedVarlen reads a signed integer: the sign is the lowest bit.
func (c *cursor) signedVarlen() int64 {
	v := c.varlen()
	if v&1 != 0 {
		return -int64(v>>1) - 1
	}
	return int64(v >> 1)
}

// fixlen reads n bytes, each stored as a varlen integer, into dst unless it is nil.
func (c *cursor) fixlen(n int, dst []byte) {
	for i := range n {
		if v := c.varlen(); dst != nil {
			dst[i] = byte(v)
		}
	}
}

// Flags of MariaDB's GTID event.
const mariaDBStandalone = 1

// decodeMariaDB reads MariaDB's GTID event. The server id is in its header.
func (g *GTID) decodeMariaDB(body []byte, serverID uint32) bool {
	c := cursor{b: body}
	*g = GTID{GTID: position.GTID{Flavor: position.MariaDB, Server: serverID}}
	g.N = int64(c.u64())
	g.Domain = c.u32()
	g.Standalone = c.u8()&mariaDBStandalone != 0
	return !c.bad
}
