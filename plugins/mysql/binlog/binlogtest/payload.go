package binlogtest

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// Payload is a compressed transaction that is made while it is sent, twice: first to learn how long it is.
type Payload struct {
	fill            func(inner *Log)
	compressed, raw int64
}

// NewPayload measures the transaction with the events that fill appends, always the same ones.
func NewPayload(fill func(inner *Log)) (*Payload, error) {
	p := &Payload{fill: fill}
	var n counter
	err := p.write(&n)
	p.compressed = int64(n)
	return p, err
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// Raw is the number of bytes before compression.
func (p *Payload) Raw() int64 { return p.raw }

// Compressed is the number of bytes after compression.
func (p *Payload) Compressed() int64 { return p.compressed }

func (p *Payload) write(to io.Writer) error {
	w, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	p.raw = 0
	inner := &Log{ServerID: 1, Time: 1700000000, inner: true, emit: func(b []byte) {
		if err == nil {
			_, err = w.Write(b)
		}
		p.raw += int64(len(b))
	}}
	p.fill(inner)
	if err != nil {
		return err
	}
	return w.Close()
}

// Send sends the transaction as one event of the file l, which has a sink of its own and no checksums. packet begins a
// packet of the protocol of so many bytes.
func (p *Payload) Send(l *Log, packet func(size int64) io.Writer) error {
	head := payloadHead(p.compressed, p.raw)
	size := int64(headerSize+len(head)) + p.compressed
	l.end += size
	to := packet(1 + size)
	first := append([]byte{0}, event(typePayload, l.Time, l.ServerID, uint32(size), uint32(l.end), 0, head)[:headerSize]...)
	if _, err := to.Write(append(first, head...)); err != nil {
		return err
	}
	l.group = gtid{}
	return p.write(to)
}
