package jsonconv

import (
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// Config configures a Converter.
type Config struct {
	Schemas         bool   // schemas.enable
	CacheSize       int    // schemas.cache.size: compiled schemas kept
	NumericDecimals bool   // decimal.format is NUMERIC
	ReplaceNull     bool   // replace.null.with.default
	SchemaContent   string // schema.content: the schema of all parsed messages, as JSON; "" means theirs
}

// DefaultConfig is the configuration that Java has without any property.
func DefaultConfig() Config {
	return Config{Schemas: true, CacheSize: 1000, ReplaceNull: true}
}

// Def declares the properties (JsonConverterConfig).
func Def() *configdef.Def {
	return connect.ConverterDef(
		configdef.Key{Name: "schemas.enable", Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.High,
			Group: "Schemas", Order: 0, Width: configdef.WidthMedium, DisplayName: "Enable Schemas",
			Doc: "Include schemas within each of the serialized values and keys."},
		configdef.Key{Name: "schemas.cache.size", Type: configdef.Int, Default: configdef.Text("1000"), Importance: configdef.High,
			Group: "Schemas", Order: 1, Width: configdef.WidthMedium, DisplayName: "Schema Cache Size",
			Doc: "The maximum number of schemas that can be cached in this converter instance."},
		configdef.Key{Name: "schema.content", Type: configdef.String, NullDefault: true, Importance: configdef.High,
			Group: "Schemas", Order: 2, Width: configdef.WidthMedium, DisplayName: "Schema Content",
			Doc: "When set, this is used as the schema for all messages, and the schemas within each of the message will be ignored." +
				"Otherwise, the schema will be included in the content of each message. This configuration applies only " +
				"'schemas.enable' is true, and it exclusively affects the sink connector."},
		configdef.Key{Name: "decimal.format", Type: configdef.String, Default: configdef.Text("BASE64"), Importance: configdef.Low,
			Group: "Serialization", Order: 0, Width: configdef.WidthMedium, DisplayName: "Decimal Format",
			Validate: configdef.OneOfFold("BASE64", "NUMERIC"),
			Doc: "Controls which format this converter will serialize decimals in. This value is case insensitive " +
				"and can be either 'BASE64' (default) or 'NUMERIC'"},
		configdef.Key{Name: "replace.null.with.default", Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.Low,
			Group: "Serialization", Order: 1, Width: configdef.WidthMedium, DisplayName: "Replace null with default",
			Doc: "Whether to replace fields that have a default value and that are null to the default value. " +
				"When set to true, the default value is used, otherwise null is used."},
	)
}

// ParseConfig reads the converter's properties, given without their prefix.
func ParseConfig(props map[string]string) (Config, error) {
	v, err := Def().Parse(props)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Schemas:         v.Bool("schemas.enable"),
		CacheSize:       v.Int("schemas.cache.size"),
		NumericDecimals: strings.EqualFold(v.String("decimal.format"), "NUMERIC"),
		ReplaceNull:     v.Bool("replace.null.with.default"),
		SchemaContent:   v.String("schema.content"),
	}, nil
}
