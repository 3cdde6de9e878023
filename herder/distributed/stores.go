package distributed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
)

// ConfigTopic is what the herder needs of the config topic. NewConfigTopic makes
// one of a config store.
type ConfigTopic interface {
	// Start reads the topic to its end, calls read with the state, and from then
	// on changed with each new state, one call at a time and in order.
	Start(ctx context.Context, read func(ConfigsRead), changed func(ConfigsChanged)) error
	// Write returns when it has read what it wrote, after changed was called for
	// it. fenced says that another worker is the leader. key is written by PutKey.
	Write(ctx context.Context, op Op, key Key) (fenced bool, err error)
	// Claim takes the leader's privilege to write.
	Claim(ctx context.Context) error
	// Refresh returns when everything that is in the topic now has been read and
	// changed has been called for it.
	Refresh(ctx context.Context) error
}

// Forwarder reaches other workers over their REST API with signed requests. A
// *herder.Error with the kind of the other worker's answer comes back as it is.
type Forwarder interface {
	PutTaskConfigs(ctx context.Context, workerURL, connector string, configs []map[string]string, key herder.SessionKey) error
	FenceZombies(ctx context.Context, workerURL, connector string, key herder.SessionKey) error
}

// NewConfigTopic makes a store what the herder needs, and starts it at once, so
// that it is read while other things start. The store is closed by whoever
// opened it.
func NewConfigTopic(ctx context.Context, store config.Store) ConfigTopic {
	t := &storeTopic{store: store, started: make(chan struct{})}
	go func() {
		defer close(t.started)
		t.first, t.err = store.Start(ctx, t.listen)
	}()
	return t
}

// storeTopic keeps changes until somebody listens.
type storeTopic struct {
	store   config.Store
	started chan struct{}
	first   *config.State // valid, as err, once started is closed
	err     error

	mu      sync.Mutex // held while changed is called, so that calls keep their order
	backlog []ConfigsChanged
	changed func(ConfigsChanged)
}

func (t *storeTopic) listen(after *config.State, changes []config.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := ConfigsChanged{after, translate(changes)}
	if t.changed == nil {
		t.backlog = append(t.backlog, e)
		return
	}
	t.changed(e)
}

func (t *storeTopic) Start(ctx context.Context, read func(ConfigsRead), changed func(ConfigsChanged)) error {
	select {
	case <-t.started:
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.err != nil {
		return t.err
	}
	e := ConfigsRead{Snapshot: t.first}
	if k := t.first.SessionKey(); k != nil {
		key := Key(*k)
		e.Key = &key
	}
	read(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.backlog {
		changed(e)
	}
	t.backlog, t.changed = nil, changed
	return nil
}

func translate(changes []config.Change) []Change {
	out := make([]Change, 0, len(changes))
	for _, c := range changes {
		switch c.Kind {
		case config.ConnectorAdded:
			out = append(out, ConnectorAdded{c.Connector})
		case config.ConnectorChanged:
			out = append(out, ConnectorChanged{c.Connector})
		case config.ConnectorRemoved:
			out = append(out, ConnectorRemoved{c.Connector})
		case config.TasksChanged:
			out = append(out, TasksChanged{c.Connector})
		case config.TargetChanged:
			out = append(out, TargetChanged{c.Connector})
		case config.RestartRequested:
			out = append(out, RestartRequested{herder.RestartRequest(c.Restart)})
		case config.SessionKeyChanged:
			out = append(out, KeyChanged{Key(c.Key)})
		case config.LevelChanged:
			out = append(out, LevelChanged{c.Logger, c.Level})
		}
	}
	return out
}

func (t *storeTopic) Write(ctx context.Context, op Op, key Key) (fenced bool, err error) {
	switch op := op.(type) {
	case PutConnector:
		err = t.store.PutConnector(ctx, op.Name, op.Config, op.Target)
	case RemoveConnector:
		err = t.store.RemoveConnector(ctx, op.Name)
	case PutTasks:
		err = t.store.PutTasks(ctx, op.Name, op.Configs)
	case PutTarget:
		err = t.store.PutTarget(ctx, op.Name, op.Target)
	case PutTaskCount:
		err = t.store.PutTaskCount(ctx, op.Name, op.Tasks)
	case PutRestart:
		err = t.store.PutRestart(ctx, config.Restart(op.RestartRequest))
	case PutLevel:
		err = t.store.PutLoggerLevel(ctx, op.Logger, op.Level)
	case PutKey:
		err = t.store.PutSessionKey(ctx, config.SessionKey(key))
	default:
		err = fmt.Errorf("the config topic has no record for %T", op)
	}
	return errors.Is(err, kafka.ErrFenced), err
}

func (t *storeTopic) Claim(ctx context.Context) error   { return t.store.Claim(ctx) }
func (t *storeTopic) Refresh(ctx context.Context) error { return t.store.Refresh(ctx) }
