package binlog

import (
	"bytes"
	"encoding/binary"
)

// cursor reads the fields of an event one after the other. Reading past the end
// gives zeros and sets bad, which is looked at once, after the last field.
type cursor struct {
	b   []byte
	bad bool
}

// take returns the next n bytes in place.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		c.b = nil
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) skip(n int) { c.take(n) }

// uint reads a little-endian number of n bytes.
func (c *cursor) uint(n int) uint64 {
	var v uint64
	for i, b := range c.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

func (c *cursor) u8() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// lengthEncoded reads the protocol's length-encoded integer.
func (c *cursor) lengthEncoded() uint64 {
	switch b := c.u8(); {
	case b < 0xfb:
		return uint64(b)
	case b == 0xfc:
		return uint64(c.u16())
	case b == 0xfd:
		return c.uint(3)
	case b == 0xfe:
		return c.u64()
	}
	c.bad = true
	return 0
}

// block reads a length-encoded length and that many bytes.
func (c *cursor) block() []byte {
	n := c.lengthEncoded()
	if n > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	return c.take(int(n))
}

// short reads a length of one byte and that many bytes.
func (c *cursor) short() []byte { return c.take(int(c.u8())) }

// untilZero reads up to a zero byte and skips it.
func (c *cursor) untilZero() []byte {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.bad = true
		return nil
	}
	p := c.take(i)
	c.skip(1)
	return p
}

func (c *cursor) rest() []byte { return c.take(len(c.b)) }
