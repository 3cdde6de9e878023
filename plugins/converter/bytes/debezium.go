package bytes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/converter/number"
	"github.com/millrace/millrace/plugins/converter/text"
)

// delegateType names the converter for what is not bytes; its properties stand
// below the same name.
const delegateType = "delegate.converter.type"

func delegatingDef() *configdef.Def {
	return connect.ConverterDef(configdef.Key{Name: delegateType, Type: configdef.String, NullDefault: true, Importance: configdef.Low,
		Doc: "Specifies the delegate converter class"})
}

// newDelegating makes a converter of keys, values or headers. That of headers
// has no delegate, in Java neither.
func newDelegating(config map[string]string) (*Converter, error) {
	c := New()
	c.debezium = true
	class := strings.TrimSpace(config[delegateType])
	if class == "" || config[connect.ConverterType] == "header" {
		return c, nil
	}
	known := slices.Concat(jsonconv.Plugins(), text.Plugins(), number.Plugins())
	i := slices.IndexFunc(known, func(p connect.Plugin) bool { return p.Class == class && p.NewConverter != nil })
	if i < 0 {
		return nil, &connect.ConfigError{Key: delegateType, Err: fmt.Errorf("unknown converter class %s", class)}
	}
	own := map[string]string{}
	for name, value := range config {
		if rest, ok := strings.CutPrefix(name, delegateType+"."); ok {
			own[rest] = value
		}
	}
	var err error
	c.delegate, err = known[i].NewConverter(own, config[connect.ConverterType] == "key")
	return c, err
}
