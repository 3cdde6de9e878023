package connect

import (
	"log/slog"

	"github.com/millrace/millrace/plugins/configdef"
)

// Kind says what a plugin is, with the names of GET /connector-plugins (PluginType).
type Kind string

// The kinds of plugin.
const (
	KindSource          Kind = "source"
	KindSink            Kind = "sink"
	KindConverter       Kind = "converter"
	KindHeaderConverter Kind = "header_converter"
	KindTransformation  Kind = "transformation"
	KindPredicate       Kind = "predicate"
	KindConfigProvider  Kind = "configprovider"
	KindRestExtension   Kind = "rest_extension"
	KindOverridePolicy  Kind = "connector_client_config_override_policy"
)

// Plugin describes one implementation: the Java class that it stands for, its
// version, its properties, and how to make it. Every package of plugins exports
// its own descriptions; the registry holds them. Which constructors are set
// follows from Kind:
//
//	source            NewConnector, NewSourceTask
//	sink              NewConnector, NewSinkTask
//	converter         NewConverter
//	header_converter  NewHeaderConverter
//	transformation    NewTransform
//	predicate         NewPredicate
//	configprovider    NewConfigProvider
//	override policy   NewOverridePolicy
//
// A class that is a converter and a header converter has one Plugin for each.
//
// Constructors that take a configuration get it without prefix (transforms.x.
// and the like) and with config providers resolved. Their error says which
// property is wrong and how.
type Plugin struct {
	Class   string // Java class name, such as org.apache.kafka.connect.json.JsonConverter
	Version string
	Kind    Kind
	Def     *configdef.Def
	// TaskClass is the Java class of a connector's tasks, which the runtime
	// writes into their configurations as task.class.
	TaskClass string

	NewConnector       func() Connector
	NewSourceTask      func() SourceTask
	NewSinkTask        func() SinkTask
	NewConverter       func(config map[string]string, isKey bool) (Converter, error)
	NewHeaderConverter func(config map[string]string) (HeaderConverter, error)
	NewTransform       func(config map[string]string, pc PluginContext) (Transform, error)
	NewPredicate       func(config map[string]string) (Predicate, error)
	NewConfigProvider  func(config map[string]string) (ConfigProvider, error)
	NewOverridePolicy  func(config map[string]string) (OverridePolicy, error)
}

// PluginContext is what a plugin that is neither connector nor task gets from
// the runtime. The zero PluginContext logs nothing.
type PluginContext struct {
	Logger *slog.Logger
}

// Log is the logger, one that drops everything when there is none.
func (c PluginContext) Log() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}
