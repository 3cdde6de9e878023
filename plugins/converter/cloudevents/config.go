package cloudevents

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/avro"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
)

// Config configures a Converter.
type Config struct {
	EventAvro   bool // serializer.type is avro
	DataAvro    bool // data.serializer.type is avro
	Tracing     bool // opentelemetry.tracing.attributes.enable
	Extensions  bool // extension.attributes.enable
	SchemaName  string
	Adjust      string // schema.name.adjustment.mode
	Source      metadataSource
	RegistryURL string // the URLs of the registry, separated by commas

	json  map[string]string // json.*
	avro  map[string]string // avro.*
	isKey bool
}

// metadataSource says for each kind of metadata whether it is in a header.
type metadataSource struct {
	all, id, idGenerated, typ, typGenerated, traceParent, dataSchemaName bool
}

const (
	sourceKey     = "metadata.source"
	defaultSource = "value,id:generate,type:generate,traceparent:header,dataSchemaName:generate"
	dataHeaderKey = "schema.data.name.source.header.enable"
	registryKey   = "schema.registry.url"
	apicurioKey   = "apicurio.registry.url"
)

// Def declares the properties (CloudEventsConverterConfig).
func Def() *configdef.Def {
	serializer := configdef.OneOfFold("json", "avro")
	return configdef.New(
		configdef.Key{Name: connect.ConverterType, Type: configdef.String, NullDefault: true, Importance: configdef.Low, Doc: "How this converter will be used."},
		configdef.Key{Name: "serializer.type", Type: configdef.String, Default: configdef.Text("json"), Importance: configdef.High, Validate: serializer,
			Doc: "Specify a serializer to serialize CloudEvents values"},
		configdef.Key{Name: "data.serializer.type", Type: configdef.String, Default: configdef.Text("json"), Importance: configdef.High, Validate: serializer,
			Doc: "Specify a serializer to serialize the data field of CloudEvents values"},
		configdef.Key{Name: "opentelemetry.tracing.attributes.enable", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.High,
			Doc: "Specify whether to include OpenTelemetry tracing attributes to a cloud event"},
		configdef.Key{Name: "extension.attributes.enable", Type: configdef.Boolean, Default: configdef.Text("true"), Importance: configdef.High,
			Doc: "Specify whether to include extension attributes to a cloud event"},
		configdef.Key{Name: "schema.name.adjustment.mode", Type: configdef.String, Default: configdef.Text("avro"), Importance: configdef.Low,
			Doc: "Specify how schema names should be adjusted for compatibility with the message converter used by the connector, including:" +
				"'avro' replaces the characters that cannot be used in the Avro type name with underscore (default)" +
				"'none' does not apply any adjustment"},
		configdef.Key{Name: "schema.cloudevents.name", Type: configdef.String, NullDefault: true, Importance: configdef.Low,
			Doc: "Specify CloudEvents schema name under which the schema is registered in a Schema Registry"},
		configdef.Key{Name: dataHeaderKey, Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low,
			Doc: "Specify whether CloudEvents.data schema name can be retrieved from the header"},
		configdef.Key{Name: sourceKey, Type: configdef.List, Default: configdef.Text(defaultSource), Importance: configdef.High,
			Doc: "Specify from where to retrieve metadata"},
	)
}

// ParseConfig reads the converter's properties, given without their prefix.
func ParseConfig(props map[string]string, isKey bool) (Config, error) {
	v, err := Def().Parse(props)
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		EventAvro: strings.EqualFold(v.String("serializer.type"), "avro"), DataAvro: strings.EqualFold(v.String("data.serializer.type"), "avro"),
		Tracing: v.Bool("opentelemetry.tracing.attributes.enable"), Extensions: v.Bool("extension.attributes.enable"),
		SchemaName: v.String("schema.cloudevents.name"), Adjust: strings.ToLower(v.String("schema.name.adjustment.mode")),
		json: v.WithPrefix("json."), avro: v.WithPrefix("avro."), isKey: isKey,
	}
	if cfg.Source, err = parseSource(v); err != nil {
		return cfg, &connect.ConfigError{Key: sourceKey, Err: err}
	}
	switch {
	case cfg.EventAvro && !cfg.DataAvro:
		return cfg, &connect.ConfigError{Key: "data.serializer.type", Err: fmt.Errorf("Cannot use 'application/json' data content type within Avro events")}
	case !cfg.DataAvro:
		return cfg, nil
	}
	return cfg, cfg.checkRegistry()
}

