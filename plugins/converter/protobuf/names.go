package protobuf

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

const (
	namespace    = "io.confluent.connect.protobuf"
	enumParam    = namespace + ".Enum"
	unionName    = namespace + ".Union"
	tagParam     = namespace + ".Tag"
	typeParam    = namespace + ".Type"
	wrapperParam = namespace + ".Wrapper"
	sumUnion     = "org.apache.kafka.connect.data.Union"
	sumEnum      = "org.apache.kafka.connect.data.Enum"
	precisionKey = "connect.decimal.precision"
	typeKey      = "connect.type"
	defaultName  = "ConnectDefault"
	keyField     = "key"
	valueField   = "value"
	entrySuffix  = "Entry"

	decimalType   = "confluent.type.Decimal"
	dateType      = "google.type.Date"
	timeType      = "google.type.TimeOfDay"
	timestampType = "google.protobuf.Timestamp"
)

// logicalTypes are the messages of Connect's logical types, with the files that define them.
var logicalTypes = map[string][2]string{
	data.DecimalName:   {decimalType, "confluent/type/decimal.proto"},
	data.DateName:      {dateType, "google/type/date.proto"},
	data.TimeName:      {timeType, "google/type/timeofday.proto"},
	data.TimestampName: {timestampType, "google/protobuf/timestamp.proto"},
}

const wrappersFile = "google/protobuf/wrappers.proto"

func isUnion(s *data.Schema) bool {
	_, ok := s.Param(sumUnion)
	return ok || strings.HasPrefix(s.Name(), unionName)
}

func (o Options) enumParam() string {
	if o.SumTypes {
		return sumEnum
	}
	return enumParam
}

func isEnum(s *data.Schema) bool {
	_, generalized := s.Param(sumEnum)
	_, plain := s.Param(enumParam)
	return generalized || plain
}

// scrub makes a name of letters, digits and underscores that begins with a letter (ProtobufData.doScrubName).
func (o Options) scrub(name string) string {
	if !o.Scrub || name == "" {
		return name
	}
	word := func(c byte) bool {
		return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	first := func(c byte) bool { return c != '_' && (c < '0' || c > '9') }
	plain := first(name[0])
	for i := range len(name) {
		plain = plain && word(name[i])
	}
	if plain {
		return name
	}
	out := []byte(strings.NewReplacer("~", "%7E", "%2A", "*").Replace(url.QueryEscape(name)))
	if !first(out[0]) {
		out = append([]byte{'x'}, out...)
	}
	for i, c := range out {
		if !word(c) {
			out[i] = '_'
		}
	}
	return string(out)
}

// split cuts a name into package and name, scrubbed part by part.
func (o Options) split(full string) (pkg, name string) {
	parts := strings.Split(strings.TrimRight(full, "."), ".")
	for i := range parts {
		parts[i] = o.scrub(parts[i])
	}
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
}

// entryName is the name of a map's message (ProtobufSchema.toMapEntry).
func entryName(s string) string {
	if !strings.Contains(s, "_") {
		return s + entrySuffix
	}
	var b strings.Builder
	for _, word := range strings.Split(s, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + strings.ToLower(word[1:]))
		}
	}
	return b.String() + entrySuffix
}

// mapName reverses entryName (ProtobufSchema.toMapField).
func mapName(s string) string {
	space, short := "", s
	if at := strings.LastIndexByte(s, '.'); at >= 0 {
		space, short = s[:at+1], s[at+1:]
	}
	short = strings.TrimSuffix(short, entrySuffix)
	var b strings.Builder
	for i, r := range short {
		if i > 0 && 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return space + b.String()
}

func within(field string, err error) error { return connect.Within(field, err) }

func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
