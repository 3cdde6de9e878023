// Package connconf declares the properties that the runtime gives every
// connector: those of ConnectorConfig, SourceConnectorConfig and
// SinkConnectorConfig, and what a configuration brings into being by naming
// transforms, predicates and topic creation groups.
package connconf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
)

// Definitions declares properties, knowing which plugins there are.
type Definitions struct {
	Registry *registry.Registry
	// TopicCreation is topic.creation.enable of the worker.
	TopicCreation bool
	// Worker has the worker's own key.converter, value.converter and
	// header.converter with their plugin versions: they are the defaults of
	// connectors.
	Worker map[string]string

	readClients sync.Once
	clients     map[connect.ClientType]*configdef.Def // once read
}

// Base declares what connectors of a kind have whatever their configuration;
// nil for a kind that is no connector.
func (d *Definitions) Base(kind connect.Kind) *configdef.Def {
	switch kind {
	case connect.KindSource:
		return configdef.New(slices.Concat(d.common(), sourceKeys())...)
	case connect.KindSink:
		return configdef.New(slices.Concat(d.common(), sinkKeys())...)
	}
	return nil
}

// Common declares what all connectors have, for a class that is not there in the
// version that is asked for.
func (d *Definitions) Common(class string) *configdef.Def {
	keys := commonKeys()
	for i := range keys {
		if newest := d.newest(class, connect.KindSource, connect.KindSink); keys[i].Name == connectorVersion && newest != "" {
			keys[i].Default, keys[i].NullDefault = configdef.Text(newest), false
		}
	}
	return configdef.New(keys...)
}

// common are the keys of every connector, with the plugins that there are as
// recommended values.
func (d *Definitions) common() []configdef.Key {
	keys := commonKeys()
	for i := range keys {
		k := &keys[i]
		switch k.Name {
		case "connector.plugin.version":
			k.Recommend = d.versions("connector.class", connect.KindSource, connect.KindSink)
		case "key.converter", "value.converter":
			k.Recommend = d.recommend(connect.KindConverter)
			k.Resolve = d.resolve(connect.KindConverter)
			k.Validate = d.usable(connect.KindConverter)
		case "header.converter":
			k.Recommend = d.recommend(connect.KindHeaderConverter)
			k.Resolve = d.resolve(connect.KindHeaderConverter)
			k.Validate = d.usable(connect.KindHeaderConverter)
		case "key.converter.plugin.version", "value.converter.plugin.version":
			k.Recommend = d.versions(strings.TrimSuffix(k.Name, versionSuffix), connect.KindConverter)
		case "header.converter.plugin.version":
			k.Recommend = d.versions("header.converter", connect.KindHeaderConverter)
		case "transforms", "predicates":
			k.Validate = aliases(k.Name)
		}
	}
	return keys
}

const (
	versionSuffix    = ".plugin.version"
	simpleConverter  = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
	connectorVersion = "connector.plugin.version"
)

// defaults are what a configuration gets for properties that it does not set:
// the newest version of its class, and the worker's converters
// (ConnectorConfig.converterDefaults).
func (d *Definitions) defaults(config map[string]string) map[string]string {
	out := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	set(connectorVersion, d.newest(config["connector.class"], connect.KindSource, connect.KindSink))
	if config["connector.class"] == "" {
		return out
	}
	for _, key := range []string{"key.converter", "value.converter", "header.converter"} {
		kind, worker := connect.KindConverter, d.Worker[key]
		if key == "header.converter" {
			kind = connect.KindHeaderConverter
			worker = cmp.Or(worker, simpleConverter)
		}
		if p, err := d.Registry.Find(worker, kind); err == nil {
			worker = p.Class
		}
		set(key, worker)
		if own := config[key]; own != "" {
			set(key+versionSuffix, d.newest(own, kind))
		} else {
			set(key+versionSuffix, cmp.Or(d.Worker[key+versionSuffix], d.newest(worker, kind)))
		}
	}
	return out
}

// newest is the newest version of a class; "" when there is none.
func (d *Definitions) newest(class string, kinds ...connect.Kind) string {
	if p, err := d.Registry.Find(class, kinds...); err == nil {
		return p.Version
	}
	return ""
}

