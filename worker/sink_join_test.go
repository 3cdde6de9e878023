package worker

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
)

// slowGroup is a connector whose first task is busy, while its second one waits in the group for it.
type slowGroup struct {
	*rig
	log    *syncBuffer
	sinks  [2]*listSink
	second state.TaskID
	finish func() // the first task's work
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

const shortRequest = 300 * time.Millisecond

func newSlowGroup(t *testing.T) *slowGroup {
	t.Helper()
	g := &slowGroup{log: &syncBuffer{}, second: state.TaskID{Connector: "list", Task: 1}}
	busy, done := make(chan struct{}), make(chan struct{})
	g.finish = sync.OnceFunc(func() { close(done) })
	t.Cleanup(g.finish)
	made := 0
	makeSink := func() connect.SinkTask {
		s := newListSink()
		g.sinks[made] = s
		if made++; made == 1 {
			s.onPut = func(_ *listSink, records []connect.SinkRecord) error {
				if len(records) > 0 && records[0].Value.Str() == "slow" {
					close(busy)
					<-done
				}
				return nil
			}
		}
		return s
	}
	g.rig = newRig(t, sink("test.ListSink", makeSink), func(_ *rig, c *Config) {
		c.Loggers = func(string) *slog.Logger {
			return slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), g.log), nil))
		}
	})
	g.write("in", "slow")
	config := sinkConfig("consumer.override.request.timeout.ms", "300", "consumer.override.heartbeat.interval.ms", "50")
	g.rig.start("list", config)
	<-busy
	start := TaskStart{ID: g.second, ConnectorConfig: config, TaskConfig: config, Target: state.TargetStarted}
	if err := g.worker.StartTask(testContext(t), start); err != nil {
		t.Fatal(err)
	}
	if _, err := g.cluster.Fake.WaitGroupInfo(testContext(t), "connect-list", func(i *kfake.GroupInfo) bool {
		return i != nil && i.State == "PreparingRebalance" && len(i.Members) == 2
	}); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSinkWaitsForASlowMember(t *testing.T) {
	t.Parallel()
	g := newSlowGroup(t)
	time.Sleep(4 * shortRequest)
	g.finish()
	if _, err := g.cluster.Fake.WaitGroupStable(testContext(t), "connect-list", 2); err != nil {
		t.Fatal(err)
	}
	g.worker.StopTasks(testContext(t), state.TaskID{Connector: "list"}, g.second)
	if strings.Contains(g.log.String(), "level=WARN") {
		t.Error("there were warnings")
	}
}

func TestSinkStopsWhileItWaitsForASlowMember(t *testing.T) {
	t.Parallel()
	g := newSlowGroup(t)
	g.stop(g.second)
	if got, want := g.sinks[1].transcript(), "start, stop"; got != want {
		t.Errorf("calls were %s, want %s", got, want)
	}
	if strings.Contains(g.log.String(), "level=WARN") {
		t.Error("there were warnings")
	}
	g.finish()
}
