package registry

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
)

// aliases maps each simple and each pruned class name to the classes that
// answer to it; only a name with one class is an alias (PluginUtils.computeAliases).
func aliases(plugins []*connect.Plugin) map[string][]string {
	out := map[string][]string{}
	for _, p := range plugins {
		for _, alias := range []string{SimpleName(p.Class), PrunedName(p.Class, p.Kind)} {
			if !slices.Contains(out[alias], p.Class) {
				out[alias] = append(out[alias], p.Class)
			}
		}
	}
	return out
}

// SimpleName is a class name without package and outer class: "Value" for
// org.apache.kafka.connect.transforms.Cast$Value.
func SimpleName(class string) string {
	return class[strings.LastIndexAny(class, ".$")+1:]
}

// PrunedName is the simple name without what it has in common with all plugins
// of its kind: "FileStreamSource" for FileStreamSourceConnector.
func PrunedName(class string, kind connect.Kind) string {
	suffix := simpleKind(kind)
	if kind == connect.KindSource || kind == connect.KindSink {
		suffix = "Connector"
	}
	simple := SimpleName(class)
	if i := strings.LastIndex(simple, suffix); i > 0 {
		return simple[:i]
	}
	return simple
}

// simpleKind is the simple name of the Java interface of a kind.
func simpleKind(kind connect.Kind) string {
	switch kind {
	case connect.KindSource:
		return "SourceConnector"
	case connect.KindSink:
		return "SinkConnector"
	case connect.KindConverter:
		return "Converter"
	case connect.KindHeaderConverter:
		return "HeaderConverter"
	case connect.KindTransformation:
		return "Transformation"
	case connect.KindPredicate:
		return "Predicate"
	case connect.KindConfigProvider:
		return "ConfigProvider"
	case connect.KindRestExtension:
		return "ConnectRestExtension"
	}
	return "ConnectorClientConfigOverridePolicy"
}
