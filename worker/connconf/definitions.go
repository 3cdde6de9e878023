// Package connconf declares the properties that the runtime gives every
// connector: those of ConnectorConfig, SourceConnectorConfig and
// SinkConnectorConfig, and what a configuration brings into being by naming
// transforms, predicates and topic creation groups.
package connconf

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
)

// Definitions declares properties, knowing which plugins there are.
type Definitions struct {
	Registry *registry.Registry
	// TopicCreation is topic.creation.enable of the worker.
	TopicCreation bool
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

// common are the keys of every connector, with the plugins that there are as
// recommended values.
func (d *Definitions) common() []configdef.Key {
	keys := commonKeys()
	for i := range keys {
		k := &keys[i]
		switch k.Name {
		case "key.converter", "value.converter":
			k.Recommend = d.recommend(connect.KindConverter)
			k.Resolve = d.resolve(connect.KindConverter)
		case "header.converter":
			k.Recommend = d.recommend(connect.KindHeaderConverter)
			k.Resolve = d.resolve(connect.KindHeaderConverter)
		case "transforms", "predicates":
			k.Validate = aliases(k.Name)
		}
	}
	return keys
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
		p, err := d.Registry.Find(class, kind)
		if err != nil {
			return "", false
		}
		return p.Class, true
	}
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

// Enriched adds to Base the properties of the transforms, predicates and topic
// creation groups that a configuration names (ConnectorConfig.enrich). An error
// says which of them cannot be made.
func (d *Definitions) Enriched(kind connect.Kind, config map[string]string) (*configdef.Def, error) {
	def := d.Base(kind)
	if def == nil {
		return nil, fmt.Errorf("%s is no kind of connector", kind)
	}
	var err error
	for _, alias := range list(config["transforms"]) {
		if def, err = d.addPlugin(def, config, "transforms", alias, "Transforms: "+alias, connect.KindTransformation); err != nil {
			return nil, err
		}
	}
	for _, alias := range list(config["predicates"]) {
		if def, err = d.addPlugin(def, config, "predicates", alias, "Predicates: "+alias, connect.KindPredicate); err != nil {
			return nil, err
		}
	}
	if kind == connect.KindSource && d.TopicCreation {
		def = addTopicCreation(def, config)
	}
	return def, nil
}

// addPlugin adds the properties of one transform or predicate.
func (d *Definitions) addPlugin(def *configdef.Def, config map[string]string, list, alias, group string, kind connect.Kind) (*configdef.Def, error) {
	prefix := list + "." + alias + "."
	what := map[connect.Kind]string{connect.KindTransformation: "transformation", connect.KindPredicate: "predicate"}[kind]
	keys := []configdef.Key{{
		Name: prefix + "type", Type: configdef.Class, Importance: configdef.High, Group: group, Order: 0, Width: configdef.WidthLong,
		DisplayName: upper(what) + " type for " + alias, Doc: "Class for the '" + alias + "' " + what + ".",
		Recommend: d.recommend(kind), Resolve: d.resolve(kind),
	}, {
		Name: prefix + "plugin.version", Type: configdef.String, NullDefault: true, Importance: configdef.Low, Group: group, Order: 1, Width: configdef.WidthLong,
		DisplayName: upper(what) + " version for " + alias, Doc: "Version of the '" + alias + "' " + what + ".",
	}}
	if kind == connect.KindTransformation {
		keys = append(keys, configdef.Key{
			Name: prefix + "predicate", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Medium, Group: group, Order: 2, Width: configdef.WidthLong,
			DisplayName: "Predicate", Doc: "The alias of a predicate used to determine whether to apply this transformation.",
		}, configdef.Key{
			Name: prefix + "negate", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Medium, Group: group, Order: 3, Width: configdef.WidthLong,
			DisplayName: "Negate", Doc: "Whether the configured predicate should be negated.",
		})
	}
	def = def.With(keys...)
	class := config[prefix+"type"]
	if class == "" {
		return def, nil // the missing property is reported as any other
	}
	p, err := d.Registry.FindVersion(class, config[prefix+"plugin.version"], kind)
	if err != nil {
		return nil, &connect.ConfigError{Key: prefix + "type", Err: err}
	}
	if p.Def == nil {
		return def, nil
	}
	return def.Embed(prefix, group, len(keys), p.Def), nil
}

// addTopicCreation adds the properties of topic creation groups (KIP-158). They
// exist only once topic.creation.default.replication.factor is given.
func addTopicCreation(def *configdef.Def, config map[string]string) *configdef.Def {
	if _, given := config["topic.creation.default.replication.factor"]; !given {
		return def
	}
	for _, group := range append([]string{"default"}, list(config["topic.creation.groups"])...) {
		def = def.With(topicGroupKeys(group)...)
	}
	return def
}

func topicGroupKeys(group string) []configdef.Key {
	prefix, title := "topic.creation."+group+".", "Topic Creation: "+group
	keys := []configdef.Key{{
		Name: prefix + "replication.factor", Type: configdef.Short, Importance: configdef.Low, Group: title, Order: 3, Width: configdef.WidthLong,
		DisplayName: "Replication Factor for Topics in " + group,
		Doc:         "The replication factor for new topics created for this connector. This value must not be larger than the number of brokers in the Kafka cluster, or otherwise an error will be thrown when the connector will attempt to create a topic. For the default group this configuration is required. For any other group defined in topic.creation.groups this config is optional and if it's missing it gets the value of the default group",
	}, {
		Name: prefix + "partitions", Type: configdef.Int, Importance: configdef.Low, Group: title, Order: 4, Width: configdef.WidthLong,
		DisplayName: "Partition Count for Topics in " + group,
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
		DisplayName: "Inclusion Topic Pattern for " + group,
		Doc:         "A list of regular expression literals used to match the topic names used by the source connector. This list is used to include topics that should be created using the topic settings defined by this group.",
	}, {
		Name: prefix + "exclude", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low, Group: title, Order: 2, Width: configdef.WidthLong,
		DisplayName: "Exclusion Topic Pattern for " + group,
		Doc:         "A list of regular expression literals used to match the topic names used by the source connector. This list is used to exclude topics from being created with the topic settings defined by this group. Note that exclusion rules have precedent and override any inclusion rules for the topics.",
	}}, keys...)
}

// Check adds errors that concern several properties at once
// (SinkConnectorConfig.validate).
func (d *Definitions) Check(kind connect.Kind, config map[string]string, result *configdef.Result) {
	if kind != connect.KindSink {
		return
	}
	topics, regex := strings.TrimSpace(config["topics"]), strings.TrimSpace(config["topics.regex"])
	switch dlq := config["errors.deadletterqueue.topic.name"]; {
	case topics == "" && regex == "":
		const message = "Must configure one of topics or topics.regex"
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	case topics != "" && regex != "":
		const message = "topics and topics.regex are mutually exclusive options, but both are set."
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	case dlq != "" && slices.Contains(list(topics), dlq):
		result.AddError("topics", fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics (topics=%s) consumed by the connector", dlq, topics))
	}
}

func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func upper(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
