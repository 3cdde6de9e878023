package connect

import (
	"maps"

	"github.com/millrace/millrace/plugins/configdef"
)

// ConverterType is the property that says what a converter is made for: key, value
// or header.
const ConverterType = "converter.type"

// ConverterDef declares the property that converters have in common, in front of
// those of one (ConverterConfig).
func ConverterDef(own ...configdef.Key) *configdef.Def {
	return configdef.New(append([]configdef.Key{{Name: ConverterType, Type: configdef.String, Importance: configdef.Low,
		Validate: configdef.OneOf("key", "value", "header"), Doc: "How this converter will be used."}}, own...)...)
}

// ConverterPlugins describes a class whose instances convert keys, values or
// headers. build gets a configuration of its own, whose converter.type says which.
func ConverterPlugins[C interface {
	Converter
	HeaderConverter
}](class, version string, def *configdef.Def, build func(config map[string]string) (C, error)) []Plugin {
	typed := func(config map[string]string, use string) map[string]string {
		own := make(map[string]string, len(config)+1)
		maps.Copy(own, config)
		own[ConverterType] = use
		return own
	}
	return []Plugin{
		{
			Class: class, Version: version, Kind: KindConverter, Def: def,
			NewConverter: func(config map[string]string, isKey bool) (Converter, error) {
				if isKey {
					return build(typed(config, "key"))
				}
				return build(typed(config, "value"))
			},
		},
		{
			Class: class, Version: version, Kind: KindHeaderConverter, Def: def,
			NewHeaderConverter: func(config map[string]string) (HeaderConverter, error) { return build(typed(config, "header")) },
		},
	}
}
