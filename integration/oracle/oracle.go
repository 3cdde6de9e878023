// Package oracle compares a worker with Kafka Connect and Debezium themselves.
//
// It plays scenarios against any worker that speaks Kafka Connect's REST API, records every topic it writes, and
// compares the recording, record by record, with one made by the Java worker (golden/). It does the same with requests to
// the REST API (rest/). What Java does is right by definition. The command is in play/; README.md tells how to use it and
// what counts as equal.
package oracle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Suite plays against one worker and the servers around it.
type Suite struct {
	Dir    string // the directory of this package
	Python string // an interpreter with the players' packages
	Out    string // receives recordings and the players' logs

	REST      string // the worker's URL
	Bootstrap string // HOST:PORT, like the following
	MySQL     string
	MariaDB   string
}

// Result is the outcome of one scenario, or of the REST cases.
type Result struct {
	Name  string
	Equal bool
	Text  string // EQUAL or DIFFERS with the number of equal parts, and the first differences
}

const scenarioTimeout = 5 * time.Minute

// Scenarios lists the scenarios that names ask for: a name, or its number (01). Without names it lists all but those of
// another release of the worker, which have a line "release:".
func (s Suite) Scenarios(names ...string) ([]string, error) {
	if len(names) == 0 {
		return s.ofThisRelease()
	}
	var all []string
	for _, name := range names {
		files, err := filepath.Glob(s.scenario(name))
		if err != nil {
			return nil, err
		}
		more, err := filepath.Glob(s.scenario(name + "-*"))
		if err != nil {
			return nil, err
		}
		if files = append(files, more...); len(files) != 1 {
			return nil, fmt.Errorf("%d scenarios in %s are called %s", len(files), filepath.Dir(s.scenario("")), name)
		}
		all = append(all, scenarioName(files[0]))
	}
	return all, nil
}

func (s Suite) ofThisRelease() ([]string, error) {
	files, err := filepath.Glob(s.scenario("*"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte("\nrelease:")) {
			names = append(names, scenarioName(f))
		}
	}
	return names, nil
}

func (s Suite) scenario(name string) string { return filepath.Join(s.Dir, "scenarios", name+".yaml") }

func scenarioName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".yaml") }

// Play plays a scenario and compares the recording with the golden one. It drops every database of the server that the
// scenario uses and resets its binlog. A scenario that cannot be played to its end is an error.
func (s Suite) Play(ctx context.Context, name string) (Result, error) {
	recording, err := s.record(ctx, name)
	if err != nil {
		return Result{}, err
	}
	return s.compare(ctx, name, "compare.py", s.golden(name), recording)
}

// Record plays a scenario, with a Java worker that is, and makes the recording the golden one. It returns what the
// player says of the recording.
func (s Suite) Record(ctx context.Context, name string) (string, error) {
	recording, err := s.record(ctx, name)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(recording)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("recorded %s, %d bytes", name, len(text)), os.WriteFile(s.golden(name), text, 0o644)
}

func (s Suite) golden(name string) string { return filepath.Join(s.Dir, "golden", name+".json") }

func (s Suite) record(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, scenarioTimeout)
	defer cancel()
	recording := filepath.Join(s.Out, name+".json")
	out, err := s.python(ctx, "record.py", s.scenario(name), "-o", recording,
		"--rest", s.REST, "--bootstrap", s.Bootstrap, "--mysql", s.MySQL, "--mariadb", s.MariaDB)
	if err != nil {
		return "", fmt.Errorf("playing %s: %w\n%s", name, err, out)
	}
	return recording, nil
}

// PlayREST sends the requests of rest/cases.txt and compares the answers. The worker must be alone in a fresh group.
func (s Suite) PlayREST(ctx context.Context) (Result, error) {
	answers, err := s.recordREST(ctx)
	if err != nil {
		return Result{}, err
	}
	return s.compare(ctx, "rest", "rest/play.py", "--compare", filepath.Join(s.Dir, "rest", "golden.json"), answers)
}

// RecordREST makes the answers of a worker, a Java worker that is, the golden ones.
func (s Suite) RecordREST(ctx context.Context) error {
	answers, err := s.recordREST(ctx)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(answers)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, "rest", "golden.json"), text, 0o644)
}

func (s Suite) recordREST(ctx context.Context) (string, error) {
	answers := filepath.Join(s.Out, "rest.json")
	out, err := s.python(ctx, "rest/play.py", "--rest", s.REST, "--bootstrap", s.Bootstrap, "--out", answers)
	if err != nil {
		return "", fmt.Errorf("playing the REST cases: %w\n%s", err, out)
	}
	return answers, nil
}

// compare runs a comparing script, whose exit status 1 says that there are differences.
func (s Suite) compare(ctx context.Context, name, script string, args ...string) (Result, error) {
	out, err := s.python(ctx, script, args...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(out, "Traceback")) {
		return Result{}, fmt.Errorf("comparing %s: %w\n%s", name, err, out)
	}
	return Result{Name: name, Equal: err == nil, Text: strings.TrimRight(out, "\n")}, nil
}

func (s Suite) python(ctx context.Context, script string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Python, append([]string{filepath.Join(s.Dir, script)}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
