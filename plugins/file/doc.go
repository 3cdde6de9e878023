// Package file holds Kafka's FileStreamSource and FileStreamSink connectors:
// lines of a file as records, and records as lines of a file.
//
// Unlike Java's source, which counts characters, positions are bytes, so that a
// restart finds its place behind text that is not ASCII, and the sink reports
// failed writes.
package file

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const (
	version = "4.3.1"
	pkg     = "org.apache.kafka.connect.file."
)

// Plugins describes the connectors.
func Plugins() []connect.Plugin {
	return []connect.Plugin{
		{
			Class: pkg + "FileStreamSourceConnector", Version: version, Kind: connect.KindSource, Def: sourceDef(),
			TaskClass:     pkg + "FileStreamSourceTask",
			NewConnector:  func() connect.Connector { return &sourceConnector{connector{def: sourceDef(), one: true}} },
			NewSourceTask: func() connect.SourceTask { return &sourceTask{} },
		},
		{
			Class: pkg + "FileStreamSinkConnector", Version: version, Kind: connect.KindSink, Def: sinkDef(),
			TaskClass:    pkg + "FileStreamSinkTask",
			NewConnector: func() connect.Connector { return &sinkConnector{connector{def: sinkDef()}} },
			NewSinkTask:  func() connect.SinkTask { return &sinkTask{} },
		},
	}
}

// connector is what both connectors share: tasks get its own configuration.
type connector struct {
	def    *configdef.Def
	one    bool // at most one task makes sense
	config map[string]string
}

// Start implements connect.Connector.
func (c *connector) Start(_ context.Context, cc connect.ConnectorContext, config map[string]string) error {
	v, err := c.def.Parse(config)
	if err != nil {
		return err
	}
	c.config = config
	cc.Logger().Info("Starting file connector", slog.String("file", v.String("file")))
	return nil
}

// TaskConfigs implements connect.Connector.
func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	n := maxTasks
	if c.one {
		n = 1
	}
	configs := make([]map[string]string, n)
	for i := range configs {
		configs[i] = c.config
	}
	return configs, nil
}

// Stop implements connect.Connector.
func (c *connector) Stop(context.Context) error { return nil }

func wrapOpen(name string, err error) error {
	if err != nil {
		return fmt.Errorf("opening file %s: %w", name, err)
	}
	return nil
}
