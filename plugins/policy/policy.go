// Package policy holds Kafka's policies on which client properties a connector
// may override (connector.client.config.override.policy).
package policy

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// Policy allows some properties and refuses all others.
type Policy struct {
	name    string
	allowed func(property string) bool
}

var _ connect.OverridePolicy = (*Policy)(nil)

// All allows every property.
func All() *Policy { return &Policy{"All", func(string) bool { return true }} }

// None allows no property.
func None() *Policy { return &Policy{"None", func(string) bool { return false }} }

// Principal allows what says who a client is.
func Principal() *Policy {
	return listed("Principal", []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"})
}

// Allowlist allows the given properties.
func Allowlist(properties []string) *Policy { return listed("Allowlist", properties) }

func listed(name string, properties []string) *Policy {
	return &Policy{name, func(p string) bool { return slices.Contains(properties, p) }}
}

// Check implements connect.OverridePolicy.
func (p *Policy) Check(_, _ string, _ connect.ClientType, overrides map[string]string) map[string]error {
	errs := map[string]error{}
	for name := range overrides {
		if !p.allowed(name) {
			errs[name] = fmt.Errorf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", p.name, name)
		}
	}
	return errs
}

const allowlistKey = "connector.client.config.override.allowlist"

// Plugins describes the policies.
func Plugins() []connect.Plugin {
	plugin := func(name string, def *configdef.Def, build func(*configdef.Values) *Policy) connect.Plugin {
		return connect.Plugin{
			Class:   "org.apache.kafka.connect.connector.policy." + name + "ConnectorClientConfigOverridePolicy",
			Version: "4.3.1", Kind: connect.KindOverridePolicy, Def: def,
			NewOverridePolicy: func(config map[string]string) (connect.OverridePolicy, error) {
				v, err := def.Parse(config)
				if err != nil {
					return nil, err
				}
				return build(v), nil
			},
		}
	}
	list := configdef.New(configdef.Key{Name: allowlistKey, Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Medium,
		Doc: "The client properties that connectors may override. None when empty."})
	return []connect.Plugin{
		plugin("All", configdef.New(), func(*configdef.Values) *Policy { return All() }),
		plugin("None", configdef.New(), func(*configdef.Values) *Policy { return None() }),
		plugin("Principal", configdef.New(), func(*configdef.Values) *Policy { return Principal() }),
		plugin("Allowlist", list, func(v *configdef.Values) *Policy { return Allowlist(v.List(allowlistKey)) }),
	}
}
