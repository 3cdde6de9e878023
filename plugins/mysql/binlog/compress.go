package binlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/millrace/millrace/plugins/mysql/server"
)

// maxEvent is the largest event that a server can send (max_allowed_packet is
// at most 1 GiB).
const maxEvent = 1 << 30

// maxWindow is the largest window that zstd's own levels use.
const maxWindow = 128 << 20

// payload reads the events of a TRANSACTION_PAYLOAD event one at a time. Memory
// is that of the decoder's window and of the longest event.
type payload struct {
	active bool
	header Header // of the payload event
	src    bytes.Reader
	packet *server.Stream // where the compressed bytes come from; nil when src has them
	lost   error          // why packet could not be read
	limit  io.LimitedReader
	zstd   *zstd.Decoder
	stream io.Reader
	event  []byte
	// The next event's header is read ahead where Buffered asks whether there is
	// one; ahead says that head and headErr hold what came of it.
	ahead   bool
	head    [headerSize]byte
	headErr error
}

// Fields of a TRANSACTION_PAYLOAD event, and its compression types.
const (
	payloadEnd         = 0
	payloadSize        = 1
	payloadCompression = 2
	compressionZstd    = 0
	compressionNone    = 255
)

// payloadHeader is what a TRANSACTION_PAYLOAD event says before its payload.
type payloadHeader struct {
	compression uint64
	size        uint64 // 0 when it does not say
}

func (h *payloadHeader) decode(c *cursor) error {
	*h = payloadHeader{compression: compressionNone}
	for {
		kind := c.lengthEncoded()
		if c.bad {
			return errTruncated
		}
		if kind == payloadEnd {
			return nil
		}
		f := cursor{b: c.block()}
		switch kind {
		case payloadCompression:
			h.compression = f.lengthEncoded()
		case payloadSize:
			h.size = f.lengthEncoded()
		}
		c.bad = c.bad || f.bad
	}
}

// begin prepares to read the events inside body, which must stay unchanged until
// they have been read.
func (p *payload) begin(h Header, body []byte) error {
	c := cursor{b: body}
	var head payloadHeader
	if err := head.decode(&c); err != nil {
		return err
	}
	p.header, p.packet, p.lost = h, nil, nil
	p.src.Reset(c.rest())
	return p.decompress(head.compression, &p.src)
}

// beginStream prepares to read the events of a payload event that is not in
// memory as a whole. body is the beginning of the event's body, before is what
// comes before it in the packet.
func (p *payload) beginStream(h Header, body []byte, before int, packet *server.Stream) error {
	c := cursor{b: body}
	var head payloadHeader
	p.header, p.packet, p.lost = h, packet, nil
	err := head.decode(&c)
	if err == nil && head.size == 0 {
		err = errTruncated
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, p, int64(before+len(body)-len(c.b)))
	}
	if err != nil {
		return err
	}
	p.limit = io.LimitedReader{R: p, N: int64(min(head.size, maxEvent))}
	return p.decompress(head.compression, &p.limit)
}

// Read reads the packet and remembers why it could not: a decoder does not tell.
func (p *payload) Read(b []byte) (int, error) {
	n, err := p.packet.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.lost = err
	}
	return n, err
}

// end leaves the payload; what remains of its packet is thrown away.
func (p *payload) end() {
	p.active = false
	if p.packet != nil && p.lost == nil {
		_, _ = io.Copy(io.Discard, p) // a failure is in p.lost
	}
}

func (p *payload) decompress(compression uint64, from io.Reader) error {
	p.ahead = false
	switch compression {
	case compressionNone:
		p.stream = from
	case compressionZstd:
		if err := p.beginZstd(from); err != nil {
			return err
		}
	default:
		return fmt.Errorf("it is compressed by an unknown method (%d)", compression)
	}
	p.active = true
	return nil
}

func (p *payload) beginZstd(from io.Reader) error {
	if p.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		p.zstd = d
	}
	p.stream = p.zstd
	return p.zstd.Reset(from)
}

// next returns the next event, header included; nil at the end of the payload.
// After an error, lost says whether it was the connection's.
func (p *payload) next() ([]byte, error) {
	b, err := p.read()
	if b == nil || err != nil {
		p.end()
	}
	if p.lost != nil {
		err = p.lost
	}
	return b, err
}

// buffered reports whether next has an event, or an error, without waiting for
// the server.
func (p *payload) buffered() bool {
	if p.packet != nil && p.limit.N > 0 {
		return p.packet.Buffered()
	}
	p.readHeader() // of what is in memory
	return !errors.Is(p.headErr, io.EOF)
}

func (p *payload) readHeader() {
	if !p.ahead {
		_, p.headErr = io.ReadFull(p.stream, p.head[:])
		p.ahead = true
	}
}

func (p *payload) read() ([]byte, error) {
	p.readHeader()
	p.ahead = false
	if errors.Is(p.headErr, io.EOF) {
		return nil, nil
	} else if p.headErr != nil {
		return nil, fmt.Errorf("decompressing the transaction: %w", p.headErr)
	}
	c := cursor{b: p.head[sizeOffset:]}
	size := int(c.u32())
	if size < headerSize || size > maxEvent {
		return nil, errTruncated
	}
	var err error
	if p.event, err = readSized(append(emptied(p.event, size), p.head[:]...), p.stream, size); err != nil {
		return nil, fmt.Errorf("decompressing the transaction: %w", err)
	}
	return p.event, nil
}

func (p *payload) close() {
	p.active = false
	if p.zstd != nil {
		p.zstd.Close()
		p.zstd = nil
	}
}

// keepEvent is the size up to which a buffer is kept for the next use.
const keepEvent = 1 << 20

// emptied returns an empty slice in b's memory, unless that is far too large for
// what comes.
func emptied(b []byte, size int) []byte {
	if cap(b) > keepEvent && size < keepEvent/4 {
		return nil
	}
	return b[:0]
}

// readSized appends to b until it is size bytes long. The size is what a peer
// says: memory follows the bytes that arrive.
func readSized(b []byte, from io.Reader, size int) ([]byte, error) {
	for len(b) < size {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(size-len(b), max(len(b), 4<<10)))
		}
		n, err := from.Read(b[len(b):min(cap(b), size)])
		b = b[:len(b)+n]
		if err != nil && len(b) < size {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return b, err
		}
	}
	return b, nil
}

// inflater decompresses the parts of MariaDB's compressed events.
type inflater struct {
	src  bytes.Reader
	zlib io.ReadCloser
	out  []byte
}

// inflate reads one compressed part: a byte with the method (bits 4 to 6) and
// the number of bytes of the length (bits 0 to 2), the length after
// decompression with its most significant byte first, and a zlib stream.
func (f *inflater) inflate(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errTruncated
	}
	n := int(b[0] & 7)
	if method := b[0] >> 4 & 7; method != 0 || len(b) < 1+n || n == 0 || n > 4 {
		return nil, fmt.Errorf("it is compressed by an unknown method (%#x)", b[0])
	}
	size := 0
	for _, d := range b[1 : 1+n] {
		size = size<<8 | int(d)
	}
	if size > maxEvent {
		return nil, errTruncated
	}
	f.src.Reset(b[1+n:])
	if err := f.reset(); err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	var err error
	if f.out, err = readSized(emptied(f.out, size), f.zlib, size); err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	return f.out, nil
}

func (f *inflater) reset() error {
	if f.zlib == nil {
		var err error
		f.zlib, err = zlib.NewReader(&f.src)
		return err
	}
	return f.zlib.(zlib.Resetter).Reset(&f.src, nil)
}
