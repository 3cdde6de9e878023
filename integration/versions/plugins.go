package versions

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const (
	prefix    = "org.example.versions."
	source    = prefix + "Source"
	text      = prefix + "Text"
	head      = prefix + "Head"
	mark      = prefix + "Mark"
	always    = prefix + "Always"
	exception = "org.apache.kafka.connect.errors.ConnectException"
)

// Plugins are what java/*.java is for Java, in each of the versions.
func Plugins(versions ...string) []connect.Plugin {
	var out []connect.Plugin
	for _, v := range versions {
		out = append(out, ofVersion(v)...)
	}
	return out
}

func ofVersion(version string) []connect.Plugin {
	def := configdef.New(
		configdef.Key{Name: "fail", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low, Doc: "Whether to fail with the version."},
		configdef.Key{Name: "of." + version, Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Low, Doc: "A property that version " + version + " has."},
	)
	check := func(config map[string]string, plugin string) error {
		if config["fail"] != "true" {
			return nil
		}
		return &connect.JavaError{Class: exception, Err: fmt.Errorf("%s %s was told to fail", plugin, version)}
	}
	return []connect.Plugin{{
		Class: source, Version: version, Kind: connect.KindSource, Def: def, TaskClass: source + "$Reader",
		NewConnector:  func() connect.Connector { return connector{} },
		NewSourceTask: func() connect.SourceTask { return reader{check} },
	}, {
		Class: text, Version: version, Kind: connect.KindConverter, Def: def,
		NewConverter: func(config map[string]string, _ bool) (connect.Converter, error) {
			return converter{}, check(config, "Text")
		},
	}, {
		Class: head, Version: version, Kind: connect.KindHeaderConverter, Def: def,
		NewHeaderConverter: func(config map[string]string) (connect.HeaderConverter, error) {
			return converter{}, check(config, "Head")
		},
	}, {
		Class: mark, Version: version, Kind: connect.KindTransformation, Def: def,
		NewTransform: func(config map[string]string, _ connect.PluginContext) (connect.Transform, error) {
			return unchanged{}, check(config, "Mark")
		},
	}, {
		Class: always, Version: version, Kind: connect.KindPredicate, Def: def,
		NewPredicate: func(config map[string]string) (connect.Predicate, error) {
			return unchanged{}, check(config, "Always")
		},
	}}
}

type connector struct{}

func (connector) Start(context.Context, connect.ConnectorContext, map[string]string) error {
	return nil
}
func (connector) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	return []map[string]string{{}}, nil
}
func (connector) Stop(context.Context) error { return nil }

// reader is a source without records.
type reader struct {
	check func(config map[string]string, plugin string) error
}

func (r reader) Start(_ context.Context, _ connect.SourceTaskContext, config map[string]string) error {
	return r.check(config, "Source")
}

func (reader) Poll(ctx context.Context, _ *connect.Batch) error {
	<-ctx.Done()
	return nil
}

func (reader) Stop(context.Context) error { return nil }

// converter gives nothing.
type converter struct{}

func (converter) Append(dst []byte, _ string, _ *[]connect.Header, _ *data.Schema, _ data.Value) ([]byte, bool, error) {
	return dst, true, nil
}

func (converter) Parse(*data.Arena, string, []connect.Header, []byte) (*data.Schema, data.Value, error) {
	return nil, data.Value{}, nil
}

func (converter) AppendHeader(dst []byte, _, _ string, _ *data.Schema, _ data.Value) ([]byte, bool, error) {
	return dst, true, nil
}

func (converter) ParseHeader(*data.Arena, string, string, []byte) (*data.Schema, data.Value, error) {
	return nil, data.Value{}, nil
}

// unchanged is a transform, and a predicate that is always true.
type unchanged struct{}

func (unchanged) Apply(*data.Arena, *connect.Record) (bool, error) { return true, nil }
func (unchanged) Test(*connect.Record) (bool, error)               { return true, nil }
func (unchanged) Close() error                                     { return nil }
