package worker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker/metrics"
)

// sinkTask runs a sink task (WorkerSinkTask). Its goroutines:
//
//	loop      owns the task, all offsets and the records being delivered
//	members   takes part in the consumer group; asks loop to open and close partitions
//	claims    one for each assigned partition; bring messages
//
// The legal order of what loop sees is (assigned message* revoked)*.
type sinkTask struct {
	lifecycle
	config map[string]string // of the task
	task   connect.SinkTask

	metrics *metrics.SinkTask
	own     *metrics.Plugin // the task's own metrics
	parts   atomic.Int64    // partitions assigned, for the metrics
	active  atomic.Int64    // records read and not committed, for the metrics
	reader  *sinkReader
	members *members
	release func() // gives the client back

	// Below: loop's.
	session  *session // nil while nothing is assigned
	deliver  delivery
	resumed  []message // came while their partitions were paused
	commitAt time.Time
	asked    bool // the task wants a commit now
	timeout  time.Duration
	used     map[string]bool // topics that were reported
}

// newSinkTask builds all that the task needs. Nothing runs yet.
func (w *Worker) newSinkTask(ctx context.Context, p *connect.Plugin, start TaskStart) (_ *sinkTask, err error) {
	t := &sinkTask{config: maps.Clone(start.TaskConfig), task: p.NewSinkTask(), used: map[string]bool{}}
	t.begin(w, p, start)
	t.metrics = w.cfg.Metrics.SinkTask(taskInfo(start.ID, p),
		func() int { return int(t.parts.Load()) }, func() int { return int(t.active.Load()) })
	t.common, t.own = t.metrics.Task, t.metrics.Plugin()
	defer func() {
		if err != nil {
			t.abandon()
			t.close(ctx)
			t.metrics.Close()
		}
	}()
	if t.reader, err = w.newSinkReader(ctx, t, start.ConnectorConfig); err != nil {
		return nil, err
	}
	overrides := kafka.Properties(start.ConnectorConfig).WithPrefix("consumer.override.")
	props := sinkConsumerProperties(w.cfg.Properties, start.ID, overrides)
	client, release, err := w.clients.get(ctx, kafka.RoleConsumer, props)
	if err != nil {
		return nil, err
	}
	t.release = release
	t.deliver.most = client.Settings.Consumer.MaxPollRecords
	t.members, err = newMembers(t, client, props["group.id"], start.ConnectorConfig)
	return t, err
}

// sinkConsumerProperties are those of Java's Worker.baseConsumerConfigs.
func sinkConsumerProperties(worker kafka.Properties, id state.TaskID, overrides map[string]string) kafka.Properties {
	base := kafka.Properties{
		"group.id":           sinkGroup(id.Connector, nil),
		"client.id":          "connector-consumer-" + id.String(),
		"bootstrap.servers":  worker["bootstrap.servers"],
		"enable.auto.commit": "false",
		"auto.offset.reset":  "earliest",
	}
	return base.With(worker.WithPrefix("consumer.")).With(overrides)
}

// sinkGroup is the consumer group of a sink connector.
func sinkGroup(connector string, overrides map[string]string) string {
	if own := overrides["group.id"]; own != "" {
		return own
	}
	return "connect-" + connector
}

func (t *sinkTask) run() { go t.live(t, t.task.Stop) }

func (t *sinkTask) start() error { return t.task.Start(t.polling, sinkContext{t}, t.config) }

// work consumes until the task is stopped or fails; partitions are closed by then.
func (t *sinkTask) work() error {
	ctx, leave := context.WithCancel(t.working)
	defer leave()
	ended := make(chan error, 1)
	go func() { ended <- t.members.run(ctx) }()
	err := t.loop(leave, ended)
	leave()
	return err
}

// loop is the life of the task between Start and Stop. leave makes the member
// leave the group, which revokes its partitions first; ended says why it has.
func (t *sinkTask) loop(leave context.CancelFunc, ended <-chan error) error {
	t.commitAt = t.w.cfg.Now().Add(t.w.cfg.FlushInterval)
	var failure error
	stopping := t.polling.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	fail := func(err error) {
		if err != nil && failure == nil {
			failure = err
			t.stopPoll(err)
		}
	}
	for {
		var messages <-chan message
		if failure == nil && t.polling.Err() == nil && t.pause.open() && t.deliver.idle() {
			if len(t.resumed) > 0 {
				fail(t.deliverResumed())
				continue
			}
			messages = t.members.messages
		}
		timer.Reset(t.untilNext())
		select {
		case <-stopping:
			stopping = nil
			leave()
		case err := <-ended:
			fail(err)
			return failure
		case r := <-t.members.requests:
			err := t.rebalance(r)
			fail(err)
			r.done <- err
		case m := <-messages:
			err := guard(func() error { return t.collect(t.working, m) })
			fail(firstOf(err, t.put(t.working)))
		case <-t.pause.moved:
		case <-timer.C:
			if failure == nil {
				fail(t.onTime())
			}
		}
	}
}

// deliverResumed puts what came while its partition was paused.
func (t *sinkTask) deliverResumed() error {
	messages := t.resumed
	t.resumed = nil
	var err error
	for i := 0; i < len(messages) && err == nil; i++ {
		err = t.add(t.working, messages[i])
	}
	return firstOf(err, t.put(t.working))
}

