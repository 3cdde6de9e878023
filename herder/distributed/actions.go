package distributed

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/millrace/millrace/herder"
)

// perform does an action, or starts it and lets its end come as an event.
func (h *Herder) perform(a Action) {
	switch a := a.(type) {
	case Join:
		h.member.Join(a.Standing)
	case Sync:
		h.member.Sync(a.Generation, a.Assignments)
	case Leave:
		h.member.Leave(a.Reason)
	case StartConnector:
		h.startConnector(a.Name, 0)
	case StartTask:
		h.startTask(a.ID, a.Generation)
	case Stop:
		h.stop(a)
	case Restart:
		h.restart(a)
	case Retarget:
		h.retarget(a)
	case GenerateTasks:
		h.generateTasks(a.Name)
	case Reply:
		h.answer(a)
	case Log:
		h.log.Log(h.ctx, a.Level, a.Message, a.Args...)
	default:
		h.background(a)
	}
}

// background does what takes time but concerns no single connector or task.
func (h *Herder) background(a Action) {
	h.async(func(ctx context.Context) Event {
		switch a := a.(type) {
		case Release:
			return h.release(ctx, a)
		case PublishTasks:
			return h.publishTasks(ctx, a)
		case Write:
			return h.write(ctx, a)
		case Claim:
			return Claimed{h.cfg.Configs.Claim(ctx)}
		case Refresh:
			return Refreshed{a.ID, h.cfg.Configs.Refresh(ctx)}
		case FenceProducers:
			return h.fenceProducers(ctx, a)
		case PlanRestart:
			plan, err := h.PlanRestart(ctx, a.RestartRequest)
			return Planned{plan, err == nil}
		case CleanStatuses:
			if err := h.Reporter.Clean(ctx, h.Local.Configs); err != nil && ctx.Err() == nil {
				h.log.Warn("statuses of deleted connectors and tasks may be left until the next rebalance", "error", err)
			}
		case SetLevel:
			h.Levels.Set(a.Logger, a.Level)
		}
		return nil
	})
}

func (h *Herder) async(work func(ctx context.Context) Event) {
	go func() {
		if e := work(h.ctx); e != nil {
			h.box.put(e)
		}
	}()
}

func (h *Herder) release(ctx context.Context, a Release) Event {
	for _, name := range a.Gone {
		h.Statuses.DeleteTopics(name)
	}
	if err := h.Statuses.Flush(ctx); err != nil {
		h.log.Warn("statuses were not written before the next round of the group", "error", err)
	}
	return Released{a.Barrier}
}

func (h *Herder) write(ctx context.Context, a Write) Event {
	var key Key
	if _, ok := a.Op.(PutKey); ok {
		key = Key{Bytes: make([]byte, h.cfg.Core.KeySize), Algorithm: h.cfg.Core.KeyAlgorithm, Created: time.Now()}
		rand.Read(key.Bytes)
	}
	fenced, err := h.cfg.Configs.Write(ctx, a.Op, key)
	return Wrote{ID: a.ID, Err: err, Fenced: fenced}
}

func (h *Herder) publishTasks(ctx context.Context, a PublishTasks) Event {
	err := h.cfg.Forwarder.PutTaskConfigs(ctx, a.Leader, a.Name, a.Configs, h.sessionKey())
	return Published{Name: a.Name, Err: err, KeyRejected: err != nil && herder.KindOf(err) == herder.Forbidden}
}

func (h *Herder) fenceProducers(ctx context.Context, a FenceProducers) Event {
	config, err := h.config(ctx, a.Name)
	if err == nil {
		err = h.Runtime.FenceZombies(ctx, a.Name, config, a.Tasks)
	}
	return FencedProducers{a.ID, a.Name, err}
}

// config returns a connector's configuration with secrets in place.
func (h *Herder) config(ctx context.Context, name string) (map[string]string, error) {
	s, err := h.Local.Configs(ctx)
	if err != nil {
		return nil, err
	}
	if !s.Contains(name) {
		return nil, herder.ErrNotFound(name)
	}
	config, _, err := h.Resolver.Resolve(ctx, s.Config(name))
	return config, err
}

func (h *Herder) answer(a Reply) {
	if ch := h.asked[a.ID]; ch != nil {
		delete(h.asked, a.ID)
		ch <- a
	}
}
