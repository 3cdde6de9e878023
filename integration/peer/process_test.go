package peer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell describes a process that writes a file once it runs; it is ready when the file is there to be removed.
func shell(t *testing.T, script string) Spec {
	t.Helper()
	dir := t.TempDir()
	return Spec{
		Name: "sh", Dir: dir,
		Args: []string{"sh", "-c", script},
		Env:  []string{"READY=" + filepath.Join(dir, "ready")},
		Ready: func(context.Context) error {
			return os.Remove(filepath.Join(dir, "ready"))
		},
	}
}

func TestProcessLives(t *testing.T) {
	p, err := Start(t.Context(), shell(t, `echo "life"; trap 'exit 0' TERM; touch "$READY"; while :; do sleep 0.01; done`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	first := p.Pid()
	p.Kill()
	if p.Running() {
		t.Error("running after Kill")
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop of a killed process: %v", err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.Running() || p.Pid() == first {
		t.Errorf("running %v, pid %d; the first was %d", p.Running(), p.Pid(), first)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if got := strings.Count(p.LogTail(10), "life"); got != 2 {
		t.Errorf("the log tells of %d lives; want 2", got)
	}
}

func TestStopReportsExitStatus(t *testing.T) {
	p, err := Start(t.Context(), shell(t, `trap 'exit 66' TERM; touch "$READY"; while :; do sleep 0.01; done`))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "66") {
		t.Errorf("Stop: %v; want exit status 66", err)
	}
}

func TestStartFails(t *testing.T) {
	ended := shell(t, `echo "why it ended"; exit 3`)
	mute := shell(t, `echo "mute"; sleep 60`)
	mute.Timeout = 100 * time.Millisecond
	missing := shell(t, "")
	missing.Args = []string{"/no/such/program"}
	for name, c := range map[string]struct {
		spec Spec
		want []string
	}{
		"ended":   {ended, []string{"exit status 3", "why it ended"}},
		"mute":    {mute, []string{"no answer in 100ms", "mute"}},
		"missing": {missing, []string{"/no/such/program"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), c.spec)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestFill(t *testing.T) {
	a, b, c := 0, 21999, 0
	if err := fill(&a, &b, &c); err != nil {
		t.Fatal(err)
	}
	if a == 0 || c == 0 || a == c || a == b || b != 21999 {
		t.Errorf("chose %d, %d, %d", a, b, c)
	}
	if err := fill(&b, &b); err == nil {
		t.Error("one port for two purposes is no error")
	}
}

func TestWriteProperties(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	err := writeProperties(path, merge(map[string]string{"b": "1", "a": "x"}, map[string]string{"b": `c:\d`}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "a=x\nb=c:\\\\d\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestReleaseOf(t *testing.T) {
	if r, err := releaseOf("2.7"); err != nil || r.logFile != "log4j.properties" {
		t.Errorf("2.7: %+v, %v", r, err)
	}
	if _, err := releaseOf("3"); !errors.Is(err, errRelease) {
		t.Errorf("3: %v; want errRelease", err)
	}
}
