package file

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func sinkDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "file", Type: configdef.String, NullDefault: true, Importance: configdef.High,
		Doc: "Destination filename. If not specified, the standard output will be used"})
}

type sinkConnector struct{ connector }

var _ connect.OffsetAlterer = (*sinkConnector)(nil)

// AlterOffsets implements connect.OffsetAlterer: the file does not care.
func (c *sinkConnector) AlterOffsets(context.Context, map[string]string, []connect.PartitionOffset) (bool, error) {
	return true, nil
}

// sinkTask appends the text of each record's value, as Java's toString gives
// it, and a line feed.
type sinkTask struct {
	name string // "" for the standard output
	out  io.WriteCloser
	w    *bufio.Writer
	line []byte
}

var _ connect.SinkTask = (*sinkTask)(nil)

// Start implements connect.SinkTask.
func (t *sinkTask) Start(_ context.Context, _ connect.SinkTaskContext, config map[string]string) error {
	v, err := sinkDef().Parse(config)
	if err != nil {
		return err
	}
	t.name, t.out = v.String("file"), os.Stdout
	if t.name != "" {
		file, err := os.OpenFile(t.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.out = nil // Stop has nothing to close
			return fmt.Errorf("Couldn't find or create file '%s' for FileStreamSinkTask: %w", t.name, err)
		}
		t.out = file
	}
	t.w = bufio.NewWriter(t.out)
	return nil
}

// Put implements connect.SinkTask.
func (t *sinkTask) Put(_ context.Context, records []connect.SinkRecord) error {
	for i := range records {
		t.line = append(data.AppendText(t.line[:0], records[i].ValueSchema, records[i].Value), '\n')
		if _, err := t.w.Write(t.line); err != nil {
			return t.failed(err)
		}
	}
	return t.failed(t.w.Flush())
}

func (t *sinkTask) failed(err error) error {
	if err != nil {
		return fmt.Errorf("writing to file %s: %w", t.name, err)
	}
	return nil
}

// Stop implements connect.SinkTask.
func (t *sinkTask) Stop(context.Context) error {
	if t.out == nil || t.name == "" {
		return nil
	}
	return t.out.Close()
}
