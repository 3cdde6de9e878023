package offset

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
)

func offsetsOf(partition, offset map[string]any) []connect.PartitionOffset {
	return []connect.PartitionOffset{{Partition: partition, Offset: offset}}
}

// The files were written by java.io.ObjectOutputStream. Written anew in the order
// in which they were read they must be the same.
func TestJavasFiles(t *testing.T) {
	for _, n := range []int{0, 1, 3, 40} {
		b, err := os.ReadFile(fmt.Sprintf("testdata/hashmap-%d.ser", n))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := decodeHashMap(b)
		if err != nil || len(entries) != n {
			t.Errorf("%d entries: read %d, %v", n, len(entries), err)
			continue
		}
		for _, e := range entries {
			if want := strings.Contains(string(e.key), `"f2"`); (e.value == nil) != want {
				t.Errorf("value of %s is nil: %t, want %t", e.key, e.value == nil, want)
			}
		}
		if n > 0 && !bytes.Equal(encodeHashMap(entries), b) {
			t.Errorf("%d entries: written as\n%q, want\n%q", n, encodeHashMap(entries), b)
		}
		if again, err := decodeHashMap(encodeHashMap(entries)); err != nil || len(again) != n {
			t.Errorf("%d entries: read back %d, %v", n, len(again), err)
		}
	}
}

func TestOpenFileOfJava(t *testing.T) {
	f, err := OpenFile("testdata/hashmap-3.ser")
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Get(t.Context(), "c1", map[string]any{"filename": "f1"})
	if err != nil || got[0]["position"] != int64(1) {
		t.Errorf("offset %v %v", got, err)
	}
}

func TestDamagedFiles(t *testing.T) {
	whole, err := os.ReadFile("testdata/hashmap-3.ser")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for n := 1; n < len(whole)-1; n++ { // the last byte only ends the object
		path := filepath.Join(dir, "offsets")
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("first %d of %d bytes: error %v", n, len(whole), err)
		}
	}
}

func TestFileIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFile(filepath.Join(dir, "offsets"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := f.Set(t.Context(), "c", offsetsOf(map[string]any{"i": i}, map[string]any{"n": i})...); err != nil {
			t.Fatal(err)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("files %v %v", names, err)
	}
	f.path = filepath.Join(dir, "missing", "offsets")
	if err := f.Set(t.Context(), "c", offsetsOf(map[string]any{}, map[string]any{})...); err == nil {
		t.Error("no error although the file cannot be written")
	}
}

func FuzzDecodeHashMap(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		b, err := os.ReadFile(fmt.Sprintf("testdata/hashmap-%d.ser", n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decodeHashMap(b)
		if err != nil {
			return
		}
		again, err := decodeHashMap(encodeHashMap(entries))
		if err != nil || !slices.EqualFunc(entries, again, func(a, b entry) bool {
			return bytes.Equal(a.key, b.key) && bytes.Equal(a.value, b.value) && (a.value == nil) == (b.value == nil)
		}) {
			t.Errorf("read back as %v, %v", again, err)
		}
	})
}
