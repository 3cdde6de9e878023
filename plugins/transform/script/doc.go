// Package script holds Debezium's transforms that evaluate an expression for each record (debezium-scripting): Filter
// keeps the records for which it is true, and ContentBasedRouter sends them to the topic that it names.
//
// Expressions are JavaScript (jsr223.graal.js). Those in Groovy, which Debezium's documentation shows most, are served as
// far as they are written in what both languages share: comparisons, logic, fields, and the usual methods of strings.
//
// An expression sees the variables key, value, keySchema, valueSchema, topic and header, and changes none of them.
package script

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const version = "3.6.1.Final"

// Plugins describes the transforms.
func Plugins() []connect.Plugin {
	return []connect.Plugin{
		plugin("io.debezium.transforms.Filter", "condition", "Filtering condition",
			"An expression that is true for the records to keep.", keepIfTrue),
		plugin("io.debezium.transforms.ContentBasedRouter", "topic.expression", "Topic name expression",
			"An expression that gives the record's new topic. Where it is null the record keeps its topic.", route),
	}
}

func plugin(class, property, display, doc string, use verdict) connect.Plugin {
	def := definition(property, display, doc)
	return connect.Plugin{
		Class: class, Version: version, Kind: connect.KindTransformation, Def: def,
		NewTransform: func(config map[string]string, _ connect.PluginContext) (connect.Transform, error) {
			v, err := def.Parse(config)
			if err != nil {
				return nil, err
			}
			return newScript(v, property, use)
		},
	}
}

func definition(property, display, doc string) *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "topic.regex", Type: configdef.String, NullDefault: true, Importance: configdef.Low, Width: configdef.WidthLong,
			DisplayName: "Topic regex", Order: 1, Validate: regex(),
			Doc: "A regular expression for the topics that the transform is applied to; without it, all."},
		configdef.Key{Name: "language", Type: configdef.String, NullDefault: true, Importance: configdef.High, Width: configdef.WidthMedium,
			DisplayName: "Expression language", Order: 1, Validate: required(),
			Doc: "The language of the expression: 'jsr223.graal.js' for JavaScript, or 'jsr223.groovy' for what Groovy has in common with it."},
		configdef.Key{Name: property, Type: configdef.String, NullDefault: true, Importance: configdef.High, Width: configdef.WidthMedium,
			DisplayName: display, Order: 1, Validate: required(), Doc: doc},
		configdef.Key{Name: "null.handling.mode", Type: configdef.String, Default: configdef.Text("keep"), Importance: configdef.Low,
			Width: configdef.WidthShort, DisplayName: "Handle null records", Order: 1, Validate: nullMode(),
			Doc: "What is done with records without value: 'keep' passes them on, 'drop' leaves them out, 'evaluate' gives them to the expression."},
	)
}

func required() configdef.Validator {
	return configdef.ValidatorFunc("non-empty", func(name string, value any, _ *configdef.Values) error {
		if s, _ := value.(string); s == "" {
			return configdef.Invalid(name, value, "The '"+name+"' value is invalid: A value is required")
		}
		return nil
	})
}

func regex() configdef.Validator {
	return configdef.ValidatorFunc("valid regex", func(name string, value any, _ *configdef.Values) error {
		if s, _ := value.(string); s != "" {
			if _, err := configdef.CompileRegex(s); err != nil {
				return configdef.Invalid(name, value, "The '"+name+"' value is invalid: A valid regular expression is expected, but "+err.Error())
			}
		}
		return nil
	})
}

func nullMode() configdef.Validator {
	nullModes := []string{"drop", "keep", "evaluate"}
	return configdef.ValidatorFunc("[drop, keep, evaluate]", func(name string, value any, _ *configdef.Values) error {
		if s, _ := value.(string); !slices.Contains(nullModes, strings.ToLower(s)) {
			return configdef.Invalid(name, value, "The '"+name+"' value is invalid: Value must be one of drop, keep, evaluate")
		}
		return nil
	})
}
