package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	headerSize = 4
	maxPayload = 1<<24 - 1 // a packet of this size is continued by the next one
	// firstBuffer is what a connection reads into that has not had much to read yet.
	firstBuffer = 16 << 10
	// keepBuffer is how large the buffer may stay when a long packet has passed.
	keepBuffer = 1 << 20
)

// wire cuts the byte stream of a connection into packets. Reading can be
// interrupted by a context at any byte and continued later.
type wire struct {
	conn    net.Conn
	seq     uint8
	silence time.Duration // longest wait for bytes; 0 for no limit

	buf    []byte
	usual  int  // size that buf grows to when much comes in at once
	filled bool // the last read has filled it
	r, w   int  // buf[r:w] is read but not handed out
	// A packet that continues in the next one is put together in place: join
	// bytes of payload already stand at buf[r+headerSize:].
	join int

	watched context.Context
	unwatch func()
}

func newWire(conn net.Conn, size int, silence time.Duration) *wire {
	return &wire{conn: conn, buf: make([]byte, min(size, firstBuffer)), usual: size, silence: silence}
}

// next returns the payload of the next packet, valid until the following call.
func (w *wire) next(ctx context.Context) ([]byte, error) {
	for {
		p, need, err := w.cut()
		if p != nil || err != nil {
			return p, err
		}
		if err := w.fill(ctx, need); err != nil {
			return nil, err
		}
	}
}

// cut takes one whole packet from the buffer. When there is none it returns nil
// and how many bytes must stand in the buffer, from w.r on, to go on.
func (w *wire) cut() (packet []byte, need int, err error) {
	for {
		at := w.r + w.join // where the header stands, but for the first one's 4 bytes
		if w.join > 0 {
			at += headerSize
		}
		if w.w-at < headerSize {
			return nil, at - w.r + headerSize, nil
		}
		h := w.buf[at : at+headerSize]
		n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		end := at + headerSize + n
		if w.w < end {
			return nil, end - w.r, nil
		}
		if h[3] != w.seq {
			return nil, 0, &Error{Kind: KindProtocol, Message: fmt.Sprintf("packet %d of the server arrived where packet %d belongs", h[3], w.seq)}
		}
		w.seq++
		if w.join > 0 {
			copy(w.buf[at:], w.buf[at+headerSize:w.w])
			w.w -= headerSize
			end -= headerSize
		}
		w.join += n
		if n < maxPayload {
			packet = w.buf[w.r+headerSize : end : end]
			w.r, w.join = end, 0
			return packet, 0, nil
		}
	}
}

// buffered reports whether next can return a packet without reading.
func (w *wire) buffered() bool {
	if w.join > 0 || w.w-w.r < headerSize {
		return false
	}
	h := w.buf[w.r:]
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	return n < maxPayload && w.w-w.r >= headerSize+n
}

// fill reads until need bytes stand in the buffer from w.r on.
func (w *wire) fill(ctx context.Context, need int) error {
	w.makeRoom(need)
	w.watch(ctx)
	for w.w-w.r < need {
		if w.silence > 0 {
			if err := w.conn.SetReadDeadline(time.Now().Add(w.silence)); err != nil {
				return err
			}
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := w.conn.Read(w.buf[w.w:])
		w.w += n
		w.filled = w.w == len(w.buf)
		if n == 0 && err != nil {
			return w.readError(ctx, err)
		}
	}
	return nil
}

func (w *wire) readError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &Error{Kind: KindSilent, Message: fmt.Sprintf("the server has sent nothing for %s", w.silence), Err: err}
	}
	if errors.Is(err, io.EOF) {
		// Never io.EOF, which means the end of a result.
		return &Error{Kind: KindLost, Message: "the server closed the connection", Err: io.ErrUnexpectedEOF}
	}
	return &Error{Kind: KindLost, Message: "the connection to the server broke", Err: err}
}

// makeRoom moves what is left to the start of the buffer, which grows to its usual
// size when reads fill it, and beyond for a long packet; after that it shrinks.
func (w *wire) makeRoom(need int) {
	left := w.w - w.r
	switch {
	case need > len(w.buf):
		size := max(2*len(w.buf), need)
		if need > keepBuffer {
			size = need + need/2
		}
		w.replace(size)
	case w.filled && len(w.buf) < w.usual:
		w.filled = false
		w.replace(min(4*len(w.buf), w.usual))
	case len(w.buf) > keepBuffer && need <= keepBuffer/2 && left <= keepBuffer/2:
		w.replace(keepBuffer / 2)
	case w.r > 0 && (len(w.buf)-w.r < need || left == 0):
		copy(w.buf, w.buf[w.r:w.w])
		w.r, w.w = 0, left
	}
}

func (w *wire) replace(size int) {
	b := make([]byte, size)
	w.w = copy(b, w.buf[w.r:w.w])
	w.r, w.buf = 0, b
}

// watch makes the end of ctx interrupt a read in progress.
func (w *wire) watch(ctx context.Context) {
	if w.watched == ctx {
		return
	}
	w.release()
	w.watched = ctx
	if ctx.Done() != nil {
		w.unwatch = interruptWith(ctx, w.conn)
	}
}

// release stops watching a context; its end must not disturb what follows.
func (w *wire) release() {
	if w.unwatch != nil {
		w.unwatch()
	}
	w.watched, w.unwatch = nil, nil
}

// interruptWith makes the end of ctx fail what conn is doing. The returned
// function ends that, and undoes it when it has happened.
func interruptWith(ctx context.Context, conn net.Conn) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0))
		close(done)
	})
	return func() {
		if !stop() {
			<-done
			_ = conn.SetDeadline(time.Time{})
		}
	}
}

// command sends a command packet and expects its answer next.
func (w *wire) command(ctx context.Context, code byte, arg []byte) error {
	w.watch(ctx)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	payload := append([]byte{code}, arg...)
	packets := make([]byte, 0, len(payload)+2*headerSize)
	w.seq = 0
	for {
		n := min(len(payload), maxPayload)
		packets = append(packets, byte(n), byte(n>>8), byte(n>>16), w.seq)
		packets = append(packets, payload[:n]...)
		w.seq++
		if payload = payload[n:]; n < maxPayload {
			break
		}
	}
	if _, err := w.conn.Write(packets); err != nil {
		return w.readError(ctx, err)
	}
	return nil
}
