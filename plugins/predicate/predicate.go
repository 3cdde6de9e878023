// Package predicate holds Kafka's predicates, which tell to which records a
// transform applies (org.apache.kafka.connect.transforms.predicates).
package predicate

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// Plugins describes the predicates.
func Plugins() []connect.Plugin {
	plugin := func(name string, def *configdef.Def, build func(*configdef.Values) (connect.Predicate, error)) connect.Plugin {
		return connect.Plugin{
			Class: "org.apache.kafka.connect.transforms.predicates." + name, Version: "4.3.1", Kind: connect.KindPredicate, Def: def,
			NewPredicate: func(config map[string]string) (connect.Predicate, error) {
				v, err := def.Parse(config)
				if err != nil {
					return nil, err
				}
				return build(v)
			},
		}
	}
	return []connect.Plugin{
		plugin("HasHeaderKey", hasHeaderKeyDef(), newHasHeaderKey),
		plugin("RecordIsTombstone", configdef.New(), newRecordIsTombstone),
		plugin("TopicNameMatches", topicNameMatchesDef(), newTopicNameMatches),
	}
}
