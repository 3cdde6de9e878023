package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Column describes one column of a result.
type Column struct {
	Schema, Table, Name string
	Collation           uint16
	Length              uint32
	Type                byte // the protocol's type code
	Flags               uint16
	Decimals            byte
}

const (
	comQuery = 0x03

	packetOK     = 0x00
	packetInfile = 0xfb
	packetEOF    = 0xfe
	packetError  = 0xff
	textNull     = 0xfb
)

// Exec runs a statement and throws away what it returns.
func (c *Conn) Exec(ctx context.Context, statement string) error {
	rows, err := c.Query(ctx, statement)
	if err != nil {
		return err
	}
	for {
		if _, err := rows.Next(ctx); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Rows is the result of a query, one raw row at a time. Until Next has returned
// an error the connection cannot be used for anything else.
type Rows struct {
	Columns   []Column
	conn      *Conn
	statement string
	done      bool
}

// Query runs a statement. Statements without a result give Rows without rows.
func (c *Conn) Query(ctx context.Context, statement string) (*Rows, error) {
	if err := c.Command(ctx, comQuery, []byte(statement)); err != nil {
		return nil, err
	}
	p, err := c.ReadPacket(ctx)
	if err != nil {
		return nil, c.failed(err)
	}
	r := &Rows{conn: c, statement: statement}
	switch {
	case len(p) == 0 || p[0] == packetInfile:
		return nil, c.failed(malformed("an answer to a query"))
	case p[0] == packetOK:
		r.done = true
		return r, nil
	case p[0] == packetError:
		return nil, queryError(statement, parseError(p))
	}
	n, _, ok := lengthEncoded(p)
	if !ok || n == 0 || n > 4096 {
		return nil, c.failed(malformed("a column count"))
	}
	return r, c.failed(r.readColumns(ctx, int(n)))
}

func (r *Rows) readColumns(ctx context.Context, n int) error {
	r.Columns = make([]Column, n)
	for i := range r.Columns {
		p, err := r.conn.ReadPacket(ctx)
		if err != nil {
			return err
		}
		if err := r.Columns[i].parse(p); err != nil {
			return err
		}
	}
	p, err := r.conn.ReadPacket(ctx)
	if err == nil && !isEOF(p) {
		err = malformed("the end of the columns")
	}
	return err
}

func (c *Column) parse(p []byte) error {
	var s [6][]byte
	for i := range s {
		var null, ok bool
		if s[i], null, p, ok = textField(p); !ok || null {
			return malformed("a column definition")
		}
	}
	if len(p) < 13 {
		return malformed("a column definition")
	}
	c.Schema, c.Table, c.Name = string(s[1]), string(s[2]), string(s[4])
	c.Collation = binary.LittleEndian.Uint16(p[1:])
	c.Length = binary.LittleEndian.Uint32(p[3:])
	c.Type = p[7]
	c.Flags = binary.LittleEndian.Uint16(p[8:])
	c.Decimals = p[10]
	return nil
}

// Next returns the next row as the server sent it: one length-encoded text per
// column, 0xfb for NULL (see Field). It is valid until the next call. At the end
// it returns io.EOF.
func (r *Rows) Next(ctx context.Context) ([]byte, error) {
	if r.done {
		return nil, io.EOF
	}
	p, err := r.conn.ReadPacket(ctx)
	if err != nil {
		return nil, r.conn.failed(fmt.Errorf("reading the rows of %s: %w", shorten(r.statement), err))
	}
	switch {
	case len(p) == 0:
		return nil, r.conn.failed(malformed("a row"))
	case isEOF(p):
		r.done = true
		return nil, io.EOF
	case p[0] == packetError:
		r.done = true
		return nil, queryError(r.statement, parseError(p))
	}
	return p, nil
}

// Buffered reports whether Next can return without waiting for the server.
func (r *Rows) Buffered() bool { return r.done || r.conn.Buffered() }

// Field cuts the first column from a row. ok is false when the row is malformed.
func Field(row []byte) (value []byte, null bool, rest []byte, ok bool) { return textField(row) }

func textField(p []byte) (value []byte, null bool, rest []byte, ok bool) {
	if len(p) == 0 {
		return nil, false, nil, false
	}
	if n := int(p[0]); n < textNull {
		if len(p) <= n {
			return nil, false, nil, false
		}
		return p[1 : 1+n : 1+n], false, p[1+n:], true
	}
	if p[0] == textNull {
		return nil, true, p[1:], true
	}
	n, size, ok := lengthEncoded(p)
	if !ok || n > uint64(len(p)-size) {
		return nil, false, nil, false
	}
	end := size + int(n)
	return p[size:end:end], false, p[end:], true
}

// lengthEncoded reads the protocol's length-encoded integer and its size.
func lengthEncoded(p []byte) (n uint64, size int, ok bool) {
	if len(p) == 0 {
		return 0, 0, false
	}
	switch b := p[0]; {
	case b < 0xfb:
		return uint64(b), 1, true
	case b == 0xfc && len(p) >= 3:
		return uint64(binary.LittleEndian.Uint16(p[1:])), 3, true
	case b == 0xfd && len(p) >= 4:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4, true
	case b == 0xfe && len(p) >= 9:
		return binary.LittleEndian.Uint64(p[1:]), 9, true
	}
	return 0, 0, false
}

func isEOF(p []byte) bool { return len(p) > 0 && len(p) < 9 && p[0] == packetEOF }

func malformed(what string) error {
	return &Error{Kind: KindProtocol, Message: "the server sent " + what + " that cannot be read"}
}

// Text is one value of a small result.
type Text struct {
	String string
	Null   bool
}

// All runs a query and returns its rows. It is for small results.
func (c *Conn) All(ctx context.Context, statement string) ([][]Text, error) {
	rows, err := c.Query(ctx, statement)
	if err != nil {
		return nil, err
	}
	var out [][]Text
	for {
		p, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		row := make([]Text, len(rows.Columns))
		for i := range row {
			v, null, rest, ok := textField(p)
			if !ok {
				return nil, c.failed(malformed("a row"))
			}
			row[i], p = Text{string(v), null}, rest
		}
		out = append(out, row)
	}
}

// one returns the columns of the first row of a query, nil when there is none.
func (c *Conn) one(ctx context.Context, statement string) ([]Text, error) {
	rows, err := c.All(ctx, statement)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}
