package jsonconv

import (
	"maps"

	"github.com/millrace/millrace/plugins/connect"
)

// Plugins describes JsonConverter.
func Plugins() []connect.Plugin {
	const class, version = "org.apache.kafka.connect.json.JsonConverter", "4.3.1"
	def := Def()
	return []connect.Plugin{
		{
			Class: class, Version: version, Kind: connect.KindConverter, Def: def,
			NewConverter: func(config map[string]string, isKey bool) (connect.Converter, error) {
				if isKey {
					return newTyped(config, "key")
				}
				return newTyped(config, "value")
			},
		},
		{
			Class: class, Version: version, Kind: connect.KindHeaderConverter, Def: def,
			NewHeaderConverter: func(config map[string]string) (connect.HeaderConverter, error) {
				return newTyped(config, "header")
			},
		},
	}
}

func newTyped(config map[string]string, use string) (*Converter, error) {
	props := maps.Clone(config)
	if props == nil {
		props = map[string]string{}
	}
	props["converter.type"] = use
	cfg, err := ParseConfig(props)
	if err != nil {
		return nil, err
	}
	return New(cfg)
}
