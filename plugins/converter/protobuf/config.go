package protobuf

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
)

// Class is the name of the Java class.
const Class = "io.confluent.connect.protobuf.ProtobufConverter"

// Config configures a Converter.
type Config struct {
	Registry registry.Config
	Options
}

// Options say how Connect and Protobuf schemas correspond (ProtobufDataConfig).
type Options struct {
	Enhanced       bool // enhanced.protobuf.schema.support
	Scrub          bool // scrub.invalid.names
	IntEnums       bool // int.for.enums
	Optional       bool // optional.for.nullables
	OptionalProto2 bool // optional.for.proto2
	Wrapper        bool // wrapper.for.nullables
	RawWrapper     bool // wrapper.for.raw.primitives
	StructForNull  bool // generate.struct.for.nulls
	UnionIndex     bool // generate.index.for.unions
	FlattenUnions  bool // flatten.unions
	SumTypes       bool // generalized.sum.type.support
	IgnoreDefaults bool // ignore.default.for.nullables
}

// Def declares the properties.
func Def() *configdef.Def {
	flag := func(name, def, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Boolean, Default: configdef.Text(def), Importance: configdef.Medium, Doc: doc}
	}
	return registry.Def(
		flag("enhanced.protobuf.schema.support", "false", "Toggle for enabling/disabling enhanced protobuf schema support: package name awareness"),
		flag("scrub.invalid.names", "false", "Whether to scrub invalid names by replacing invalid characters with valid ones"),
		flag("int.for.enums", "false", "Whether to represent enums as integers"),
		flag("optional.for.nullables", "false", "Whether nullable fields should be specified with an optional label"),
		flag("optional.for.proto2", "true", "Whether proto2 optionals are supported"),
		flag("wrapper.for.nullables", "false", "Whether nullable fields should use primitive wrapper messages"),
		flag("wrapper.for.raw.primitives", "true", "Whether a wrapper message should be interpreted as a raw primitive at root level"),
		flag("generate.struct.for.nulls", "false", "Whether to generate a default struct for null messages"),
		flag("generate.index.for.unions", "true", "Whether to suffix union names with an underscore followed by an index"),
		flag("flatten.unions", "false", "Whether to flatten unions (oneofs)"),
	)
}

// ParseConfig reads the converter's properties, given without their prefix.
func ParseConfig(props map[string]string) (Config, error) {
	v, r, err := registry.Parse(Def(), props)
	if err != nil {
		return Config{}, err
	}
	return Config{r, Options{
		Enhanced: v.Bool("enhanced.protobuf.schema.support"), Scrub: v.Bool("scrub.invalid.names"), IntEnums: v.Bool("int.for.enums"),
		Optional: v.Bool("optional.for.nullables"), OptionalProto2: v.Bool("optional.for.proto2"), Wrapper: v.Bool("wrapper.for.nullables"),
		RawWrapper: v.Bool("wrapper.for.raw.primitives"), StructForNull: v.Bool("generate.struct.for.nulls"),
		UnionIndex: v.Bool("generate.index.for.unions"), FlattenUnions: v.Bool("flatten.unions"),
		SumTypes: r.SumTypes, IgnoreDefaults: r.IgnoreDefaults,
	}}, nil
}

// Plugins describes ProtobufConverter.
func Plugins() []connect.Plugin {
	return registry.Plugin(Class, Def(), func(props map[string]string, isKey bool) (connect.Converter, error) {
		cfg, err := ParseConfig(props)
		if err != nil {
			return nil, err
		}
		return New(cfg, isKey), nil
	})
}
