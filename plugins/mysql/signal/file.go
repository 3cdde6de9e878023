package signal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// fileChannel reads signals from the lines of a file, which it then empties
// (io.debezium.pipeline.signal.channels.FileSignalChannel).
type fileChannel struct{ cfg Config }

func (f *fileChannel) run(ctx context.Context, put func(Signal)) {
	ticker := time.NewTicker(max(f.cfg.PollInterval, time.Millisecond))
	defer ticker.Stop()
	for {
		if err := f.read(put); err != nil {
			f.cfg.Logger.Warn("reading the file of signals failed", "signal.file", f.cfg.File, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (f *fileChannel) read(put func(Signal)) error {
	info, err := os.Stat(f.cfg.File)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (info.IsDir() || info.Size() == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(f.cfg.File)
	if err != nil {
		return err
	}
	// Only what has been read is taken out: a line may be appended meanwhile.
	if err := f.cut(len(text)); err != nil {
		return fmt.Errorf("emptying it: %w", err)
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		s, err := parseLine(line)
		if err != nil {
			f.cfg.Logger.Warn("a line of the file of signals is skipped", "signal.file", f.cfg.File, "line", string(line), "error", err)
			continue
		}
		put(s)
	}
	return nil
}

// cut takes the first n bytes out of the file.
func (f *fileChannel) cut(n int) error {
	text, err := os.ReadFile(f.cfg.File)
	if err != nil {
		return err
	}
	return os.WriteFile(f.cfg.File, text[min(n, len(text)):], 0o600)
}

func (f *fileChannel) close(int64) {}

// parseLine reads a signal: an object with id, type and data.
func parseLine(line []byte) (Signal, error) {
	var s struct {
		ID   any
		Type string
		Data json.RawMessage
	}
	if err := json.Unmarshal(line, &s); err != nil {
		return Signal{}, err
	}
	if s.Type == "" {
		return Signal{}, errors.New("it has no type")
	}
	id := ""
	if s.ID != nil {
		id = fmt.Sprint(s.ID)
	}
	data := string(s.Data)
	if data == "null" {
		data = ""
	}
	return Signal{ID: id, Type: s.Type, Data: data}, nil
}
