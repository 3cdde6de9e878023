package jsonconv

import "github.com/millrace/millrace/plugins/connect"

// Plugins describes JsonConverter.
func Plugins() []connect.Plugin {
	return connect.ConverterPlugins("org.apache.kafka.connect.json.JsonConverter", "4.3.1", Def(), func(config map[string]string) (*Converter, error) {
		cfg, err := ParseConfig(config)
		if err != nil {
			return nil, err
		}
		return New(cfg)
	})
}
