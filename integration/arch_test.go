package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/millrace/millrace"

// row lists what the packages that match it may import of this module. The first row that matches a package holds.
// "x/..." stands for x and everything below it. Every package may import what lies below itself.
type row struct {
	packages, imports []string
}

// The levels that the table is written in; a level holds those under it.
var (
	leaves   = []string{"plugins/data", "plugins/configdef", "storage/kafka", "storage/state", "worker/metrics", "worker/logging", "worker/budget"}
	author   = []string{"plugins/data", "plugins/configdef", "plugins/connect"}
	upToOne  = append(slices.Clone(leaves), "plugins/connect")
	stores   = append(slices.Clone(upToOne), "plugins/registry", "storage/...")
	runtime  = append(slices.Clone(stores), "worker", "worker/chain", "worker/tolerance", "worker/connconf")
	mysql    = []string{"plugins/mysql/table", "plugins/mysql/position", "plugins/mysql/value", "plugins/mysql/server", "plugins/mysql/chunk"}
	anything = []string{"..."}
)

var table = []row{
	{[]string{"cmd/...", "integration/...", "worker/settings", "plugins/install"}, anything},

	{leaves, nil},
	{[]string{"storage/kafka/oauth"}, nil},
	{[]string{"plugins/connect"}, author},

	{[]string{"plugins/mysql/table", "plugins/mysql/position"}, author},
	{[]string{"plugins/mysql/value", "plugins/mysql/ddl"}, with(author, "plugins/mysql/table")},
	{[]string{"plugins/mysql/event"}, with(with(author, mysql...), "plugins/mysql/ddl")},
	{[]string{"plugins/mysql/history"}, with(author, "plugins/mysql/ddl", "plugins/mysql/table", "plugins/mysql/position", "storage/kafka")},
	{[]string{"plugins/mysql/signal"}, with(author, "storage/kafka")},
	{[]string{"plugins/mysql/notify"}, author},
	{[]string{"plugins/mysql/snapshot", "plugins/mysql/binlog", "plugins/mysql/incremental"},
		with(with(author, mysql...), "plugins/mysql/event", "plugins/mysql/history")},
	{[]string{"plugins/mysql/reselect"}, with(with(author, mysql...), "plugins/mysql/event")},
	{[]string{"plugins/mysql"}, with(author, "storage/kafka", "plugins/mysql/...")},
	{[]string{"plugins/mysql/..."}, with(author, mysql...)},

	{[]string{"plugins/registry"}, upToOne},
	{[]string{"plugins/converter/registry"}, with(author, "plugins/converter/...", "storage/kafka", "storage/kafka/oauth")},
	{[]string{"plugins/converter/..."}, with(author, "plugins/converter/...")},
	{[]string{"plugins/transform/..."}, with(author, "plugins/transform/...")},
	{[]string{"plugins/provider/..."}, with(author, "plugins/provider/...")},
	{[]string{"plugins/..."}, author},

	{[]string{"storage/topiclog"}, upToOne},
	{[]string{"storage/..."}, with(upToOne, "storage/topiclog")},

	{[]string{"worker/..."}, with(upToOne, "plugins/registry", "storage/offset", "storage/kafka/producer", "worker/chain", "worker/tolerance", "worker/connconf")},
	{[]string{"herder/..."}, with(runtime, "herder/...")},
	{[]string{"rest/..."}, with(leaves, "herder/...", "rest/...")},
}

func with(base []string, more ...string) []string { return append(slices.Clone(base), more...) }

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		tree, isTree := strings.CutSuffix(p, "...")
		return p == pkg || isTree && (tree == "" || pkg == strings.TrimSuffix(tree, "/") || strings.HasPrefix(pkg, tree))
	})
}

// allowed says why a package may not import another; the empty string means that it may. A package whose name ends in
// "test" is a suite or a fake for tests: it may import what tests may, and only tests may import it.
func allowed(pkg, imported string) string {
	if strings.HasSuffix(pkg, "test") || matches([]string{"integration/..."}, pkg) {
		return ""
	}
	if strings.HasSuffix(imported, "test") {
		return "only tests may import it"
	}
	if matches([]string{"worker/settings", "plugins/install", "cmd/...", "integration/..."}, imported) &&
		!matches([]string{"cmd/..."}, pkg) {
		return "only cmd and integration may import it"
	}
	i := slices.IndexFunc(table, func(r row) bool { return matches(r.packages, pkg) })
	switch {
	case i < 0:
		return "the package has no row in the table of imports"
	case strings.HasPrefix(imported, pkg+"/"), matches(table[i].imports, imported):
		return ""
	}
	return "its row allows " + strings.Join(table[i].imports, ", ")
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			if why := allowed(pkg, imported); why != "" {
				t.Errorf("%s imports %s: %s", pkg, imported, why)
			}
		}
	}
}

// The table itself, on imports that must be refused and imports that must pass, whatever packages exist.
func TestImportTable(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		ok            bool
	}{
		{"plugins/data", "plugins/connect", false},
		{"plugins/connect", "plugins/data", true},
		{"plugins/mysql", "worker", false},
		{"plugins/mysql", "plugins/mysql/binlog", true},
		{"plugins/mysql/binlog", "plugins/mysql", false},
		{"plugins/mysql/value", "plugins/mysql/event", false},
		{"plugins/mysql/signal", "plugins/mysql/table", false},
		{"plugins/mysql/signal", "storage/kafka", true},
		{"plugins/transform", "plugins/converter/jsonconv", false},
		{"plugins/transform", "plugins/transform/debezium", true},
		{"plugins/registry", "plugins/mysql", false},
		{"storage/config", "storage/topiclog", true},
		{"storage/config", "storage/status", false},
		{"worker", "plugins/registry", true},
		{"worker", "plugins/mysql", false},
		{"worker", "herder", false},
		{"herder/distributed", "worker", true},
		{"herder/distributed", "plugins/file", false},
		{"herder/distributed", "rest/client", false},
		{"rest", "herder", true},
		{"rest", "worker", false},
		{"rest", "worker/settings", false},
		{"cmd/millrace", "plugins/install", true},
		{"herder", "plugins/install", false},
		{"storage/storetest", "storage/config", true},
		{"storage/config", "storage/storetest", false},
		{"elsewhere", "plugins/data", false},
	} {
		if why := allowed(c.pkg, c.imported); (why == "") != c.ok {
			t.Errorf("%s imports %s: allowed %v, want %v (%s)", c.pkg, c.imported, why == "", c.ok, why)
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &problems)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestTopLevelFolders(t *testing.T) {
	want := []string{"cmd", "docs", "examples", "herder", "integration", "plugins", "rest", "storage", "worker"}
	built := []string{"bin"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && !strings.HasPrefix(name, ".") && !slices.Contains(want, name) && !slices.Contains(built, name) {
			t.Errorf("folder %s: the top level has only %s", name, strings.Join(want, ", "))
		}
	}
}

const maxLines = 800

func TestFileLength(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := bytes.Count(text, []byte("\n")); n > maxLines && !generated(text) {
			t.Errorf("%s has %d lines; split it at %d", path, n, maxLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var generatedLine = regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.$`)

// generated looks for the mark of a generated file, which stands before the package clause.
func generated(text []byte) bool {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if generatedLine.Match(lines.Bytes()) {
			return true
		}
		if bytes.HasPrefix(lines.Bytes(), []byte("package ")) {
			break
		}
	}
	return false
}
