package producer

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of the record batch attributes (CompressionType).
const (
	codecNone int16 = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// compressor appends compressed records to dst. One belongs to one connection.
type compressor interface {
	compress(dst, records []byte) ([]byte, error)
}

// codecOf finds compression.type's number.
func codecOf(name string) (int16, error) {
	for codec, n := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		if n == name || name == "" {
			return int16(codec), nil
		}
	}
	return 0, fmt.Errorf("compression.type: %q is not one of none, gzip, snappy, lz4, zstd", name)
}

// newCompressor makes the compressor of a codec; nil for none. level is as in
// compression.gzip.level and the like, nil for the codec's default.
func newCompressor(codec int16, level *int) (compressor, error) {
	switch codec {
	case codecGzip:
		l := gzip.DefaultCompression
		if level != nil {
			l = *level
		}
		w, err := gzip.NewWriterLevel(nil, l)
		if err != nil {
			return nil, fmt.Errorf("compression.gzip.level: %w", err)
		}
		return &streamCompressor{w: w}, nil
	case codecSnappy:
		return snappyCompressor{}, nil
	case codecLZ4:
		return newLZ4(level)
	case codecZstd:
		l := zstd.SpeedDefault
		if level != nil {
			l = zstd.EncoderLevelFromZstd(*level)
		}
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(l), zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, fmt.Errorf("compression.zstd.level: %w", err)
		}
		return zstdCompressor{e}, nil
	}
	return nil, nil
}

// lz4DefaultLevel is Java's default, which stands for the fast compressor.
const lz4DefaultLevel = 9

// newLZ4 makes frames as Kafka's own: independent blocks of 64 KiB without checksums.
func newLZ4(level *int) (compressor, error) {
	w := lz4.NewWriter(nil)
	opts := []lz4.Option{lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1)}
	if level != nil && *level != lz4DefaultLevel {
		levels := []lz4.CompressionLevel{lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4, lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9}
		// Levels beyond 9, which Java has, give the best that there is.
		opts = append(opts, lz4.CompressionLevelOption(levels[min(max(*level, 1), 9)-1]))
	}
	if err := w.Apply(opts...); err != nil {
		return nil, fmt.Errorf("compression.lz4.level: %w", err)
	}
	return &streamCompressor{w: w}, nil
}

type snappyCompressor struct{}

func (snappyCompressor) compress(dst, records []byte) ([]byte, error) {
	// Encode leaves out its header where dst has content: it gets the free part
	// of dst, and the bytes are in place unless they did not fit.
	return append(dst, xerial.Encode(dst[len(dst):], records)...), nil
}

type zstdCompressor struct{ e *zstd.Encoder }

func (c zstdCompressor) compress(dst, records []byte) ([]byte, error) {
	return c.e.EncodeAll(records, dst), nil
}

// streamCompressor serves the codecs that write to a stream.
type streamCompressor struct {
	w interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	out appendWriter
}

func (c *streamCompressor) compress(dst, records []byte) ([]byte, error) {
	c.out.buf = dst
	c.w.Reset(&c.out)
	if _, err := c.w.Write(records); err != nil {
		return dst, fmt.Errorf("compressing records: %w", err)
	}
	if err := c.w.Close(); err != nil {
		return dst, fmt.Errorf("compressing records: %w", err)
	}
	buf := c.out.buf
	c.out.buf = nil
	return buf, nil
}

type appendWriter struct{ buf []byte }

func (w *appendWriter) Write(b []byte) (int, error) {
	w.buf = append(w.buf, b...)
	return len(b), nil
}
