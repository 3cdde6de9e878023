package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func sourceDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "file", Type: configdef.String, NullDefault: true, Importance: configdef.High,
			Doc: "Source filename. If not specified, the standard input will be used"},
		configdef.Key{Name: "topic", Type: configdef.String, Importance: configdef.High, Validate: configdef.NonEmpty(),
			Doc: "The topic to publish data to"},
		configdef.Key{Name: "batch.size", Type: configdef.Int, Default: configdef.Text("2000"), Importance: configdef.Low,
			Doc: "The maximum number of records the source task can read from the file each time it is polled"},
	)
}

type sourceConnector struct{ connector }

var (
	_ connect.ExactlyOnceSupport = (*sourceConnector)(nil)
	_ connect.OffsetAlterer      = (*sourceConnector)(nil)
)

// SupportsExactlyOnce implements connect.ExactlyOnceSupport: the standard
// input has no positions to return to.
func (c *sourceConnector) SupportsExactlyOnce(config map[string]string) bool {
	return config["file"] != ""
}

// AlterOffsets implements connect.OffsetAlterer. Removing an offset is always
// allowed, so that any rubbish can be cleaned up.
func (c *sourceConnector) AlterOffsets(_ context.Context, config map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	if config["file"] == "" {
		return false, errors.New("Offsets cannot be modified if the 'file' configuration is unspecified. " +
			"This is because stdin is used for input and offsets are not tracked.")
	}
	for _, o := range offsets {
		if o.Offset == nil {
			continue
		}
		if err := checkOffset(o); err != nil {
			return false, err
		}
	}
	return true, nil
}

func checkOffset(o connect.PartitionOffset) error {
	position, ok := o.Offset["position"]
	if !ok {
		return errors.New("Offset objects should either be null or contain the key 'position'")
	}
	n, ok := asLong(position)
	switch {
	case !ok:
		return errors.New("The value for the 'position' key in the offset is expected to be a Long value")
	case n < 0:
		return errors.New("The value for the 'position' key in the offset should be a non-negative value")
	case o.Partition == nil:
		return errors.New("Partition objects cannot be null")
	}
	if _, ok := o.Partition["filename"]; !ok {
		return errors.New("Partition objects should contain the key 'filename'")
	}
	return nil
}

// asLong reads a whole number in any of the forms that JSON decoders give.
func asLong(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n))
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// position renders the offsets of lines; N is the number of bytes up to the
// end of the line.
type position struct{}

// SourceOffset implements connect.OffsetBase.
func (position) SourceOffset(n int64) map[string]any { return map[string]any{"position": n} }

// waitForMore is how long a task waits before it looks again for more text.
const waitForMore = 200 * time.Millisecond

// sourceTask reads lines. Only Poll touches its state after Start, but for
// Stop, which the runtime calls after Poll has returned.
type sourceTask struct {
	tc     connect.SourceTaskContext
	name   string // "" for the standard input
	topic  string
	batch  int
	schema *data.Schema
	source *connect.SourcePartition
	in     input
	buf    []byte // text that is not yet a whole line
	at     int64  // position of buf in the file
	warned bool   // that the file is missing
}

// input is where text comes from; Read returns 0 bytes and no error when there
// is none at the moment.
type input interface {
	io.ReadCloser
}

var _ connect.SourceTask = (*sourceTask)(nil)

// Start implements connect.SourceTask.
func (t *sourceTask) Start(_ context.Context, tc connect.SourceTaskContext, config map[string]string) error {
	v, err := sourceDef().Parse(config)
	if err != nil {
		return err
	}
	t.tc, t.name, t.topic, t.batch = tc, v.String("file"), v.String("topic"), v.Int("batch.size")
	t.schema = data.New(data.TypeString).Build()
	t.source = &connect.SourcePartition{Key: map[string]any{"filename": t.name}}
	if t.name == "" {
		t.source.Key["filename"] = nil
		t.in = newPipe(os.Stdin)
	}
	return nil
}