// untilNext is how long the loop may sleep.
func (t *sinkTask) untilNext() time.Duration {
	now := t.w.cfg.Now()
	next := t.commitAt
	if !t.deliver.idle() && t.deliver.retryAt.Before(next) {
		next = t.deliver.retryAt
	}
	if t.asked {
		next = now
	}
	return max(next.Sub(now), 0)
}

// onTime commits when it is time to, and delivers again what the task could not
// take.
func (t *sinkTask) onTime() error {
	now := t.w.cfg.Now()
	if t.asked || !now.Before(t.commitAt) {
		t.asked = false
		t.commitAt = now.Add(t.w.cfg.FlushInterval)
		if t.deliver.idle() && t.session != nil && t.pause.open() {
			if err := t.put(t.working); err != nil { // nothing: tasks take it for a tick
				return err
			}
		}
		if err := t.commit(false); err != nil {
			return err
		}
	}
	if !t.deliver.idle() && !now.Before(t.deliver.retryAt) {
		return t.put(t.working)
	}
	return nil
}

// rebalance takes over or gives up an assignment for the members goroutine.
func (t *sinkTask) rebalance(r request) error {
	l, listens := t.task.(connect.PartitionListener)
	if r.assigned {
		t.session = r.session
		t.parts.Store(int64(len(r.session.claims)))
		if !listens {
			return nil
		}
		if err := guard(func() error { return l.Open(t.working, t.assignment()) }); err != nil {
			return fmt.Errorf("opening partitions: %w", err)
		}
		return nil
	}
	t.deliver.drop()
	t.metrics.Waiting.End()
	t.resumed = nil
	t.members.drain()
	// What is not committed is consumed again.
	err := t.commit(true)
	if listens {
		if closeErr := guard(func() error { return l.Close(t.working, t.assignment()) }); closeErr != nil {
			err = firstOf(err, fmt.Errorf("closing partitions: %w", closeErr))
		}
	}
	t.session = nil
	t.parts.Store(0)
	t.measure()
	return err
}

func (t *sinkTask) claims() map[connect.TopicPartition]*claim {
	if t.session == nil {
		return nil
	}
	return t.session.claims
}

// assignment lists the partitions that the task has, in order.
func (t *sinkTask) assignment() []connect.TopicPartition {
	return slices.SortedFunc(maps.Keys(t.claims()), func(a, b connect.TopicPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), int(a.Partition-b.Partition))
	})
}

// commit commits what the task says is done. With closing, a task that fails to
// say loses nothing but the commit; otherwise it is rewound to what was
// committed last, as Java does.
func (t *sinkTask) commit(closing bool) error {
	if t.silent.Load() || t.session == nil {
		return nil
	}
	if err := t.reader.flushReports(t.working); err != nil {
		return err
	}
	current := map[connect.TopicPartition]int64{}
	for tp, c := range t.claims() {
		if c.next >= 0 {
			current[tp] = c.next
		}
	}
	done := current
	if p, ok := t.task.(connect.PreCommitter); ok {
		began := t.w.cfg.Now()
		err := guard(func() (err error) {
			done, err = p.PreCommit(t.working, maps.Clone(current))
			return err
		})
		if err != nil {
			t.metrics.Committed(began, err)
			t.log.Error("the task failed to flush; going on from the offsets committed last", "error", err)
			if !closing {
				t.rewind()
			}
			return nil
		}
	}
	offsets := t.checked(done)
	if len(offsets) == 0 {
		return nil
	}
	began := t.w.cfg.Now()
	t.metrics.CommitSeq.Add(1)
	t.session.commit(offsets)
	t.metrics.Committed(began, nil)
	t.metrics.Completed.Add(1)
	t.measure()
	return nil
}

// measure notes how many records were read and are not committed, in all and at
// most of one partition.
func (t *sinkTask) measure() {
	var sum, most int64
	for _, c := range t.claims() {
		n := c.uncommitted()
		sum, most = sum+n, max(most, n)
	}
	t.active.Store(sum)
	t.metrics.Active.Note(float64(sum))
	t.metrics.Behind.Set(float64(most))
}

// checked leaves out offsets that a task must not commit.
func (t *sinkTask) checked(done map[connect.TopicPartition]int64) map[*claim]int64 {
	out := map[*claim]int64{}
	for tp, offset := range done {
		c := t.claims()[tp]
		switch {
		case c == nil:
			t.log.Warn("the task wants to commit an offset of a partition that it does not have", "topic", tp.Topic, "partition", tp.Partition)
		case offset > c.next:
			t.log.Warn("the task wants to commit an offset beyond what it got", "topic", tp.Topic, "partition", tp.Partition, "offset", offset, "got", c.next)
		case offset != c.committed:
			out[c] = offset
		}
	}
	return out
}

// rewind goes back to the offsets committed last.
func (t *sinkTask) rewind() {
	t.deliver.drop()
	for _, c := range t.claims() {
		if c.committed >= 0 && c.next > c.committed {
			c.seek(c.committed)
		}
	}
}

// close gives everything back.
func (t *sinkTask) close(ctx context.Context) {
	if t.members != nil {
		if err := t.members.close(); err != nil {
			t.log.Debug("leaving the consumer group failed", "error", err)
		}
	}
	if t.reader != nil {
		if err := t.reader.close(ctx); err != nil {
			t.log.Warn("closing transforms or the dead letter queue failed", "error", err)
		}
	}
	if t.release != nil {
		t.release()
	}
}
