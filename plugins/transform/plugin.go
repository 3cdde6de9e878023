package transform

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const (
	version = "4.3.1"
	prefix  = "org.apache.kafka.connect.transforms."
)

// Plugins describes the transforms.
func Plugins() []connect.Plugin {
	return slices.Concat(
		both("Cast", castDef(), newCast),
		single("DropHeaders", dropHeadersDef(), newDropHeaders),
		both("ExtractField", extractFieldDef(), newExtractField),
		single("Filter", configdef.New(), newFilter),
		both("Flatten", flattenDef(), newFlatten),
		both("HeaderFrom", headerFromDef(), newHeaderFrom),
		both("HoistField", hoistFieldDef(), newHoistField),
		both("InsertField", insertFieldDef(), newInsertField),
		single("InsertHeader", insertHeaderDef(), newInsertHeader),
		both("MaskField", maskFieldDef(), newMaskField),
		single("RegexRouter", regexRouterDef(), newRegexRouter),
		both("ReplaceField", replaceFieldDef(), newReplaceField),
		both("SetSchemaMetadata", setSchemaMetadataDef(), newSetSchemaMetadata),
		both("TimestampConverter", timestampConverterDef(), newTimestampConverter),
		single("TimestampRouter", timestampRouterDef(), newTimestampRouter),
		single("ValueToKey", valueToKeyDef(), newValueToKey),
	)
}

// both describes a transform with a $Key and a $Value variant.
func both(name string, def *configdef.Def, build func(*configdef.Values, side) (connect.Transform, error)) []connect.Plugin {
	on := func(s side) func(*configdef.Values) (connect.Transform, error) {
		return func(v *configdef.Values) (connect.Transform, error) { return build(v, s) }
	}
	return append(single(name+"$Key", def, on(keySide)), single(name+"$Value", def, on(valueSide))...)
}

func single(name string, def *configdef.Def, build func(*configdef.Values) (connect.Transform, error)) []connect.Plugin {
	return []connect.Plugin{{
		Class: prefix + name, Version: version, Kind: connect.KindTransformation, Def: def,
		NewTransform: func(config map[string]string, _ connect.PluginContext) (connect.Transform, error) {
			v, err := def.Parse(config)
			if err != nil {
				return nil, err
			}
			return build(v)
		},
	}}
}

// replaceNull is the name of a property that many transforms have.
const replaceNull = "replace.null.with.default"

func replaceNullKey() configdef.Key {
	return configdef.Key{Name: replaceNull, Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.Medium,
		Doc: "Whether to replace fields that have a default value and that are null to the default value. " +
			"When set to true, the default value is used, otherwise null is used."}
}
