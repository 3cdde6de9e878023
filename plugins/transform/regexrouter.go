package transform

import (
	"fmt"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func regexRouterDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "regex", Type: configdef.String, Importance: configdef.High, Validate: configdef.ValidRegex(),
			Doc: "Regular expression to use for matching."},
		configdef.Key{Name: "replacement", Type: configdef.String, Importance: configdef.High, Doc: "Replacement string."},
	)
}

// regexRouter renames topics that match as a whole.
type regexRouter struct {
	closer
	regex       *configdef.Regex
	replacement string
	topics      map[string]string
}

func newRegexRouter(v *configdef.Values) (connect.Transform, error) {
	re, err := configdef.CompileRegex(v.String("regex"))
	return &regexRouter{regex: re, replacement: v.String("replacement"), topics: map[string]string{}}, err
}

// maxTopics bounds what routers remember.
const maxTopics = 10_000

// Apply implements connect.Transform.
func (t *regexRouter) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	topic, ok := t.topics[r.Topic]
	if !ok {
		topic = r.Topic
		if t.regex.Match(topic) {
			var err error
			if topic, err = t.regex.ReplaceFirst(topic, t.replacement); err != nil {
				return false, dataError("%w", fmt.Errorf("replacement %s: %w", t.replacement, err))
			}
		}
		if len(t.topics) >= maxTopics {
			clear(t.topics)
		}
		t.topics[r.Topic] = topic
	}
	r.Topic = topic
	return true, nil
}
