package value

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/table"
)

// ParseCustom makes the converter that a class name of the property
// NAME.type stands for, from the other properties that begin with NAME. Errors
// name the property without that beginning.
func ParseCustom(class string, props map[string]string) (Custom, error) {
	simple := class[strings.LastIndexByte(class, '.')+1:]
	if !strings.HasPrefix(class, "io.debezium.connector.") || !strings.HasSuffix(class, ".converters."+simple) {
		simple = ""
	}
	switch simple {
	case "TinyIntOneToBooleanConverter":
		selector, err := parseSelector(props, "selector", true)
		return TinyIntOneToBoolean(selector, !strings.EqualFold(props["length.checker"], "false")), err
	case "JdbcSinkDataTypesConverter":
		return parseJDBCSink(props)
	case "ZeroDateFallbackConverter":
		return parseZeroDate(props)
	}
	return Custom{}, fmt.Errorf("type: there is no converter %q; known are, in io.debezium.connector.binlog.converters: "+
		"TinyIntOneToBooleanConverter, JdbcSinkDataTypesConverter, ZeroDateFallbackConverter", class)
}

// parseSelector compiles a list of expressions; without one the selector is
// nil, or one that matches nothing.
func parseSelector(props map[string]string, key string, optional bool) (func(table.ID, *table.Column) bool, error) {
	list := strings.TrimSpace(props[key])
	if list == "" && optional {
		return nil, nil
	}
	ps, err := table.ParsePatterns(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return MatchColumns(ps), nil
}

func parseJDBCSink(props map[string]string) (Custom, error) {
	cfg := JDBCSinkConfig{RealAsDouble: !strings.EqualFold(props["treat.real.as.double"], "false")}
	for key, set := range map[string]*func(table.ID, *table.Column) bool{
		"selector.boolean": &cfg.Boolean, "selector.real": &cfg.Real, "selector.string": &cfg.String,
	} {
		var err error
		if *set, err = parseSelector(props, key, false); err != nil {
			return Custom{}, err
		}
	}
	return JDBCSinkTypes(cfg), nil
}

func parseZeroDate(props map[string]string) (Custom, error) {
	targets := strings.ToUpper(props["target.types"])
	if targets == "" {
		targets = "DATE,DATETIME,TIMESTAMP"
	}
	byType := map[string]string{}
	for target := range strings.SplitSeq(targets, ",") {
		if target = strings.TrimSpace(target); target != "" {
			byType[target] = fallbackText(props["fallback."+strings.ToLower(target)])
		}
	}
	for typ, text := range byType {
		if text != "" && !CheckZeroDate(typ, text) {
			return Custom{}, fmt.Errorf("fallback.%s: %q is not a %s", strings.ToLower(typ), text, typ)
		}
	}
	selector, err := parseSelector(props, "selector", true)
	return ZeroDateFallback(ZeroDateConfig{Selector: selector, Fallback: func(id table.ID, c *table.Column) (string, bool) {
		text, ok := byType[strings.ToUpper(c.TypeName)]
		if own, found := props["column."+id.String()+"."+c.Name+".fallback"]; found {
			text = fallbackText(own)
		}
		return text, ok
	}}), err
}

// fallbackText is the text of a fallback; the word NULL stands for none.
func fallbackText(s string) string {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, "NULL") {
		return ""
	}
	return s
}
