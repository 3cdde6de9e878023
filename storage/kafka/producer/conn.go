package producer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// broker is what the sender knows of a broker that leads partitions.
type broker struct {
	id    int32
	addr  string
	conn  *conn        // nil until there is something to send
	out   []*request   // on their way, oldest first
	ready []*partition // have something to send, perhaps

	failures  int // connections lost in a row without an answer
	notBefore time.Time
}

// free reports whether a request may be sent now.
func (b *broker) free(now time.Time, most int) bool {
	return len(b.ready) > 0 && len(b.out) < most && !now.Before(b.notBefore)
}

func (b *broker) close() {
	if b.conn != nil {
		close(b.conn.reqs)
		b.conn = nil
	}
}

// conn is a connection to a broker: a goroutine that dials and writes, and one
// that reads. Requests come back through the mailbox, answered, in the order in
// which they were sent; connDown is the last that it posts.
type conn struct {
	broker *broker
	addr   string
	mail   *mailbox
	conf   *sarama.Config
	cfg    *Config
	reqs   chan *request // closed to end the connection; has room for all that may be on their way

	mu      sync.Mutex
	waiting []sent        // requests written, oldest first; the reading side's deadline is that of the first
	idle    chan struct{} // one slot: all that was written has been answered
}

type sent struct {
	r  *request
	at time.Time
}

func (s *sender) connect(b *broker) *conn {
	c := &conn{broker: b, addr: b.addr, mail: s.p.mail, conf: s.cfg.Client.Config(), cfg: s.cfg, reqs: make(chan *request, s.cfg.MaxInFlight), idle: make(chan struct{}, 1)}
	s.p.wg.Add(1)
	go func() {
		defer s.p.wg.Done()
		c.mail.post(connDown{c, c.run(s.life)})
	}()
	return c
}

// run returns why the connection ended; nil when it was told to end.
func (c *conn) run(ctx context.Context) error {
	l, err := dial(ctx, c.conf, c.addr)
	if err != nil {
		return c.cfg.Advised(err)
	}
	defer l.close()
	defer context.AfterFunc(ctx, func() { _ = l.Conn.Close() })()
	_ = l.SetReadDeadline(time.Time{})
	enc, err := c.encoding(l)
	if err != nil {
		return err
	}
	readErr := make(chan error, 1)
	go func() { readErr <- c.read(l) }()
	err = c.write(ctx, l, enc, readErr)
	_ = l.Conn.Close()
	if errors.Is(err, errReader) {
		return <-readErr
	}
	<-readErr //nolint:errcheck // closing the connection ended it
	return err
}

func (c *conn) encoding(l *link) (*encoding, error) {
	codec, err := codecOf(c.cfg.Compression)
	if err != nil {
		return nil, err
	}
	if codec == codecZstd && l.version < zstdProduce {
		return nil, fmt.Errorf("compression.type: broker %s is too old for zstd", c.addr)
	}
	comp, err := newCompressor(codec, c.cfg.CompressionLevel)
	if err != nil {
		return nil, err
	}
	return &encoding{
		version: l.version, clientID: c.cfg.ClientID, transactionID: c.cfg.TransactionalID,
		timeoutMS: int32(c.cfg.RequestTimeout.Milliseconds()), codec: codec, comp: comp,
	}, nil
}

var (
	// errReader stands for the reading side's error, which is in its channel.
	errReader = errors.New("the reading side has ended")
	// errSessionOver says that the login is about to be over: all that was written has
	// been answered, and nothing more may be.
	errSessionOver = errors.New("the authenticated session is over")
)

