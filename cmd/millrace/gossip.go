package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/worker"
)

// talker is a worker's gossip. load is set before it runs.
type talker struct {
	*gossip.Gossip
	load func() worker.Load
}

// gossip listens to other workers if the properties want it; nil otherwise.
func (c *cluster) gossip(n *node) (*talker, error) {
	set := c.set.Gossip
	if !set.On {
		return nil, nil
	}
	secret, err := gossipSecret(set.Secret.Reveal(), set.SecretFile)
	if err != nil {
		return nil, err
	}
	t := &talker{}
	var meter gossip.Meter
	cfg := gossip.Config{
		Group: c.set.Group, URL: strings.TrimSuffix(n.server.URL(), "/") + "/",
		Bind: set.Bind, Advertise: set.Advertise, Join: set.Join, Secret: secret,
		Load: func() gossip.Load {
			l := t.load()
			return gossip.Load{Busy: meter.Busy(), Lag: l.Lag, Records: l.Records}
		},
		Logger: n.levels.Logger("org.apache.kafka.connect.runtime.distributed.Gossip"),
	}
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("worker properties: %w", err)
	}
	if t.Gossip, err = gossip.Start(cfg); err != nil {
		return nil, err
	}
	n.atEnd(t.Close)
	t.Register(n.metrics)
	return t, nil
}

func gossipSecret(text, file string) (string, error) {
	if file == "" {
		return text, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("gossip.secret.file: %w", err)
	}
	if text = strings.TrimSpace(string(b)); text == "" {
		return "", fmt.Errorf("gossip.secret.file: %s is empty", file)
	}
	return text, nil
}

// gossiping is a herder that gossips while it runs.
type gossiping struct {
	*distributed.Herder
	talk *gossip.Gossip
}

// Run runs both; the herder says good-bye by gossip before it ends.
func (g gossiping) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	talking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	wg.Go(func() { g.talk.Run(talking) })
	return g.Herder.Run(ctx)
}
