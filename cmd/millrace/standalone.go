package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/distributed"
	"github.com/millrace/millrace/herder/standalone"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/worker/settings"
)

// runStandalone runs a worker without a cluster from a Java worker properties file,
// with the connectors of further files.
func runStandalone(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	props, err := kafka.LoadProperties(args[0])
	if err != nil {
		return err
	}
	a := &alone{}
	for _, file := range args[1:] {
		req, err := standalone.ReadConnector(file)
		if err != nil {
			return err
		}
		a.connectors = append(a.connectors, connectorFile{file, req})
	}
	return runNode(ctx, a, props, func(url string) { fmt.Fprintf(out, "millrace: REST API at %s\n", url) })
}

// alone is the mode of a worker that keeps its offsets in a file and everything
// else in memory.
type alone struct {
	set        *settings.Standalone
	connectors []connectorFile
	herder     *standalone.Herder
}

// connectorFile is a connector that the command line asks for.
type connectorFile struct {
	path string
	herder.PutRequest
}

func (*alone) command() string { return "ConnectStandalone" }

func (a *alone) settings(props kafka.Properties) (*settings.Worker, error) {
	var err error
	if a.set, err = settings.ReadStandalone(props); err != nil {
		return nil, err
	}
	return &a.set.Worker, nil
}

func (a *alone) build(ctx context.Context, n *node) (runningHerder, error) {
	offsets, err := offset.OpenFile(a.set.OffsetFile)
	if err != nil {
		return nil, fmt.Errorf("offset.storage.file.filename: %w", err)
	}
	n.atEnd(func() { offsets.Close(); n.disconnect() })
	if err := n.connect(ctx); err != nil {
		return nil, err
	}
	id, err := n.workerID()
	if err != nil {
		return nil, err
	}
	local := n.local(status.NewMemory(), herder.Validator{})
	a.herder = standalone.New(ctx, standalone.Config{
		URL: strings.TrimSuffix(n.server.URL(), "/") + "/",
		Distributed: distributed.Config{
			Core:      distributed.CoreConfig{RequestWait: requestWait, TopicTracking: a.set.TopicTracking},
			Forwarder: n.server.Client(), Local: local, WorkerID: id, Heal: n.set.Heal,
			Logger: n.levels.Logger("org.apache.kafka.connect.runtime.standalone.StandaloneHerder"),
		},
	})
	local.Runtime = n.runtime(a.herder.Reporter, offsets, kafka.Topic{})
	return a.herder, nil
}

// begin creates the connectors in the order of the command line. One that cannot
// be created ends the worker, as in Java (ConnectStandalone.processExtraArgs).
func (a *alone) begin(ctx context.Context) error {
	for _, c := range a.connectors {
		if _, err := a.herder.PutConnector(ctx, c.PutRequest); err != nil {
			return fmt.Errorf("creating the connector of %s: %w", c.path, err)
		}
	}
	a.herder.Ready()
	return nil
}
