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

// aliases refuses a list that names one alias twice.
func aliases(name string) configdef.Validator {
	return configdef.ValidatorFunc("unique "+name+" aliases", func(name string, value any, _ *configdef.Values) error {
		list, _ := value.([]string)
		seen := map[string]bool{}
		for _, alias := range list {
			if seen[alias] {
				return configdef.Invalid(name, list, "Duplicate alias provided.")
			}
			seen[alias] = true
		}
		return nil
	})
}

// always shows a property even if there is nothing to recommend for it.
func always(recommend func(context.Context, string, *configdef.Values) ([]any, bool)) func(context.Context, string, *configdef.Values) ([]any, bool) {
	return func(ctx context.Context, name string, values *configdef.Values) ([]any, bool) {
		valid, _ := recommend(ctx, name, values)
		return valid, true
	}
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

// pluginKeys are the properties of one transform or predicate, its own in the
// order of ConfigDef.embed: required ones first, then by importance and name.
func (d *Definitions) pluginKeys(config map[string]string, list, alias, group string, kind connect.Kind) []configdef.Key {
	prefix := list + "." + alias + "."
	what := map[connect.Kind]string{connect.KindTransformation: "Transformation", connect.KindPredicate: "Predicate"}[kind]
	class := config[prefix+"type"]
	version := configdef.Key{
		Name: prefix + "plugin.version", Type: configdef.String, NullDefault: true, Importance: configdef.High, Group: group, Order: 1, Width: configdef.WidthLong,
		DisplayName: what + " version for " + alias, Doc: "Version of the '" + alias + "' " + strings.ToLower(what) + ".",
		Recommend: always(d.versions(prefix+"type", kind)),
	}
	if newest := d.newest(class, kind); newest != "" {
		version.Default, version.NullDefault = configdef.Text(newest), false
	}
	common := []configdef.Key{{
		Name: prefix + "type", Type: configdef.Class, Importance: configdef.High, Group: group, Order: 0, Width: configdef.WidthLong,
		DisplayName: what + " type for " + alias, Doc: "Class for the '" + alias + "' " + strings.ToLower(what) + ".",
		Recommend: d.recommend(kind), Resolve: d.resolve(kind), Validate: d.loadable(prefix, config, kind),
	}, version}
	p, err := d.Registry.FindVersion(class, registry.Wanted(config, version.Name), kind)
	if err != nil || class == "" {
		return common
	}
	var keys []configdef.Key
	if kind == connect.KindTransformation {
		keys = implicitKeys()
	}
	if p.Def != nil {
		for _, k := range p.Def.Keys() {
			if kind != connect.KindTransformation || k.Name != "predicate" && k.Name != "negate" {
				keys = append(keys, k)
			}
		}
	}
	return append(common, configdef.New(keys...).Embedded(prefix, group, 2)...)
}

// implicitKeys are what every transform has; they mask its own of these names.
func implicitKeys() []configdef.Key {
	return []configdef.Key{{
		Name: "predicate", Type: configdef.String, NullDefault: true, Importance: configdef.Medium,
		Doc: "The alias of a predicate used to determine whether to apply this transformation.",
	}, {
		Name: "negate", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Medium,
		Doc: "Whether the configured predicate should be negated.",
	}}
}

// loadable refuses a class of another kind, and a negation of no predicate.
func (d *Definitions) loadable(prefix string, config map[string]string, kind connect.Kind) configdef.Validator {
	return configdef.ValidatorFunc("a class", func(_ string, value any, _ *configdef.Values) error {
		if _, negate := config[prefix+"negate"]; negate && config[prefix+"predicate"] == "" && kind == connect.KindTransformation {
			return fmt.Errorf("Config '%snegate' was provided but there is no config '%spredicate' defining a predicate to be negated.", prefix, prefix)
		}
		if class, _ := value.(string); class != "" {
			if why := d.unusable(class, kind); why != "" {
				return errors.New(why)
			}
		}
		return nil
	})
}

// topicCreationKeys are the properties of topic creation groups (KIP-158). They
// exist only once topic.creation.default.replication.factor is given.
func topicCreationKeys(config map[string]string) (keys []configdef.Key) {
	if _, given := config["topic.creation.default.replication.factor"]; !given {
		return nil
	}
	for _, group := range configdef.Distinct([]string{"default"}, configdef.Elements(config["topic.creation.groups"])) {
		keys = append(keys, topicGroupKeys(group)...)
	}
	return keys
}

func topicGroupKeys(group string) []configdef.Key {
	prefix, title := "topic.creation."+group+".", "Topic Creation: "+group
	keys := []configdef.Key{{
		Name: prefix + "replication.factor", Type: configdef.Short, Importance: configdef.Low, Group: title, Order: 3, Width: configdef.WidthLong,
		DisplayName: "Replication Factor for Topics in " + group,
		Validate:    positive("Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"),
		Doc:         "The replication factor for new topics created for this connector. This value must not be larger than the number of brokers in the Kafka cluster, or otherwise an error will be thrown when the connector will attempt to create a topic. For the default group this configuration is required. For any other group defined in topic.creation.groups this config is optional and if it's missing it gets the value of the default group",
	}, {
		Name: prefix + "partitions", Type: configdef.Int, Importance: configdef.Low, Group: title, Order: 4, Width: configdef.WidthLong,
		DisplayName: "Partition Count for Topics in " + group,
		Validate:    positive("Number of partitions must be positive, or -1 to use the broker's default"),
		Doc:         "The number of partitions new topics created for this connector. For the default group this configuration is required. For any other group defined in topic.creation.groups this config is optional and if it's missing it gets the value of the default group",
	}}
	if group == "default" {
		return keys
	}
	for i := range keys {
		keys[i].NullDefault = true
	}
	return append([]configdef.Key{{
		Name: prefix + "include", Type: configdef.List, Importance: configdef.Low, Group: title, Order: 1, Width: configdef.WidthLong,
		DisplayName: "Inclusion Topic Pattern for " + group, Validate: patterns(),
		Doc: "A list of regular expression literals used to match the topic names used by the source connector. This list is used to include topics that should be created using the topic settings defined by this group.",
	}, {
		Name: prefix + "exclude", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low, Group: title, Order: 2, Width: configdef.WidthLong,
		DisplayName: "Exclusion Topic Pattern for " + group, Validate: patterns(),
		Doc: "A list of regular expression literals used to match the topic names used by the source connector. This list is used to exclude topics from being created with the topic settings defined by this group. Note that exclusion rules have precedent and override any inclusion rules for the topics.",
	}}, keys...)
}

// positive refuses numbers below 1 other than -1 (TopicCreationConfig).
func positive(reason string) configdef.Validator {
	return configdef.ValidatorFunc("a positive number, or -1", func(name string, value any, _ *configdef.Values) error {
		var n int32
		switch v := value.(type) {
		case int16:
			n = int32(v)
		case int32:
			n = v
		default: // not given, or not a number
			return nil
		}
		if n != -1 && n < 1 {
			return configdef.Invalid(name, value, reason)
		}
		return nil
	})
}

// patterns refuses a list that holds what is no regular expression.
func patterns() configdef.Validator {
	return configdef.ValidatorFunc("regular expressions", func(name string, value any, _ *configdef.Values) error {
		all, _ := value.([]string)
		for _, text := range all {
			if _, err := configdef.CompileRegex(text); err != nil {
				return configdef.Invalid(name, all, "Syntax error in regular expression: "+err.Error())
			}
		}
		return nil
	})
}

// Check adds errors that concern several properties at once
// (SinkConnectorConfig.validate).
func (d *Definitions) Check(kind connect.Kind, config map[string]string, result *configdef.Result) {
	d.checkVersions(config, result)
	if kind != connect.KindSink {
		return
	}
	topics, regex := strings.TrimSpace(config["topics"]), strings.TrimSpace(config["topics.regex"])
	switch {
	case topics != "" && regex != "":
		const message = "topics and topics.regex are mutually exclusive options, but both are set."
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	case topics == "" && regex == "":
		const message = "Must configure one of topics or topics.regex"
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	}
	if dlq := strings.TrimSpace(config["errors.deadletterqueue.topic.name"]); dlq != "" {
		checkQueue(dlq, topics, regex, result)
	}
}

// checkVersions adds the errors of plugins that are not there in the version that
// is asked for. That of a converter without a class of the connector's own says
// nothing.
func (d *Definitions) checkVersions(config map[string]string, result *configdef.Result) {
	check := func(class, version string, kind connect.Kind) {
		_, err := d.Registry.FindVersion(config[class], registry.Wanted(config, version), kind)
		var wrong *registry.VersionError
		if config[class] == "" || !errors.As(err, &wrong) {
			return
		}
		isConverter := kind == connect.KindConverter || kind == connect.KindHeaderConverter
		if !wrong.Malformed || !isConverter {
			result.AddError(class, wrong.Error())
		}
		result.AddError(version, wrong.Error())
	}
	check("key.converter", "key.converter"+versionSuffix, connect.KindConverter)
	check("value.converter", "value.converter"+versionSuffix, connect.KindConverter)
	check("header.converter", "header.converter"+versionSuffix, connect.KindHeaderConverter)
	for _, alias := range configdef.Distinct(configdef.Elements(config["transforms"])) {
		check("transforms."+alias+".type", "transforms."+alias+versionSuffix, connect.KindTransformation)
	}
	for _, alias := range configdef.Distinct(configdef.Elements(config["predicates"])) {
		check("predicates."+alias+".type", "predicates."+alias+versionSuffix, connect.KindPredicate)
	}
}

// checkQueue refuses a dead letter queue that the connector itself would read.
func checkQueue(dlq, topics, regex string, result *configdef.Result) {
	if all := configdef.Elements(topics); slices.Contains(all, dlq) {
		result.AddError("topics", fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector",
			dlq, strings.Join(all, ", ")))
	}
	if regex == "" {
		return
	}
	pattern, err := configdef.CompileRegex(regex)
	if err != nil {
		return // which the property itself says
	}
	if pattern.Match(dlq) {
		result.AddError("topics.regex", fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector",
			dlq, regex))
	}
}
