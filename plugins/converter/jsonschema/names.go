package jsonschema

import (
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const (
	namespace   = "io.confluent.connect.json"
	typeProp    = "connect.type"
	versionProp = "connect.version"
	paramsProp  = "connect.parameters"
	indexProp   = "connect.index"
	idParam     = namespace + ".Id"
	jsonEnum    = namespace + ".Enum"
	jsonOneOf   = namespace + ".OneOf"
	sumUnion    = "org.apache.kafka.connect.data.Union"
	sumEnum     = "org.apache.kafka.connect.data.Enum"
	sumPrefix   = "connect_union_"
	sumField    = sumPrefix + "field_"
	nullMarker  = "<NULL>" // stands for null among the values of an enum
	keyField    = "key"
	valueField  = "value"
)

func isUnion(s *data.Schema) bool {
	_, ok := s.Param(sumUnion)
	return ok || s.Name() == jsonOneOf
}

func isEnum(s *data.Schema) bool {
	_, generalized := s.Param(sumEnum)
	_, plain := s.Param(jsonEnum)
	return generalized || plain
}

func (o Options) enumParam() string {
	if o.SumTypes {
		return sumEnum
	}
	return jsonEnum
}

// stringKeys reports whether a map is an object.
func stringKeys(s *data.Schema) bool {
	return s.KeySchema().Type() == data.TypeString && !s.KeySchema().Optional()
}

func within(field string, err error) error { return connect.Within(field, err) }

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