// Poll implements connect.SourceTask.
func (t *sourceTask) Poll(ctx context.Context, b *connect.Batch) error {
	for ctx.Err() == nil {
		if t.in == nil {
			if err := t.open(ctx); err != nil {
				return err
			}
		}
		if t.in != nil {
			if err := t.fill(b); err != nil || len(b.Records) > 0 {
				return err
			}
		}
		wait(ctx, waitForMore)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// open opens the file at the last offset. A file that does not exist may yet come.
func (t *sourceTask) open(ctx context.Context) error {
	f, err := os.Open(t.name)
	if errors.Is(err, fs.ErrNotExist) {
		if !t.warned {
			t.tc.Logger().Warn("Couldn't find the file, waiting for it to be created", "file", t.name)
			t.warned = true
		}
		return nil
	}
	if err != nil {
		return wrapOpen(t.name, err)
	}
	offset, err := t.tc.Offset(ctx, t.source.Key)
	if err == nil && offset["position"] != nil {
		var ok bool
		if t.at, ok = asLong(offset["position"]); !ok {
			err = fmt.Errorf("Offset position is the incorrect type: %T", offset["position"])
		}
	}
	if err == nil {
		_, err = f.Seek(t.at, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("finding the last position in file %s: %w", t.name, err)
	}
	t.in = f
	return nil
}

// fill adds lines to b until it is full or there is no more text.
func (t *sourceTask) fill(b *connect.Batch) error {
	chunk := make([]byte, 32<<10)
	for {
		for !t.full(b) {
			line, n := cutLine(t.buf)
			if n == 0 {
				break
			}
			t.at += int64(n)
			t.add(b, line)
			t.buf = t.buf[n:]
		}
		if t.full(b) {
			return nil
		}
		n, err := t.in.Read(chunk)
		t.buf = append(t.buf, chunk[:n]...)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading file %s: %w", t.name, err)
		}
		if n == 0 {
			return nil
		}
	}
}

func (t *sourceTask) full(b *connect.Batch) bool {
	return len(b.Records) > 0 && (len(b.Records) >= t.batch || b.Full())
}

// cutLine finds the first line; n is its length with its end, 0 when there is
// no whole line. A line ends in \n, \r or \r\n.
func cutLine(buf []byte) (line []byte, n int) {
	i := bytes.IndexAny(buf, "\r\n")
	switch {
	case i < 0:
		return nil, 0
	case buf[i] == '\n':
		return buf[:i], i + 1
	case i+1 == len(buf): // \n may follow
		return nil, 0
	case buf[i+1] == '\n':
		return buf[:i], i + 2
	}
	return buf[:i], i + 1
}

func (t *sourceTask) add(b *connect.Batch, line []byte) {
	if !utf8.Valid(line) {
		line = bytes.ToValidUTF8(line, []byte("\ufffd"))
	}
	r := b.Add()
	r.Topic = t.topic
	r.Timestamp = time.Now().UnixMilli()
	r.ValueSchema, r.Value = t.schema, data.StringBytes(b.Arena.Copy(line))
	r.Source = t.source
	if t.name == "" { // a position in the standard input means nothing
		r.Offset = connect.FixedOffset(map[string]any{"position": nil})
		return
	}
	r.Offset = connect.Offset{Base: position{}, N: t.at}
}

// Stop implements connect.SourceTask.
func (t *sourceTask) Stop(context.Context) error {
	if t.in == nil {
		return nil
	}
	return t.in.Close()
}

// pipe reads something that blocks, such as a terminal, in a goroutine of its
// own. That goroutine ends with the input: a read cannot be interrupted.
type pipe struct{ chunks chan []byte }

func newPipe(r io.Reader) *pipe {
	p := &pipe{make(chan []byte, 1)}
	go func() {
		defer close(p.chunks)
		for {
			chunk := make([]byte, 4<<10)
			n, err := r.Read(chunk)
			if n > 0 {
				p.chunks <- chunk[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Read implements io.Reader without waiting. It is given buffers that are
// larger than a chunk.
func (p *pipe) Read(b []byte) (int, error) {
	select {
	case chunk := <-p.chunks:
		return copy(b, chunk), nil
	default:
		return 0, nil
	}
}

// Close implements io.Closer. It leaves the input itself open.
func (p *pipe) Close() error { return nil }