// versions recommends the versions of the class that another property names.
func (d *Definitions) versions(classKey string, kinds ...connect.Kind) func(context.Context, string, *configdef.Values) ([]any, bool) {
	return func(_ context.Context, _ string, values *configdef.Values) ([]any, bool) {
		class, _ := values.Raw(classKey).(string)
		var out []any
		for _, v := range d.Registry.Versions(class, kinds...) {
			out = append(out, v)
		}
		return out, class != ""
	}
}

func (d *Definitions) recommend(kind connect.Kind) func(context.Context, string, *configdef.Values) ([]any, bool) {
	return func(context.Context, string, *configdef.Values) ([]any, bool) {
		var classes []any
		for _, p := range d.Registry.List(kind) {
			classes = append(classes, p.Class)
		}
		return classes, true
	}
}

func (d *Definitions) resolve(kind connect.Kind) func(string) (string, bool) {
	return func(class string) (string, bool) {
		if p, err := d.Registry.Find(class, kind); err == nil {
			return p.Class, true
		}
		return class, d.unusable(class, kind) != "" // which the validator explains
	}
}

// interfaces are what Java calls the kinds of plugins that configurations name.
var interfaces = map[connect.Kind]string{
	connect.KindConverter: "Converter", connect.KindHeaderConverter: "HeaderConverter",
	connect.KindTransformation: "Transformation", connect.KindPredicate: "Predicate",
}

// unusable explains why a class that is there is none of a kind, "" when it is one,
// or is not there (ConnectorConfig.ConcreteSubClassValidator and InstantiableClassValidator).
func (d *Definitions) unusable(class string, kind connect.Kind) string {
	if _, err := d.Registry.Find(class, kind); err == nil || class == "" {
		return ""
	}
	var nested []string
	for _, p := range d.Registry.List(kind) {
		if strings.HasPrefix(p.Class, class+"$") {
			nested = append(nested, p.Class)
		}
	}
	if len(nested) > 0 {
		return "This class is abstract and cannot be created. Did you mean " + strings.Join(nested, ", ") + "?"
	}
	for _, other := range []connect.Kind{
		connect.KindSource, connect.KindSink, connect.KindConverter, connect.KindHeaderConverter, connect.KindTransformation, connect.KindPredicate,
		connect.KindConfigProvider, connect.KindRestExtension, connect.KindOverridePolicy,
	} {
		if p, err := d.Registry.Find(class, other); err == nil {
			return "Class class " + p.Class + " does not implement the " + interfaces[kind] + " interface"
		}
	}
	return ""
}

// usable refuses a class of another kind.
func (d *Definitions) usable(kind connect.Kind) configdef.Validator {
	return configdef.ValidatorFunc("a "+interfaces[kind], func(_ string, value any, _ *configdef.Values) error {
		class, _ := value.(string)
		if why := d.unusable(class, kind); why != "" {
			return errors.New(why)
		}
		return nil
	})
}

// Enriched adds to Base the properties of the transforms, predicates and topic
// creation groups that a configuration names (ConnectorConfig.enrich). A class
// that cannot be found is an error of its property.
func (d *Definitions) Enriched(kind connect.Kind, config map[string]string) (*configdef.Def, error) {
	def := d.Base(kind)
	if def == nil {
		return nil, fmt.Errorf("%s is no kind of connector", kind)
	}
	keys := slices.Clone(def.Keys())
	defaults := d.defaults(config)
	for i := range keys {
		if value, ok := defaults[keys[i].Name]; ok {
			keys[i].Default, keys[i].NullDefault = configdef.Text(value), false
		}
	}
	for _, alias := range configdef.Distinct(configdef.Elements(config["transforms"])) {
		keys = append(keys, d.pluginKeys(config, "transforms", alias, "Transforms: "+alias, connect.KindTransformation)...)
	}
	for _, alias := range configdef.Distinct(configdef.Elements(config["predicates"])) {
		keys = append(keys, d.pluginKeys(config, "predicates", alias, "Predicates: "+alias, connect.KindPredicate)...)
	}
	if kind == connect.KindSource && d.TopicCreation {
		keys = append(keys, topicCreationKeys(config)...)
	}
	if kind == connect.KindSource {
		keys = append(keys, sourceQueueKeys(config)...)
	}
	return configdef.New(keys...), nil
}