// write sends requests until it is told to end, writing fails or the reading
// side has ended.
func (c *conn) write(ctx context.Context, l *link, enc *encoding, readErr chan error) error {
	for correlation := int32(1); ; correlation++ {
		select {
		case r, ok := <-c.reqs:
			if !ok {
				return nil
			}
			if !l.until.IsZero() && time.Now().After(l.until) {
				return c.lastAnswers(ctx, readErr)
			}
			if err := c.writeRequest(l, enc, r, correlation); err != nil {
				return err
			}
		case err := <-readErr:
			readErr <- err
			return errReader
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastAnswers waits for those that are due.
func (c *conn) lastAnswers(ctx context.Context, readErr chan error) error {
	for {
		c.mu.Lock()
		due := len(c.waiting)
		c.mu.Unlock()
		if due == 0 {
			return errSessionOver
		}
		select {
		case <-c.idle:
		case err := <-readErr:
			readErr <- err
			return errReader
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *conn) writeRequest(l *link, enc *encoding, r *request, correlation int32) error {
	if err := enc.encode(r, correlation); err != nil {
		return err
	}
	now := time.Now()
	c.mu.Lock()
	c.waiting = append(c.waiting, sent{r, now})
	if len(c.waiting) == 1 {
		_ = l.SetReadDeadline(now.Add(c.cfg.RequestTimeout))
	}
	c.mu.Unlock()
	r.written = true
	_ = l.SetWriteDeadline(now.Add(c.cfg.RequestTimeout))
	if err := r.writeTo(l.Conn); err != nil {
		return fmt.Errorf("writing to broker %s: %w", c.addr, err)
	}
	c.half(r)
	return nil
}

// half is called when a request is written and when it is answered; the later of
// the two, mostly the answer, gives it back to the sender.
func (c *conn) half(r *request) {
	c.mu.Lock()
	r.halves++
	whole := r.halves == 2
	c.mu.Unlock()
	if whole {
		c.mail.post(r)
	}
}

// coalesce is the size up to which a request is copied into one piece.
const coalesce = 16 << 10

func (r *request) writeTo(conn net.Conn) error {
	if len(r.parts) > 1 && len(r.scratch)+r.bytes <= coalesce {
		r.joined = r.joined[:0]
		for _, p := range r.parts {
			r.joined = append(r.joined, p...)
		}
		_, err := conn.Write(r.joined)
		return err
	}
	parts := r.parts // WriteTo consumes what it is called on
	_, err := parts.WriteTo(conn)
	return err
}

// read takes answers until the connection ends. It reads even when none is due,
// to notice that the broker has closed the connection.
func (c *conn) read(l *link) error {
	in := bufio.NewReaderSize(l.Conn, 4<<10)
	var body []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return fmt.Errorf("reading from broker %s: %w", c.addr, err)
		}
		size := int(binary.BigEndian.Uint32(head[:]))
		if size < 4 || size > responseLimit {
			return fmt.Errorf("reading from broker %s: an answer of %d bytes", c.addr, size)
		}
		if cap(body) < size {
			body = make([]byte, size)
		}
		body = body[:size]
		if _, err := io.ReadFull(in, body); err != nil {
			return fmt.Errorf("reading from broker %s: %w", c.addr, err)
		}
		r, ok := c.oldest()
		if !ok {
			return fmt.Errorf("reading from broker %s: an answer to no request", c.addr)
		}
		if err := r.decode(body[4:], r.version); err != nil {
			return fmt.Errorf("reading from broker %s: %w", c.addr, err)
		}
		c.answered(l)
		c.half(r)
	}
}

// oldest is the request that the next answer is for: a broker answers in order.
func (c *conn) oldest() (*request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil, false
	}
	return c.waiting[0].r, true
}

// answered takes the oldest request off the list and sets the deadline of the next.
func (c *conn) answered(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(c.waiting, c.waiting[1:])
	c.waiting[n] = sent{}
	c.waiting = c.waiting[:n]
	var deadline time.Time
	if n > 0 {
		deadline = c.waiting[0].at.Add(c.cfg.RequestTimeout)
	} else {
		select {
		case c.idle <- struct{}{}:
		default:
		}
	}
	_ = l.SetReadDeadline(deadline)
}

// onConnDown takes back what was on its way over a lost connection.
func (s *sender) onConnDown(e connDown, now time.Time) {
	b := e.c.broker
	if b.conn != e.c {
		return // it was told to end
	}
	b.conn = nil
	if errors.Is(e.err, errSessionOver) {
		s.goOn(b)
		return
	}
	if kafka.IsAuthentication(e.err) {
		s.failLogin(e.err)
		return
	}
	out := b.out
	b.out = nil
	if len(out) > 0 {
		b.failures++
		b.notBefore = now.Add(backoff(reconnectFirst, s.cfg.RetryBackoffMax, b.failures))
		s.meta.wanted = true // it may lead nothing any more
		if b.failures&(b.failures-1) == 0 {
			s.log.Warn("lost the connection to a broker", "broker", b.id, "address", b.addr, "failures", b.failures, "error", e.err)
		}
	}
	for _, r := range out {
		for _, batch := range r.batches {
			p := batch.part
			p.inFlight--
			s.flying--
			batch.maybeStored = batch.maybeStored || r.written
			s.retry(batch, e.err, now)
			s.settle(p)
			s.schedule(p)
		}
		s.freeRequest(r)
	}
}

// goOn sends by a new connection what the last one was given and has not written.
func (s *sender) goOn(b *broker) {
	if len(b.out) == 0 {
		return
	}
	b.conn = s.connect(b)
	for _, r := range b.out {
		r.conn = b.conn
		b.conn.reqs <- r
	}
}

// reconnectFirst is the first wait before a connection is tried again (reconnect.backoff.ms).
const reconnectFirst = 50 * time.Millisecond
