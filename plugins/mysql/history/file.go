package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File keeps one record per line in a file
// (io.debezium.storage.file.history.FileSchemaHistory).
type File struct {
	path string
}

// NewFile returns the history kept at the path; nothing is opened yet.
func NewFile(path string) *File { return &File{path: path} }

// Create implements Creator: it makes the file and the directories above it.
func (f *File) Create(context.Context) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("creating the schema history: %w", err)
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("creating the schema history: %w", err)
	}
	return file.Close()
}

// Exists implements Creator.
func (f *File) Exists(context.Context) (bool, error) {
	_, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Append implements Storage. Records are on the disk when it returns. A line that
// an earlier crash left unfinished is ended first, so that it cannot swallow the
// next record.
func (f *File) Append(_ context.Context, records []*Record) (err error) {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("opening the schema history: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf, end, err := unfinishedLine(file)
	if err != nil {
		return fmt.Errorf("reading the end of the schema history: %w", err)
	}
	for _, r := range records {
		buf = append(r.AppendLine(buf), '\n')
	}
	if _, err := file.WriteAt(buf, end); err != nil {
		return fmt.Errorf("appending to %s: %w", f.path, err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", f.path, err)
	}
	return nil
}

// unfinishedLine gives a line end when the file does not end in one, and where
// the file ends.
func unfinishedLine(file *os.File) (lineEnd []byte, end int64, err error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return nil, 0, err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return nil, 0, err
	}
	if last[0] != '\n' {
		lineEnd = []byte{'\n'}
	}
	return lineEnd, info.Size(), nil
}

// Read implements Storage. Empty lines are skipped.
func (f *File) Read(ctx context.Context, apply func(at string, record []byte) error) (err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the schema history: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewReaderSize(file, 1<<16)
	for n := 1; ; n++ {
		line, readErr := lines.ReadBytes('\n')
		if readErr != nil && readErr != io.EOF {
			return fmt.Errorf("reading %s: %w", f.path, readErr)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := apply(fmt.Sprintf("%s, line %d", f.path, n), line); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return nil
		}
	}
}
