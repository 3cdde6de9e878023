package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/producer"
)

// topics gives the handles of topics, creating topics by the rules of the
// connector (KIP-158). It belongs to the goroutine that converts.
type topics struct {
	t       *sourceTask
	handles map[string]*producer.Topic
	last    string // the topic asked for last, with its handle: most records follow one of the same topic
	handle  *producer.Topic
	groups  []topicGroup // empty when the broker creates topics
	admin   kafka.Properties
}

// topicGroup says how topics are created whose names match.
type topicGroup struct {
	name             string
	include, exclude patterns
	partitions       int32
	replication      int16
	configs          map[string]string
}

func (w *Worker) newTopics(t *sourceTask, config map[string]string) (*topics, error) {
	x := &topics{t: t, handles: map[string]*producer.Topic{}, admin: w.adminOf(config)}
	if _, given := config["topic.creation.default.replication.factor"]; !given || !w.cfg.TopicCreation {
		return x, nil
	}
	names := append(configdef.Elements(config["topic.creation.groups"]), "default")
	for _, name := range names {
		g, err := readGroup(name, kafka.Properties(config).WithPrefix("topic.creation."+name+"."), kafka.Properties(config).WithPrefix("topic.creation.default."))
		if err != nil {
			return nil, err
		}
		x.groups = append(x.groups, g)
	}
	return x, nil
}

// readGroup reads a group's properties; what is missing comes from the default group.
func readGroup(name string, own, defaults map[string]string) (topicGroup, error) {
	g := topicGroup{name: name, configs: map[string]string{}}
	number := func(key string, bits int) (int64, error) {
		text, given := own[key]
		if !given {
			text = defaults[key]
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, bits)
		if err != nil || n == 0 || n < -1 {
			return 0, &connect.ConfigError{Key: "topic.creation." + name + "." + key, Err: fmt.Errorf("%q is neither a positive number nor -1, which takes the broker's default", text)}
		}
		return n, nil
	}
	partitions, err := number("partitions", 32)
	if err != nil {
		return g, err
	}
	replication, err := number("replication.factor", 16)
	if err != nil {
		return g, err
	}
	g.partitions, g.replication = int32(partitions), int16(replication)
	for _, list := range []struct {
		key string
		to  *patterns
	}{{"include", &g.include}, {"exclude", &g.exclude}} {
		if *list.to, err = parsePatterns(own[list.key]); err != nil {
			return g, &connect.ConfigError{Key: "topic.creation." + name + "." + list.key, Err: err}
		}
	}
	for key, value := range own {
		switch key {
		case "partitions", "replication.factor", "include", "exclude":
		default:
			g.configs[key] = value
		}
	}
	return g, nil
}

func (g *topicGroup) matches(topic string) (bool, error) {
	if g.name == "default" {
		return true, nil
	}
	if ok, err := g.include.match(topic); err != nil || !ok {
		return false, err
	}
	excluded, err := g.exclude.match(topic)
	return !excluded, err
}

// get returns the handle of a topic.
func (x *topics) get(ctx context.Context, name string) (*producer.Topic, error) {
	if name == x.last && x.handle != nil {
		return x.handle, nil
	}
	h := x.handles[name]
	if h == nil {
		var err error
		if h, err = x.open(ctx, name); err != nil {
			return nil, err
		}
		x.handles[name] = h
	}
	x.last, x.handle = h.Name(), h // the record's may live in its batch's memory
	return h, nil
}

// open makes sure that a topic exists, and tells that the task uses it.
func (x *topics) open(ctx context.Context, name string) (*producer.Topic, error) {
	name = strings.Clone(name)
	if len(x.groups) > 0 {
		stop, err := x.ensure(ctx, name)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	h, err := x.t.producer.Topic(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", name, err)
	}
	if l := x.t.w.cfg.Topics; l != nil {
		l.TopicUsed(x.t.id, name)
	}
	return h, nil
}

// ensure creates a topic that does not exist. One that may not be created is left to
// the broker, as in Java, and tried again until stop is called: the right to may come
// while the producer waits for the topic.
func (x *topics) ensure(ctx context.Context, name string) (stop func(), _ error) {
	err := x.create(ctx, name)
	if !errors.Is(err, kafka.ErrMayNotCreate) {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var trying sync.WaitGroup
	trying.Go(func() {
		var told kafka.Repeats
		for err != nil {
			told.Log(x.t.log, slog.LevelWarn, "a topic is missing: create it, or allow it", err)
			if !sleep(ctx, createPause) {
				return
			}
			err = x.create(ctx, name)
		}
	})
	return func() { cancel(); trying.Wait() }, nil
}

// createPause is between attempts to create a topic.
const createPause = time.Second

// create creates a topic that does not exist by the first group that matches.
func (x *topics) create(ctx context.Context, name string) error {
	admin, release, err := x.t.w.admin(ctx, x.admin)
	if err != nil {
		return err
	}
	defer release()
	if _, err := admin.DescribeTopic(ctx, name); err == nil || !errors.Is(err, kafka.ErrNoTopic) {
		return err
	}
	for i := range x.groups {
		g := &x.groups[i]
		ok, err := g.matches(name)
		if err != nil {
			return fmt.Errorf("choosing a group of topic.creation.groups for topic %s: %s: %w", name, g.name, err)
		}
		if !ok {
			continue
		}
		created, err := admin.CreateTopic(ctx, kafka.Topic{Name: name, Partitions: g.partitions, Replication: g.replication, Configs: g.configs})
		if err != nil {
			return fmt.Errorf("creating topic %s as topic.creation.%s.* says: %w", name, g.name, err)
		}
		if created {
			x.t.log.Info("created a topic", "topic", name, "group", g.name, "partitions", g.partitions, "replication", g.replication)
		}
		return nil
	}
	return nil
}

// patterns is a list of Java regular expressions.
type patterns []*configdef.Regex

func parsePatterns(list string) (patterns, error) {
	var ps patterns
	for _, text := range configdef.Elements(list) {
		p, err := configdef.CompileRegex(text)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// match reports whether an expression matches the whole of s.
func (ps patterns) match(s string) (bool, error) {
	for _, p := range ps {
		if ok, err := p.Matches(s); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}
