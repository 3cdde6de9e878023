package kubernetes

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

const (
	pkg     = "io.strimzi.kafka.Kubernetes"
	version = "1.2.0"
)

// Plugins describes the config providers.
func Plugins() []connect.Plugin {
	plugin := func(k kind) connect.Plugin {
		return connect.Plugin{
			Class: pkg + k.name + "ConfigProvider", Version: version, Kind: connect.KindConfigProvider, Def: configdef.New(),
			NewConfigProvider: func(map[string]string) (connect.ConfigProvider, error) { return newProvider(k, inPod()), nil },
		}
	}
	return []connect.Plugin{plugin(secret), plugin(configMap)}
}