func (c *Config) checkRegistry() error {
	c.RegistryURL = c.avro[registryKey]
	switch {
	case c.avro[apicurioKey] != "":
		return &connect.ConfigError{Key: "avro." + apicurioKey,
			Err: fmt.Errorf("is not supported: name the registry in avro.%s by its URL that ends in /apis/ccompat/v7", registryKey)}
	case strings.Trim(c.RegistryURL, ", ") == "":
		return &connect.ConfigError{Key: "avro." + registryKey,
			Err: fmt.Errorf("Need URL(s) for schema registry instances for CloudEvents when using Apache Avro")}
	}
	return nil
}

// parseSource reads metadata.source: where all metadata stands, then exceptions.
func parseSource(v *configdef.Values) (m metadataSource, err error) {
	list := v.List(sourceKey)
	if len(list) == 0 {
		return m, fmt.Errorf("is empty")
	}
	global := strings.ToLower(strings.TrimSpace(list[0]))
	if global != "value" && global != "header" {
		return m, fmt.Errorf("Global metadata source can't be %s", strings.ToUpper(global))
	}
	m.all = global == "header"
	m.id, m.typ, m.traceParent, m.dataSchemaName = m.all, m.all, m.all, m.all
	for _, e := range list[1:] {
		name, from, _ := strings.Cut(e, ":")
		from = strings.ToLower(strings.TrimSpace(from))
		switch {
		case from == "value":
			return m, fmt.Errorf("Field metadata source can't be VALUE")
		case from != "header" && from != "generate":
			return m, fmt.Errorf("Field source `%s` is not valid", from)
		}
		inHeader := from == "header"
		switch strings.TrimSpace(name) {
		case "id":
			m.id, m.idGenerated = inHeader, !inHeader
		case "type":
			m.typ, m.typGenerated = inHeader, !inHeader
		case "traceparent":
			m.traceParent = inHeader
		case "dataSchemaName":
			m.dataSchemaName = inHeader
		default:
			return m, fmt.Errorf("Field `%s` is not allowed to set custom source", name)
		}
	}
	m.traceParent = m.traceParent && v.Bool("opentelemetry.tracing.attributes.enable")
	m.dataSchemaName = m.dataSchemaName && v.Bool(dataHeaderKey)
	return m, nil
}

func (c *Config) newJSON(use, schemas string) (*jsonconv.Converter, error) {
	props := maps.Clone(c.json)
	props[connect.ConverterType] = use
	if schemas != "" {
		props["schemas.enable"] = schemas
	}
	cfg, err := jsonconv.ParseConfig(props)
	if err != nil {
		return nil, fmt.Errorf("json.%w", err)
	}
	return jsonconv.New(cfg)
}

// Plugins describes CloudEventsConverter.
func Plugins() []connect.Plugin {
	return slices.Clip([]connect.Plugin{{
		Class: "io.debezium.converters.CloudEventsConverter", Version: "3.6.1.Final", Kind: connect.KindConverter, Def: Def(),
		NewConverter: func(config map[string]string, isKey bool) (connect.Converter, error) {
			cfg, err := ParseConfig(config, isKey)
			if err != nil {
				return nil, err
			}
			return New(cfg)
		},
	}})
}

func (c *Config) newAvro() (connect.Converter, error) {
	cfg, err := avro.ParseConfig(c.avro)
	if err != nil {
		return nil, fmt.Errorf("avro.%w", err)
	}
	return avro.New(cfg, false), nil
}
