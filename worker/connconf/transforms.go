package connconf

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
)

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

// always shows a property even if there is nothing to recommend for it.
func always(recommend func(context.Context, string, *configdef.Values) ([]any, bool)) func(context.Context, string, *configdef.Values) ([]any, bool) {
	return func(ctx context.Context, name string, values *configdef.Values) ([]any, bool) {
		valid, _ := recommend(ctx, name, values)
		return valid, true
	}
}

// pluginKeys are the properties of one transform or predicate, its own in the
// order of ConfigDef.embed: required ones first, then by importance and name.
func (d *Definitions) pluginKeys(config map[string]string, list, alias, group string, kind connect.Kind) []configdef.Key {
	prefix := list + "." + alias + "."
	what := map[connect.Kind]string{connect.KindTransformation: "Transformation", connect.KindPredicate: "Predicate"}[kind]
	class := config[prefix+"type"]
	version := configdef.Key{
		Name: prefix + "plugin.version", Type: configdef.String, NullDefault: true, Importance: configdef.High, Group: group, Order: 1, Width: configdef.WidthLong,
		DisplayName: what + " version for " + alias, Doc: "Version of the '" + alias + "' " + strings.ToLower(what) + ".",
		Recommend: always(d.versions(prefix+"type", kind)),
	}
	if newest := d.newest(class, kind); newest != "" {
		version.Default, version.NullDefault = configdef.Text(newest), false
	}
	common := []configdef.Key{{
		Name: prefix + "type", Type: configdef.Class, Importance: configdef.High, Group: group, Order: 0, Width: configdef.WidthLong,
		DisplayName: what + " type for " + alias, Doc: "Class for the '" + alias + "' " + strings.ToLower(what) + ".",
		Recommend: d.recommend(kind), Resolve: d.resolve(kind), Validate: d.loadable(prefix, config, kind),
	}, version}
	p, err := d.Registry.FindVersion(class, registry.Wanted(config, version.Name), kind)
	if err != nil || class == "" {
		return common
	}
	var keys []configdef.Key
	if kind == connect.KindTransformation {
		keys = implicitKeys()
	}
	if p.Def != nil {
		for _, k := range p.Def.Keys() {
			if kind != connect.KindTransformation || k.Name != "predicate" && k.Name != "negate" {
				keys = append(keys, k)
			}
		}
	}
	return append(common, configdef.New(keys...).Embedded(prefix, group, 2)...)
}

// implicitKeys are what every transform has; they mask its own of these names.
func implicitKeys() []configdef.Key {
	return []configdef.Key{{
		Name: "predicate", Type: configdef.String, NullDefault: true, Importance: configdef.Medium,
		Doc: "The alias of a predicate used to determine whether to apply this transformation.",
	}, {
		Name: "negate", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Medium,
		Doc: "Whether the configured predicate should be negated.",
	}}
}

// loadable refuses a class of another kind, and a negation of no predicate.
func (d *Definitions) loadable(prefix string, config map[string]string, kind connect.Kind) configdef.Validator {
	return configdef.ValidatorFunc("a class", func(_ string, value any, _ *configdef.Values) error {
		if _, negate := config[prefix+"negate"]; negate && config[prefix+"predicate"] == "" && kind == connect.KindTransformation {
			return fmt.Errorf("Config '%snegate' was provided but there is no config '%spredicate' defining a predicate to be negated.", prefix, prefix)
		}
		if class, _ := value.(string); class != "" {
			if why := d.unusable(class, kind); why != "" {
				return errors.New(why)
			}
		}
		return nil
	})
}
