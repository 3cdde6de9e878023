package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/millrace/millrace/storage/kafka"
)

// Role is what somebody may do with a connector. Each role holds those below it.
type Role uint8

// The roles.
const (
	None    Role = iota
	Read         // see configuration, state, topics and offsets
	Operate      // pause, resume, stop and restart
	Edit         // create, change and delete, and change offsets
)

var roleNames = []string{"none", "read", "operate", "edit"}

func (r Role) String() string { return roleNames[r] }

// Identity is who makes a request.
type Identity struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups,omitempty"`
}

// Policy gives roles by rules; of several that fit, the highest role counts.
type Policy struct{ rules []rule }

// rule gives its users and the members of its groups a role for the connectors
// whose names fit.
type rule struct {
	users, groups []string // "*" is everybody who is known
	role          Role
	connectors    []*regexp.Regexp
	all           bool // one of the patterns is "*"
}

func (r *rule) concerns(id Identity) bool {
	if slices.Contains(r.users, "*") || slices.Contains(r.users, id.Name) {
		return true
	}
	return slices.ContainsFunc(id.Groups, func(g string) bool { return slices.Contains(r.groups, g) })
}

func (r *rule) covers(connector string) bool {
	return slices.ContainsFunc(r.connectors, func(re *regexp.Regexp) bool { return re.MatchString(connector) })
}

// For is the role for one connector, which need not exist.
func (p *Policy) For(id Identity, connector string) Role {
	return p.highest(id, func(r *rule) bool { return r.covers(connector) })
}

// Everywhere is the role for all connectors that there may ever be.
func (p *Policy) Everywhere(id Identity) Role {
	return p.highest(id, func(r *rule) bool { return r.all })
}

// Somewhere is the highest role for any connector.
func (p *Policy) Somewhere(id Identity) Role {
	return p.highest(id, func(*rule) bool { return true })
}

func (p *Policy) highest(id Identity, fits func(*rule) bool) Role {
	role := None
	for i := range p.rules {
		if r := &p.rules[i]; r.role > role && fits(r) && r.concerns(id) {
			role = r.role
		}
	}
	return role
}

const rulesProperty = "rest.access.rules"

// parsePolicy reads rest.access.rules and, for each NAME of it,
// rest.access.NAME.role, .users, .groups and .connectors.
func parsePolicy(p kafka.Properties) (*Policy, error) {
	policy := &Policy{}
	for name := range strings.SplitSeq(p[rulesProperty], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		r, err := parseRule(p, "rest.access."+name+".")
		if err != nil {
			return nil, err
		}
		policy.rules = append(policy.rules, r)
	}
	if len(policy.rules) == 0 {
		return nil, invalid(rulesProperty, "names no rule: nobody could use the API")
	}
	return policy, nil
}

func parseRule(p kafka.Properties, prefix string) (rule, error) {
	r := rule{users: names(p[prefix+"users"]), groups: names(p[prefix+"groups"])}
	given := strings.ToLower(strings.TrimSpace(p[prefix+"role"]))
	n := slices.Index(roleNames, given)
	if n <= int(None) {
		return r, invalid(prefix+"role", fmt.Sprintf("%q is none of read, operate, edit", given))
	}
	r.role = Role(n)
	if len(r.users)+len(r.groups) == 0 {
		return r, invalid(prefix+"users", "is missing, and so is "+prefix+"groups: the rule gives its role to nobody")
	}
	patterns := names(p[prefix+"connectors"])
	if _, ok := p[prefix+"connectors"]; !ok {
		patterns = []string{"*"}
	}
	if len(patterns) == 0 {
		return r, invalid(prefix+"connectors", "is empty: leave it out for all connectors")
	}
	for _, pattern := range patterns {
		r.connectors = append(r.connectors, glob(pattern))
		r.all = r.all || strings.Trim(pattern, "*") == ""
	}
	return r, nil
}

// names splits a list at semicolons, as Kafka's super.users: distinguished names
// hold commas.
func names(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// glob makes a pattern whose * stands for any text and whose ? for any character.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(text)
	return regexp.MustCompile("^(?s:" + text + ")$")
}

func invalid(property, reason string) error {
	return &kafka.PropertyError{Property: property, Reason: reason}
}
