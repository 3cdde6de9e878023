//go:build real

package cluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// settle is how long a second instance is given to show itself: sources look for new lines every second at most.
const settle = 1500 * time.Millisecond

// pass appends a line to the file of each source and sees it arrive once, in the topic and in the sink's file.
func (g *group) pass(when string) error {
	g.t.Helper()
	g.stage++
	var lines []string
	for _, name := range g.sources() {
		line := fmt.Sprintf("%s stage %d", name, g.stage)
		lines = append(lines, line)
		g.appendLine(name, line)
	}
	if g.want["db"] != nil {
		g.insert(g.stage)
		lines = append(lines, row(g.stage))
	}
	g.appended = append(g.appended, lines...)
	eventually(g.t, "lines arrive "+when, func() error {
		err := g.arrived(lines)
		if errors.Is(err, errTwice) { // which waiting does not mend
			return nil
		}
		return err
	})
	time.Sleep(settle)
	return g.arrived(lines)
}

func (g *group) sources() []string {
	return slices.DeleteFunc(g.names(), func(name string) bool { return g.want[name].config["topic"] == "" })
}

func (g *group) appendLine(file, line string) {
	f, err := os.OpenFile(g.file(file), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		g.t.Error(err)
		return
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		g.t.Error(err)
	}
}

// topicOf is where a line goes: that of a file's source, or a row of the table.
func (g *group) topicOf(line string) string {
	source, _, file := strings.Cut(line, " ")
	if !file {
		return g.rows()
	}
	return g.want[source].config["topic"]
}

// arrived checks that each of the lines is once in its topic and once in its sink's file.
func (g *group) arrived(lines []string) error {
	for _, line := range lines {
		topic := g.topicOf(line)
		if err := once(g.tally.of(topic, line)); err != nil {
			return fmt.Errorf("%q in the topic: %w", line, err)
		}
		if topic == g.rows() {
			continue
		}
		text, err := os.ReadFile(g.file("k" + strings.TrimPrefix(topic, g.group+"-t")))
		if err != nil {
			return err
		}
		if err := once(strings.Count("\n"+string(text), "\n"+line+"\n")); err != nil {
			return fmt.Errorf("%q in the sink's file: %w", line, err)
		}
	}
	return nil
}

var errTwice = errors.New("it came more than once")

func once(n int) error {
	switch n {
	case 0:
		return errors.New("it has not come")
	case 1:
		return nil
	}
	return errTwice
}

// consumers checks that each task of a sink, and nobody else, is a member of the sink's consumer group.
func (g *group) consumers() error {
	var sinks []string
	for _, name := range g.names() {
		if strings.HasPrefix(name, "k") {
			sinks = append(sinks, "connect-"+name)
		}
	}
	groups, err := g.admin.DescribeConsumerGroups(sinks)
	if err != nil {
		return err
	}
	for _, d := range groups {
		name := strings.TrimPrefix(d.GroupId, "connect-")
		var ids []string
		for _, m := range d.Members {
			ids = append(ids, m.ClientId)
		}
		slices.Sort(ids)
		if len(ids) != g.want[name].tasks || len(slices.Compact(ids)) != len(d.Members) {
			return fmt.Errorf("the consumers of %s are %v (%s)", name, ids, d.State)
		}
	}
	return nil
}

// flow appends lines to the files of all sources, and rows to the table, from now on until complete is called: whatever
// happens to workers, happens to something that is under way.
func (g *group) flow() {
	sources, rows := g.sources(), g.want["db"] != nil
	stop, stopped := make(chan struct{}), make(chan struct{})
	g.endFlow = sync.OnceFunc(func() { close(stop); <-stopped })
	g.t.Cleanup(g.endFlow)
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			for _, source := range sources {
				line := fmt.Sprintf("%s flow %d", source, n)
				g.appendLine(source, line)
				g.flowed = append(g.flowed, line)
			}
			if rows {
				g.insert(firstFlowing + n)
				g.flowed = append(g.flowed, row(firstFlowing+n))
			}
			select {
			case <-stop:
				return
			case <-time.After(flowPause):
			}
		}
	}()
}

const (
	flowPause    = 200 * time.Millisecond
	firstFlowing = 1_000_000 // id of a row
)

func (g *group) insert(id int) {
	if err := g.mysql.Exec(fmt.Sprintf("INSERT INTO %s.t VALUES (%d)", g.group, id)); err != nil {
		g.t.Error(err)
	}
}

// row is what becomes of a row in its topic.
func row(id int) string { return fmt.Sprintf(`{"id":%d}`, id) }

// complete checks, at the end, that every line that was ever appended came, and came once if that was promised.
func (g *group) complete() {
	g.t.Helper()
	g.endFlow()
	all := append(g.flowed, g.appended...)
	eventually(g.t, "every line arrives", func() error {
		for _, line := range all {
			if g.tally.of(g.topicOf(line), line) == 0 {
				return fmt.Errorf("%q has not come", line)
			}
		}
		return nil
	})
	time.Sleep(settle)
	repeated := 0
	for _, line := range all {
		repeated += g.tally.of(g.topicOf(line), line) - 1
	}
	g.t.Logf("%d lines, %d repeated", len(all), repeated)
	if g.exactlyOnce && repeated > 0 {
		g.t.Errorf("%d lines came more than once", repeated)
	}
}

// tally counts the committed lines of topics as they come.
type tally struct {
	mu    sync.Mutex
	lines map[string]map[string]int // by topic
	moved time.Time                 // when the last line came
}

// watch counts a topic's lines from now on to the end of the test.
func (g *group) watch(topic string) {
	g.t.Helper()
	consumer, err := sarama.NewConsumerFromClient(g.client)
	if err != nil {
		g.t.Fatal(err)
	}
	var partitions []int32
	eventually(g.t, "partitions of "+topic, func() (err error) {
		partitions, err = consumer.Partitions(topic)
		return err
	})
	g.tally.mu.Lock()
	g.tally.lines[topic] = map[string]int{}
	g.tally.mu.Unlock()
	for _, p := range partitions {
		var c sarama.PartitionConsumer
		eventually(g.t, "the leader of "+topic, func() (err error) { // which takes a moment to take office
			c, err = consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
			return err
		})
		g.t.Cleanup(func() {
			if err := c.Close(); err != nil {
				g.t.Error(err)
			}
		})
		go func() {
			for m := range c.Messages() {
				g.tally.count(topic, string(m.Value))
			}
		}()
	}
}

func (y *tally) count(topic, line string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.lines[topic][line]++
	y.moved = time.Now()
}

func (y *tally) of(topic, line string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.lines[topic][line]
}
