// Package datagen holds source connectors that make their records up: Kafka's
// VerifiableSource, which system tests use with VerifiableSink, its counterpart,
// to find lost and repeated records, and DatagenSource, which fills topics with
// rows for demonstrations and measurements.
//
// The sources number the records of each task, and go on after the last number
// whose record was written when a task restarts.
package datagen

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// Plugins describes the connectors.
func Plugins() []connect.Plugin {
	return []connect.Plugin{
		{
			Class: "org.apache.kafka.connect.tools.VerifiableSourceConnector", Version: "4.3.1",
			Kind: connect.KindSource, Def: verifiableDef(),
			TaskClass:     "org.apache.kafka.connect.tools.VerifiableSourceTask",
			NewConnector:  func() connect.Connector { return &connector{idKey: "id"} },
			NewSourceTask: newVerifiable,
		},
		{
			Class: "org.apache.kafka.connect.tools.VerifiableSinkConnector", Version: "4.3.1",
			Kind: connect.KindSink, Def: configdef.New(),
			TaskClass:    "org.apache.kafka.connect.tools.VerifiableSinkTask",
			NewConnector: func() connect.Connector { return &connector{idKey: "id"} },
			NewSinkTask:  newVerifiableSink,
		},
		{
			Class: "millrace.DatagenSourceConnector", Version: "1.0.0",
			Kind: connect.KindSource, Def: datagenDef(),
			TaskClass:     "millrace.DatagenSourceTask",
			NewConnector:  func() connect.Connector { return &connector{} },
			NewSourceTask: func() connect.SourceTask { return &datagen{} },
		},
	}
}

// throughput declares how many records a task makes.
func throughput(def *string, doc string) configdef.Key {
	return configdef.Key{Name: "throughput", Type: configdef.Long, Default: def, Importance: configdef.Medium, Doc: doc}
}

// connector has as many tasks as it may.
type connector struct {
	idKey  string // property that gets the number of the task; "" for none
	config map[string]string
}

// Start implements connect.Connector.
func (c *connector) Start(_ context.Context, _ connect.ConnectorContext, config map[string]string) error {
	c.config = config
	return nil
}

// TaskConfigs implements connect.Connector.
func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	configs := make([]map[string]string, maxTasks)
	for i := range configs {
		configs[i] = maps.Clone(c.config)
		if c.idKey != "" {
			configs[i][c.idKey] = strconv.Itoa(i)
		}
	}
	return configs, nil
}

// Stop implements connect.Connector.
func (c *connector) Stop(context.Context) error { return nil }

// numbered renders the offsets of numbered records; it is the name of their field.
type numbered string

// SourceOffset implements connect.OffsetBase.
func (f numbered) SourceOffset(n int64) map[string]any { return map[string]any{string(f): n} }

// next finds the number after that of the last record written.
func (f numbered) next(ctx context.Context, tc connect.SourceTaskContext, partition map[string]any) (int64, error) {
	offset, err := tc.Offset(ctx, partition)
	if err != nil || offset == nil {
		return 0, err
	}
	last, ok := offset[string(f)].(int64)
	if !ok {
		return 0, fmt.Errorf("offset %v of source partition %v: %q must be a whole number", offset, partition, string(f))
	}
	return last + 1, nil
}

// pace holds a task to a number of records per second.
type pace struct {
	rate  int64 // negative means no limit
	start time.Time
	sent  int64
}

func newPace(rate int64) *pace { return &pace{rate: rate, start: time.Now()} }

// take waits until at least one record may go and returns how many may, at
// most n; 0 when ctx has ended.
func (p *pace) take(ctx context.Context, n int) int {
	switch {
	case ctx.Err() != nil || p.rate == 0 && wait(ctx, nil):
		return 0
	case p.rate < 0:
		return n
	}
	due := p.start.Add(time.Duration(float64(p.sent+1) / float64(p.rate) * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	if wait(ctx, timer.C) {
		return 0
	}
	ready := int64(time.Since(p.start).Seconds()*float64(p.rate)) - p.sent
	n = int(min(int64(n), max(1, ready)))
	p.sent += int64(n)
	return n
}

// wait returns when the timer fires or ctx ends, and reports whether ctx has.
func wait(ctx context.Context, timer <-chan time.Time) (ended bool) {
	select {
	case <-ctx.Done():
		return true
	case <-timer:
		return false
	}
}
