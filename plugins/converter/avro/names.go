package avro

import (
	"net/url"
	"strings"

	"github.com/millrace/millrace/plugins/data"
)

// Names that AvroData gives and looks for.
const (
	namespace       = "io.confluent.connect.avro"
	defaultName     = "ConnectDefault"
	defaultFullName = namespace + "." + defaultName
	mapEntry        = "MapEntry"
	anything        = namespace + ".Anything"
	keyField        = "key"
	valueField      = "value"

	nameProp      = "connect.name"
	docProp       = "connect.doc"
	recordDocProp = "connect.record.doc"
	enumDocProp   = "connect.enum.doc"
	versionProp   = "connect.version"
	defaultProp   = "connect.default"
	paramsProp    = "connect.parameters"
	typeProp      = "connect.type"
	internalProp  = "connect.internal.type"
	fixedProp     = "connect.fixed.size"
	precisionProp = "connect.decimal.precision"
	logicalProp   = "logicalType"

	avroRecordDoc   = namespace + ".record.doc"
	avroEnumDoc     = namespace + ".enum.doc."
	avroFieldDoc    = namespace + ".field.doc."
	avroFieldFlag   = namespace + ".field.default"
	avroEnumDefault = namespace + ".enum.default."
	avroUnion       = namespace + ".Union"
	avroEnum        = namespace + ".Enum"

	sumUnion      = "org.apache.kafka.connect.data.Union"
	sumEnum       = "org.apache.kafka.connect.data.Enum"
	sumPrefix     = "connect_union_"
	sumField      = sumPrefix + "field_"
	defaultDigits = 64 // precision of a decimal that does not say its own
)

// scrubName makes a name of letters, digits and underscores (AvroData.doScrubName):
// what URL encoding gives, with underscores for all else.
func scrubName(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for i := range len(name) {
		plain = plain && isWord(name[i])
	}
	if plain || name == "" {
		return name
	}
	encoded := []byte(url.QueryEscape(name))
	encoded = []byte(strings.NewReplacer("~", "_7E", "%2A", "_").Replace(string(encoded)))
	if encoded[0] >= '0' && encoded[0] <= '9' {
		encoded = append([]byte{'x'}, encoded...)
	}
	for i, c := range encoded {
		if !isWord(c) {
			encoded[i] = '_'
		}
	}
	return string(encoded)
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// name is a field's name in Avro.
func (o Options) name(name string) string {
	if o.Scrub {
		return scrubName(name)
	}
	return name
}

// split cuts a schema's name into namespace and name, scrubbed part by part.
func (o Options) split(full string) (space, name string) {
	if !o.Scrub {
		return splitName(full)
	}
	parts := strings.Split(strings.TrimRight(full, "."), ".")
	for i := range parts {
		parts[i] = scrubName(parts[i])
	}
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
}

func (o Options) full(name string) string {
	if !o.Scrub {
		return name
	}
	space, short := o.split(name)
	if space == "" {
		return short
	}
	return space + "." + short
}

// isUnion reports whether a struct stands for a union of its fields.
func isUnion(s *data.Schema) bool {
	if s.Name() == avroUnion {
		return true
	}
	_, ok := s.Param(sumUnion)
	return ok
}

// isEnum reports whether a text stands for an enum.
func isEnum(s *data.Schema) bool {
	_, generalized := s.Param(sumEnum)
	_, plain := s.Param(avroEnum)
	return s.Type() == data.TypeString && (generalized || plain)
}

// isFixed reports whether bytes stand for a fixed.
func isFixed(s *data.Schema) bool {
	_, ok := s.Param(fixedProp)
	return s.Type() == data.TypeBytes && s.Name() != "" && ok
}

func (o Options) enumParam() string {
	if o.SumTypes {
		return sumEnum
	}
	return avroEnum
}

// stringKeys reports whether a map is written as a map of Avro.
func (o Options) stringKeys(s *data.Schema) bool {
	return s.KeySchema().Type() == data.TypeString && (!s.KeySchema().Optional() || o.OptionalMapKeys)
}
