package server

import (
	"context"
	"fmt"
	"io"
)

// Peek returns the beginning of the next packet without taking it: n bytes, or
// the whole packet when it is shorter. size is the packet's length, or 16 MiB - 1
// when it is longer than that. The bytes are valid until the next call.
func (c *Conn) Peek(ctx context.Context, n int) (head []byte, size int, err error) {
	if c.broken != nil {
		return nil, 0, c.broken
	}
	return c.wire.peek(ctx, n)
}

func (w *wire) peek(ctx context.Context, n int) (head []byte, size int, err error) {
	need := headerSize
	for {
		for w.w-w.r < need {
			if err := w.fill(ctx, need); err != nil {
				return nil, 0, err
			}
		}
		h := w.buf[w.r:]
		size = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		if need = headerSize + min(n, size); w.w-w.r >= need {
			return w.buf[w.r+headerSize : w.r+need : w.r+need], size, nil
		}
	}
}

// Stream reads the payload of one packet piece by piece, for packets that are
// too long to have in memory. Until it has returned io.EOF, nothing else can be
// read from the connection. An error of its context can be gone on from.
type Stream struct {
	wire *wire
	ctx  context.Context
	left int  // of the part that is being read
	more bool // another part follows
}

// Stream begins to read the next packet piece by piece.
func (c *Conn) Stream() *Stream { return &Stream{wire: c.wire, more: true} }

// Use makes reads that follow end with ctx.
func (s *Stream) Use(ctx context.Context) { s.ctx = ctx }

// Buffered reports whether Read can return something without waiting.
func (s *Stream) Buffered() bool { return s.wire.w > s.wire.r }

// Read reads up to len(p) bytes of the payload.
func (s *Stream) Read(p []byte) (int, error) {
	for s.left == 0 {
		if !s.more {
			return 0, io.EOF
		}
		if err := s.part(); err != nil {
			return 0, err
		}
	}
	w := s.wire
	if w.r == w.w {
		if err := w.fill(s.ctx, 1); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.buf[w.r:min(w.w, w.r+s.left)])
	w.r += n
	s.left -= n
	return n, nil
}

// part reads the header of the packet's next part.
func (s *Stream) part() error {
	w := s.wire
	if err := w.fill(s.ctx, headerSize); err != nil {
		return err
	}
	h := w.buf[w.r : w.r+headerSize]
	if h[3] != w.seq {
		return &Error{Kind: KindProtocol, Message: fmt.Sprintf("packet %d of the server arrived where packet %d belongs", h[3], w.seq)}
	}
	s.left = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	s.more = s.left == maxPayload
	w.seq++
	w.r += headerSize
	return nil
}
