// Package install holds the list of built-in plugins, and nothing else.
package install

import (
	"slices"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/avro"
	"github.com/millrace/millrace/plugins/converter/bytes"
	"github.com/millrace/millrace/plugins/converter/cloudevents"
	"github.com/millrace/millrace/plugins/converter/header"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/converter/jsonschema"
	"github.com/millrace/millrace/plugins/converter/number"
	"github.com/millrace/millrace/plugins/converter/protobuf"
	"github.com/millrace/millrace/plugins/converter/text"
	"github.com/millrace/millrace/plugins/datagen"
	"github.com/millrace/millrace/plugins/file"
	"github.com/millrace/millrace/plugins/mysql"
	"github.com/millrace/millrace/plugins/policy"
	"github.com/millrace/millrace/plugins/predicate"
	"github.com/millrace/millrace/plugins/provider"
	"github.com/millrace/millrace/plugins/provider/aws"
	"github.com/millrace/millrace/plugins/provider/kubernetes"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/plugins/transform"
	"github.com/millrace/millrace/plugins/transform/debezium"
	"github.com/millrace/millrace/plugins/transform/script"
)

// Builtin lists the plugins that every binary contains.
func Builtin() []connect.Plugin {
	return slices.Concat(
		file.Plugins(),
		datagen.Plugins(),
		mysql.Plugins(),
		avro.Plugins(),
		bytes.Plugins(),
		cloudevents.Plugins(),
		header.Plugins(),
		jsonconv.Plugins(),
		jsonschema.Plugins(),
		number.Plugins(),
		protobuf.Plugins(),
		text.Plugins(),
		transform.Plugins(),
		debezium.Plugins(),
		script.Plugins(),
		predicate.Plugins(),
		provider.Plugins(),
		aws.Plugins(),
		kubernetes.Plugins(),
		policy.Plugins(),
	)
}

// Registry makes a registry that holds the built-in plugins.
func Registry() (*registry.Registry, error) {
	return registry.New(Builtin()...)
}
