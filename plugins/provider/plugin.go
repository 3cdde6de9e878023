package provider

import (
	"os"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const version = "4.3.1"

func pathsDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "allowed.paths", Type: configdef.String, NullDefault: true, Importance: configdef.Medium,
		Doc: "Absolute paths, separated by commas, below which this config provider may read. All when not set."})
}

func envDef() *configdef.Def {
	return configdef.New(configdef.Key{Name: "allowlist.pattern", Type: configdef.String, Default: configdef.Text(".*"), Importance: configdef.Low,
		Validate: configdef.ValidRegex(), Doc: "A Java regular expression that the names of usable environment variables match."})
}

// Plugins describes the config providers.
func Plugins() []connect.Plugin {
	const pkg = "org.apache.kafka.common.config.provider."
	plugin := func(name string, def *configdef.Def, build func(*configdef.Values) (connect.ConfigProvider, error)) connect.Plugin {
		return connect.Plugin{
			Class: pkg + name, Version: version, Kind: connect.KindConfigProvider, Def: def,
			NewConfigProvider: func(config map[string]string) (connect.ConfigProvider, error) {
				v, err := def.Parse(config)
				if err != nil {
					return nil, err
				}
				return build(v)
			},
		}
	}
	return []connect.Plugin{
		plugin("FileConfigProvider", pathsDef(), func(v *configdef.Values) (connect.ConfigProvider, error) {
			return NewFile(allowed(v))
		}),
		plugin("DirectoryConfigProvider", pathsDef(), func(v *configdef.Values) (connect.ConfigProvider, error) {
			return NewDirectory(allowed(v))
		}),
		plugin("EnvVarConfigProvider", envDef(), func(v *configdef.Values) (connect.ConfigProvider, error) {
			pattern, err := configdef.CompileRegex(v.String("allowlist.pattern"))
			if err != nil {
				return nil, err
			}
			return NewEnv(os.Environ(), pattern)
		}),
	}
}

func allowed(v *configdef.Values) []string {
	text := v.String("allowed.paths")
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
