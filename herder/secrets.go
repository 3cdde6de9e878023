package herder

import (
	"maps"
	"regexp"
)

// variable is a reference to a config provider (ConfigTransformer.DEFAULT_PATTERN).
var variable = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// Unresolve puts references to config providers back into task configurations
// that a connector derived from resolved values, so that no secret gets into
// the config topic (AbstractHerder.reverseTransform).
func Unresolve(raw map[string]string, configs []map[string]string) []map[string]string {
	var refer []string
	for k, v := range raw {
		if variable.MatchString(v) {
			refer = append(refer, k)
		}
	}
	out := make([]map[string]string, len(configs))
	for i, c := range configs {
		out[i] = maps.Clone(c)
		for _, k := range refer {
			if _, ok := out[i][k]; ok {
				out[i][k] = raw[k]
			}
		}
	}
	return out
}
