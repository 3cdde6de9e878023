package aws

import (
	"cmp"
	"os"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const (
	pkg     = "com.amazonaws.kafka.config.providers."
	version = "0.4.0"
)

// Plugins describes the config providers.
func Plugins() []connect.Plugin {
	plugin := func(name string, build func(*configdef.Values) connect.ConfigProvider, own ...configdef.Key) connect.Plugin {
		def := configdef.New(append(commonKeys(), own...)...)
		return connect.Plugin{
			Class: pkg + name, Version: version, Kind: connect.KindConfigProvider, Def: def,
			NewConfigProvider: func(config map[string]string) (connect.ConfigProvider, error) {
				v, err := def.Parse(config)
				if err != nil {
					return nil, err
				}
				return build(v), nil
			},
		}
	}
	return []connect.Plugin{
		custenborder(),
		plugin("SecretsManagerConfigProvider", func(v *configdef.Values) connect.ConfigProvider {
			return &secrets{newCommon(v), strategy(v.String("NotFoundStrategy")), v.String("RawSecretEncoding") == "base64"}
		}, strategyKey(), configdef.Key{Name: "RawSecretEncoding", Type: configdef.String, Default: configdef.Text("none"), Importance: configdef.Low,
			Validate: configdef.OneOf("none", "base64"), Doc: "How a secret that is taken as a whole is encoded."}),
		plugin("SsmParamStoreConfigProvider", func(v *configdef.Values) connect.ConfigProvider {
			return &parameters{newCommon(v), strategy(v.String("NotFoundStrategy"))}
		}, strategyKey()),
		plugin("S3ImportConfigProvider", func(v *configdef.Values) connect.ConfigProvider {
			return &imports{newCommon(v), cmp.Or(v.String("local_dir"), os.TempDir())}
		}, configdef.Key{Name: "local_dir", Type: configdef.String, NullDefault: true, Importance: configdef.High,
			Doc: "Folder of the local copies. By default that of the system for temporary files."}),
	}
}
