package aws

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/provider"
)

// custenborderClass is the provider of the plugin kafka-config-provider-aws, which
// Amazon's own examples for MSK Connect use.
const custenborderClass = "com.github.jcustenborder.kafka.config.aws.SecretsManagerConfigProvider"

// prefixed reads fields of secrets that are JSON objects: the path of a variable is the
// name of the secret behind a common prefix, as it is.
type prefixed struct {
	*common
	prefix string
	ttl    time.Duration // 0 for none
}

var _ connect.ConfigProvider = (*prefixed)(nil)

func custenborder() connect.Plugin {
	def := configdef.New(
		configdef.Key{Name: "aws.region", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.High, Doc: "Region of the service. By default that of the worker."},
		configdef.Key{Name: "aws.access.key", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.High, Doc: "Access key; the credentials of the worker when it is not set."},
		configdef.Key{Name: "aws.secret.key", Type: configdef.Password, Default: configdef.Text(""), Importance: configdef.High, Doc: "Secret key of aws.access.key."},
		configdef.Key{Name: "secret.prefix", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Low, Doc: "Stands before the names of secrets."},
		configdef.Key{Name: "secret.ttl.ms", Type: configdef.Long, Default: configdef.Text("0"), Importance: configdef.Low, Validate: configdef.AtLeast(0),
			Doc: "How long values hold; the connector is restarted then with new ones. 0 for ever."},
		commonKeys()[1],
	)
	return connect.Plugin{
		Class: custenborderClass, Version: "0.1.2", Kind: connect.KindConfigProvider, Def: def,
		NewConfigProvider: func(config map[string]string) (connect.ConfigProvider, error) {
			v, err := def.Parse(config)
			if err != nil {
				return nil, err
			}
			c := &common{region: strings.TrimSpace(v.String("aws.region")), endpoint: strings.TrimSpace(v.String("endpoint")),
				key: strings.TrimSpace(v.String("aws.access.key")), secretKey: v.Password("aws.secret.key").Reveal()}
			return &prefixed{c, v.String("secret.prefix"), v.Duration("secret.ttl.ms")}, nil
		},
	}
}

// Get implements connect.ConfigProvider. Keys that the secret does not have are left out.
func (p *prefixed) Get(ctx context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	name := p.prefix + path
	text, found, err := p.secret(ctx, name)
	switch {
	case err != nil:
		return nil, 0, err
	case !found:
		return nil, 0, &connect.ConfigError{Err: fmt.Errorf("there is no secret %q", name)}
	}
	fields, err := flat(name, text)
	return provider.Pick(fields, keys), p.ttl, err
}

// Close implements connect.ConfigProvider.
func (*prefixed) Close() error { return nil }
