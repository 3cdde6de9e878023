package predicate

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func topicNameMatchesDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "pattern", Type: configdef.String, Importance: configdef.Medium,
		Validate: configdef.All(configdef.NonEmpty(), configdef.ValidRegex()),
		Doc:      "A Java regular expression for matching against the name of a record's topic."})
}

// topicNameMatches holds for records whose whole topic matches.
type topicNameMatches struct {
	pattern *configdef.Regex
	seen    map[string]bool
}

func newTopicNameMatches(v *configdef.Values) (connect.Predicate, error) {
	re, err := configdef.CompileRegex(v.String("pattern"))
	return &topicNameMatches{re, map[string]bool{}}, err
}

const maxTopics = 10_000

// Test implements connect.Predicate.
func (p *topicNameMatches) Test(r *connect.Record) (bool, error) {
	match, ok := p.seen[r.Topic]
	if !ok {
		if len(p.seen) >= maxTopics {
			clear(p.seen)
		}
		match = r.Topic != "" && p.pattern.Match(r.Topic)
		p.seen[r.Topic] = match
	}
	return match, nil
}

// Close implements connect.Predicate.
func (*topicNameMatches) Close() error { return nil }
