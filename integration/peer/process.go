package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Spec says how to run a process and how to see that it serves.
type Spec struct {
	Name    string
	Dir     string // must exist; receives NAME.log
	Args    []string
	Env     []string                    // besides this program's own
	Ready   func(context.Context) error // nil once the process serves; asked again and again until then
	Timeout time.Duration               // for Ready; zero means two minutes
}

const (
	defaultReady = 2 * time.Minute
	stopGrace    = 2 * time.Minute // a Java worker may wait a minute for its REST server alone (Jetty's stop timeout)
	pollInterval = 20 * time.Millisecond
)

// Process is a child process that may be ended and started again.
type Process struct {
	spec Spec

	mu  sync.Mutex // guards run
	run *run
}

// run is one life of the process. done is closed after cmd.Wait returned and err was set.
type run struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts a process and waits until it serves. When it does not, it is killed.
func Start(ctx context.Context, s Spec) (*Process, error) {
	p := &Process{spec: s}
	return p, p.Restart(ctx)
}

// Restart starts a process that has ended, with the command of its first start, and waits until it answers. One that
// still runs is stopped before.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	r, err := p.launch()
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.spec.Name, err)
	}
	if err := p.await(ctx, r); err != nil {
		r.kill()
		return fmt.Errorf("starting %s: %w; the end of %s:\n%s", p.spec.Name, err, p.LogFile(), p.LogTail(20))
	}
	return nil
}

func (p *Process) launch() (*run, error) {
	log, err := os.OpenFile(p.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child keeps its own descriptor
	cmd := exec.Command(p.spec.Args[0], p.spec.Args[1:]...)
	cmd.Env = append(os.Environ(), p.spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	r := &run{cmd: cmd, done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.run = r
	go func() {
		r.err = cmd.Wait()
		close(r.done)
	}()
	return r, nil
}

// await asks again and again whether the process serves, until it does, ends or takes too long.
func (p *Process) await(ctx context.Context, r *run) error {
	timeout := p.spec.Timeout
	if timeout == 0 {
		timeout = defaultReady
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := p.spec.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-r.done:
			return fmt.Errorf("it ended: %w", orEnded(r.err))
		case <-ctx.Done():
			return fmt.Errorf("no answer in %s: %w", timeout, err)
		case <-tick.C:
		}
	}
}

func orEnded(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

func (r *run) kill() {
	_ = r.cmd.Process.Kill() // fails only when the process has ended, which is what is wanted
	<-r.done
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	if r := p.current(); r != nil {
		r.kill()
	}
}

// Stop ends the process with SIGTERM and waits. The error tells of an exit status other than 0, or of a process that
// had to be killed because it did not end within two minutes. A process that was ended before is no error.
func (p *Process) Stop() error {
	r := p.current()
	if r == nil || r.over() {
		return nil
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // fails only when the process has ended
	select {
	case <-r.done:
	case <-time.After(stopGrace):
		r.kill()
		return fmt.Errorf("stopping %s: still running %s after SIGTERM", p.spec.Name, stopGrace)
	}
	if r.err != nil && !endedBy(r.err, syscall.SIGTERM) {
		return fmt.Errorf("stopping %s: %w", p.spec.Name, r.err)
	}
	return nil
}

// endedBy reports whether a signal ended the process, or the exit status by which a JVM says so.
func endedBy(err error, sig syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && (status.Signaled() && status.Signal() == sig || status.Exited() && status.ExitStatus() == 128+int(sig))
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Running reports whether the process is there.
func (p *Process) Running() bool {
	r := p.current()
	return r != nil && !r.over()
}

// Done is closed when the present life of the process ends.
func (p *Process) Done() <-chan struct{} { return p.current().done }

// Pid is the process id of the present or last life.
func (p *Process) Pid() int { return p.current().cmd.Process.Pid }

// Name is the peer's name in messages.
func (p *Process) Name() string { return p.spec.Name }

// Dir holds the peer's log and data.
func (p *Process) Dir() string { return p.spec.Dir }

// LogFile receives what the process prints, in all its lives.
func (p *Process) LogFile() string { return filepath.Join(p.spec.Dir, p.spec.Name+".log") }

// LogLines are the lines of the log that hold all the texts.
func (p *Process) LogLines(texts ...string) (found []string, err error) {
	log, err := os.ReadFile(p.LogFile())
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(log)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found = append(found, line)
		}
	}
	return found, nil
}

// LogTail returns the last n lines of the log.
func (p *Process) LogTail(n int) string {
	text, err := os.ReadFile(p.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
