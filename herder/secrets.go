package herder

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
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

// unresolved puts references to config providers back into the outcome of a
// validation, so that it shows no value that a provider has given. (Java shows it.)
func unresolved(raw, resolved map[string]string, infos ConfigInfos, err error) (ConfigInfos, error) {
	refer, shown := map[string]string{}, map[string]string{}
	for k, v := range raw {
		if given := resolved[k]; given != v {
			refer[k] = v
			if len(given) >= 5 { // shorter ones stand everywhere
				quoted := strconv.Quote(given)
				shown[given], shown[quoted[1:len(quoted)-1]] = v, v
			}
		}
	}
	if len(refer) == 0 {
		return infos, err
	}
	// A longer value first, or the end of it would be left where it begins with another.
	longest := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) }
	var pairs []string
	for _, given := range slices.SortedFunc(maps.Keys(shown), longest) {
		pairs = append(pairs, given, shown[given])
	}
	back := strings.NewReplacer(pairs...)
	for _, c := range infos.Configs {
		if c.Value == nil {
			continue
		}
		if v, ok := refer[c.Value.Name]; ok && c.Value.Value != nil && *c.Value.Value != configdef.Hidden {
			c.Value.Value = &v
		}
		for i, text := range c.Value.Errors {
			c.Value.Errors[i] = back.Replace(text)
		}
	}
	var e *Error
	if errors.As(err, &e) {
		return infos, &Error{Kind: e.Kind, Message: back.Replace(e.Message)}
	}
	return infos, err
}
