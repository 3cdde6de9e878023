package jsonschema

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
)

// Class is the name of the Java class.
const Class = "io.confluent.connect.json.JsonSchemaConverter"

// Config configures a Converter.
type Config struct {
	Registry registry.Config
	Options
}

// Options say how Connect and JSON schemas correspond (JsonSchemaDataConfig).
type Options struct {
	Additional       bool // object.additional.properties
	OptionalMissing  bool // use.optional.for.nonrequired
	NumericDecimals  bool // decimal.format is NUMERIC
	FlattenSingleton bool // flatten.singleton.unions
	SumTypes         bool // generalized.sum.type.support
	IgnoreDefaults   bool // ignore.default.for.nullables
}

// Def declares the properties. Those that begin with "json." concern schemas
// made of Java classes, which do not occur here.
func Def() *configdef.Def {
	flag := func(name, def, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Boolean, Default: configdef.Text(def), Importance: configdef.Medium, Doc: doc}
	}
	return registry.Def(
		flag("object.additional.properties", "true", "Whether to allow additional properties for object schemas."),
		flag("use.optional.for.nonrequired", "false", "Whether to set non-required properties to be optional."),
		configdef.Key{Name: "decimal.format", Type: configdef.String, Default: configdef.Text("BASE64"), Importance: configdef.Low,
			Validate: configdef.OneOfFold("BASE64", "NUMERIC"),
			Doc:      "Controls which format this converter will serialize decimals in. This value is case insensitive and can be either 'BASE64' (default) or 'NUMERIC'"},
		flag("flatten.singleton.unions", "true", "Whether to flatten singleton unions"),
		flag("json.fail.invalid.schema", "false", "Whether to fail on data that its schema does not allow."),
		flag("json.fail.unknown.properties", "true", "Has no effect: there are no Java classes."),
		flag("json.oneof.for.nullables", "true", "Has no effect: optional schemas are always oneOf."),
		configdef.Key{Name: "json.schema.spec.version", Type: configdef.String, Default: configdef.Text("draft_7"), Importance: configdef.Medium,
			Doc: "Has no effect: what is written holds for every draft."},
	)
}

// ParseConfig reads the converter's properties, given without their prefix.
func ParseConfig(props map[string]string) (Config, error) {
	v, r, err := registry.Parse(Def(), props)
	if err != nil {
		return Config{}, err
	}
	if v.Bool("json.fail.invalid.schema") {
		return Config{}, &connect.ConfigError{Key: "json.fail.invalid.schema",
			Err: fmt.Errorf("true is not supported: what is written follows from the record's own schema, and only the form of its values is checked")}
	}
	return Config{r, Options{
		Additional: v.Bool("object.additional.properties"), OptionalMissing: v.Bool("use.optional.for.nonrequired"),
		NumericDecimals: strings.EqualFold(v.String("decimal.format"), "NUMERIC"), FlattenSingleton: v.Bool("flatten.singleton.unions"),
		SumTypes: r.SumTypes, IgnoreDefaults: r.IgnoreDefaults,
	}}, nil
}

// Plugins describes JsonSchemaConverter.
func Plugins() []connect.Plugin {
	return registry.Plugin(Class, Def(), func(props map[string]string, isKey bool) (connect.Converter, error) {
		cfg, err := ParseConfig(props)
		if err != nil {
			return nil, err
		}
		return New(cfg, isKey), nil
	})
}
