package install

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestInRoot(t *testing.T) {
	root := t.TempDir()
	if _, ok := inRoot(root, "mysqld"); ok {
		t.Error("found a server in an empty directory")
	}
	for _, file := range []string{
		"usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6", "usr/sbin/mysqld", "usr/share/mysql/charsets/Index.xml",
	} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s, ok := inRoot(root, "mysqld")
	if !ok {
		t.Fatal("not found")
	}
	if s.Command[0] != filepath.Join(root, "usr/lib64/ld-linux-x86-64.so.2") || s.Share != filepath.Join(root, "usr/share/mysql") {
		t.Errorf("%+v", s)
	}
	i := slices.Index(s.Command, "--library-path")
	if i < 0 || !strings.HasPrefix(s.Command[i+1], filepath.Join(root, "usr/lib/x86_64-linux-gnu")+":") {
		t.Errorf("the server would run with the machine's libraries: %v", s.Command)
	}
}

// What is missing is named together with the command that installs it.
func TestMissing(t *testing.T) {
	home := Home(t.TempDir())
	_, err := home.MySQL()
	var missing *MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "go run ./integration/setup mysql") {
		t.Errorf("MySQL: %v", err)
	}
	if _, err := home.Jars(JarsKafka); !errors.As(err, &missing) || !strings.Contains(err.Error(), "integration/setup java") {
		t.Errorf("jars: %v", err)
	}
	if _, err := home.Python(); !errors.As(err, &missing) {
		t.Errorf("Python: %v", err)
	}
}

// A part appears whole or not at all, and one that is there is left as it is.
func TestReplace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "part")
	broken := errors.New("broken")
	if err := replace(dir, func(string) error { return broken }); !errors.Is(err, broken) || exists(dir) {
		t.Errorf("%v; the directory exists: %v", err, exists(dir))
	}
	write := func(text string) func(string) error {
		return func(fresh string) error { return os.WriteFile(filepath.Join(fresh, "f"), []byte(text), 0o644) }
	}
	for _, text := range []string{"first", "second"} {
		if err := replace(dir, write(text)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil || string(got) != "first" {
		t.Errorf("%q, %v; want the first", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v; want the part alone", left, err)
	}
}

// Every set of jars that is asked for by name has a file that pins its versions.
func TestPoms(t *testing.T) {
	for _, set := range []string{JarsKafka, JarsKafkaOld, JarsDebezium, JarsDebeziumOld, JarsDebeziumMari} {
		if _, err := poms.ReadFile("pom/" + set + ".xml"); err != nil {
			t.Error(err)
		}
	}
}
