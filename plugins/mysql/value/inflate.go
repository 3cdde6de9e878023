package value

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/plugins/data"
)

// The first byte of a value in a COMPRESSED column of MariaDB says how it is
// stored (Field_longstr::compress): the upper half is the method, 0 for none and 8
// for zlib; of the lower half the highest bit says that zlib's header is left out,
// the others are the number of bytes in which the original length follows, most
// significant byte first.
const (
	methodStored    = 0
	methodZlib      = 8
	lengthBytesMask = 7
	zlibHeader      = 2 // bytes
)

// mostInflated is the most that a byte of deflate can stand for, with some room.
const mostInflated = 1100

var errCompressed = errors.New("the value of a compressed column is malformed")

// inflater reads values of COMPRESSED columns. It belongs to a RowDecoder.
type inflater struct {
	in  bytes.Reader
	out io.ReadCloser // of flate
}

// value gives the value behind its first byte; what was compressed lives in the
// arena.
func (f *inflater) value(a *data.Arena, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return b, nil
	}
	switch method := b[0] >> 4; method {
	case methodStored:
		return b[1:], nil
	case methodZlib:
		return f.inflate(a, b[0], b[1:])
	default:
		return nil, fmt.Errorf("%w: unknown method %d", errCompressed, method)
	}
}

func (f *inflater) inflate(a *data.Arena, head byte, b []byte) ([]byte, error) {
	n := int(head & lengthBytesMask)
	if len(b) < n {
		return nil, errCompressed
	}
	size := int(bigEndian(b[:n]))
	if b = b[n:]; size > (len(b)+1)*mostInflated {
		return nil, fmt.Errorf("%w: %d bytes cannot become %d", errCompressed, len(b), size)
	}
	if hasZlibHeader(head, b) {
		b = b[zlibHeader:]
	}
	f.in.Reset(b)
	if f.out == nil {
		f.out = flate.NewReader(&f.in)
	} else if err := f.out.(flate.Resetter).Reset(&f.in, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	out := a.Bytes(size)
	if _, err := io.ReadFull(f.out, out); err != nil {
		return nil, fmt.Errorf("%w: %w", errCompressed, err)
	}
	return out, nil
}

// hasZlibHeader is the server's variable column_compression_zlib_wrap.
func hasZlibHeader(head byte, b []byte) bool {
	const raw = 8
	return head&raw == 0 && len(b) >= zlibHeader
}
