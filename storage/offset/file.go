package offset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/millrace/millrace/plugins/connect"
)

// File is the Store of standalone mode (offset.storage.file.filename). The file
// is read by Java workers and may come from one.
type File struct {
	path  string
	index *index
	mu    sync.Mutex // held while the file is written
}

var _ Store = (*File)(nil)

// OpenFile reads the file; a missing one is empty.
func OpenFile(path string) (*File, error) {
	f := &File{path: path, index: newIndex()}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the offset file: %w", err)
	}
	entries, err := decodeHashMap(b)
	if err != nil {
		return nil, fmt.Errorf("reading the offset file %s: %w", path, err)
	}
	for _, e := range entries {
		f.index.put(e.key, e.value)
	}
	return f, nil
}

// Get implements Store.
func (f *File) Get(_ context.Context, connector string, partitions ...map[string]any) ([]map[string]any, error) {
	return f.index.get(connector, partitions)
}

// All implements Store.
func (f *File) All(_ context.Context, connector string) ([]connect.PartitionOffset, error) {
	return f.index.all(connector)
}

// Set implements Store. The whole file is written anew beside the old one and then
// takes its place, so that a crash leaves one or the other.
func (f *File) Set(_ context.Context, connector string, offsets ...connect.PartitionOffset) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, err := f.index.encodeAll(connector, offsets)
	if err != nil {
		return err
	}
	for _, e := range entries {
		f.index.put(e.key, e.value)
	}
	if err := replaceFile(f.path, encodeHashMap(f.index.entries())); err != nil {
		return fmt.Errorf("writing the offset file: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// Close implements Store.
func (f *File) Close() {}
