package policy

import (
	"maps"
	"slices"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
)

func TestPolicies(t *testing.T) {
	overrides := map[string]string{"acks": "1", "sasl.mechanism": "PLAIN", "linger.ms": "5"}
	refused := map[string][]string{
		"All":       nil,
		"None":      {"acks", "linger.ms", "sasl.mechanism"},
		"Principal": {"acks", "linger.ms"},
		"Allowlist": {"acks", "sasl.mechanism"},
	}
	for _, p := range Plugins() {
		policy, err := p.NewOverridePolicy(map[string]string{"connector.client.config.override.allowlist": "linger.ms, retries"})
		if err != nil {
			t.Fatal(err)
		}
		name := policy.(*Policy).name
		errs := policy.Check("c", "class", connect.ClientProducer, overrides)
		if got := slices.Sorted(maps.Keys(errs)); !slices.Equal(got, refused[name]) {
			t.Errorf("%s refuses %v, want %v", name, got, refused[name])
		}
		if want := "The '" + name + "' policy does not allow 'acks' to be overridden in the connector configuration."; errs["acks"] != nil && errs["acks"].Error() != want {
			t.Errorf("%s says %v", name, errs["acks"])
		}
	}
}
