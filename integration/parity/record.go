package parity

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/data/datatest"
)

// Record plays cases on the Java classes, those of the jars of Kafka and
// Debezium and of extra, directories and jars in the form of Java's class path.
func Record(ctx context.Context, cases []Case, extra string) ([]Case, error) {
	home, err := install.DefaultHome()
	if err != nil {
		return nil, err
	}
	java, err := home.Java()
	if err != nil {
		return nil, err
	}
	path := []string{}
	if extra != "" {
		path = append(path, extra)
	}
	for _, set := range []string{install.JarsKafka, install.JarsDebezium} {
		dir, err := home.Jars(set)
		if err != nil {
			return nil, err
		}
		path = append(path, filepath.Join(dir, "*"))
	}
	text, err := Format(cases)
	if err != nil {
		return nil, err
	}
	var failed bytes.Buffer
	cmd := exec.CommandContext(ctx, java, "-cp", strings.Join(path, string(os.PathListSeparator)), recorder())
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &failed
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("recording with Java: %w\n%s", err, failed.String())
	}
	return parse(out)
}

func recorder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "recorder", "Recorder.java")
}

// Random makes n questions from seeds, all with the same class and properties.
// Maps have one entry: in Java more of them have no order.
func Random(class string, config map[string]string, first uint64, n int, suits func(*data.Schema) bool) ([]Case, error) {
	var out []Case
	cfg := jsonconv.DefaultConfig()
	cfg.ReplaceNull = false
	c, err := jsonconv.New(cfg)
	if err != nil {
		return nil, err
	}
	for seed := first; len(out) < n; seed++ {
		g := datatest.New(seed)
		g.Entries, g.Finite = 1, true
		s := g.Struct()
		if suits != nil && !suits(s) {
			continue
		}
		b, null, err := c.Append(nil, "t", nil, s, g.Value(s))
		if err != nil || null {
			return nil, fmt.Errorf("seed %d: null %v, %w", seed, null, err)
		}
		in := string(b)
		out = append(out, Case{Class: class, Config: config, In: &in})
	}
	return slices.Clip(out), nil
}
