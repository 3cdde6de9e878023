package avro

import (
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/registry"
)

// Config configures a Converter.
type Config struct {
	Registry registry.Config
	Options
}

// Options say how Connect and Avro schemas correspond (AvroDataConfig).
type Options struct {
	Enhanced         bool // enhanced.avro.schema.support
	Scrub            bool // scrub.invalid.names
	MetaData         bool // connect.meta.data
	DiscardTypeDoc   bool // discard.type.doc.default
	OptionalMapKeys  bool // allow.optional.map.keys
	FlattenSingleton bool // flatten.singleton.unions
	SumTypes         bool // generalized.sum.type.support
	IgnoreDefaults   bool // ignore.default.for.nullables
}

// Def declares the properties.
func Def() *configdef.Def {
	flag := func(name, def string, importance configdef.Importance, doc string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.Boolean, Default: configdef.Text(def), Importance: importance, Doc: doc}
	}
	return registry.Def(
		flag("enhanced.avro.schema.support", "false", configdef.Medium,
			"Toggle for enabling/disabling enhanced avro schema support: Enum symbol preservation and Package Name awareness"),
		flag("scrub.invalid.names", "false", configdef.Medium,
			"Whether to scrub invalid names by replacing invalid characters with valid ones"),
		flag("connect.meta.data", "true", configdef.Low,
			"Toggle for enabling/disabling connect converter to add its meta data to the output schema or not"),
		flag("discard.type.doc.default", "false", configdef.Low,
			"Only Avro field doc and default will be retained during conversion of Avro and Connect schema."),
		flag("allow.optional.map.keys", "false", configdef.Low,
			"Allow optional string map key when converting from Connect Schema to Avro Schema."),
		flag("flatten.singleton.unions", "true", configdef.Low, "Whether to flatten singleton unions"),
	)
}

// ParseConfig reads the converter's properties, given without their prefix.
func ParseConfig(props map[string]string) (Config, error) {
	v, r, err := registry.Parse(Def(), props)
	if err != nil {
		return Config{}, err
	}
	return Config{r, Options{
		Enhanced: v.Bool("enhanced.avro.schema.support"), Scrub: v.Bool("scrub.invalid.names"),
		MetaData: v.Bool("connect.meta.data"), DiscardTypeDoc: v.Bool("discard.type.doc.default"),
		OptionalMapKeys: v.Bool("allow.optional.map.keys"), FlattenSingleton: v.Bool("flatten.singleton.unions"),
		SumTypes: r.SumTypes, IgnoreDefaults: r.IgnoreDefaults,
	}}, nil
}

// Class is the name of the Java class.
const Class = "io.confluent.connect.avro.AvroConverter"

// Plugins describes AvroConverter.
func Plugins() []connect.Plugin {
	return registry.Plugin(Class, Def(), func(props map[string]string, isKey bool) (connect.Converter, error) {
		cfg, err := ParseConfig(props)
		if err != nil {
			return nil, err
		}
		return New(cfg, isKey), nil
	})
}
