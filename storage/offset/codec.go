package offset

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/storage/topiclog"
)

// Key is the key of a source partition's records: ["connector",{partition}].
// Its bytes decide the Kafka partition, so they are those that Java writes, with
// the fields in the order of a java.util.HashMap.
func Key(connector string, partition map[string]any) ([]byte, error) {
	b := topiclog.AppendString([]byte{'['}, connector)
	b, err := appendMap(append(b, ','), partition, data.HashMapOrder(partition))
	if err != nil {
		return nil, fmt.Errorf("source partition: %w", err)
	}
	return append(b, ']'), nil
}

// Value is the value of an offset's record; nil, a tombstone, for a nil offset.
func Value(offset map[string]any) ([]byte, error) {
	if offset == nil {
		return nil, nil
	}
	b, err := appendMap(nil, offset, data.HashMapOrder(offset))
	if err != nil {
		return nil, fmt.Errorf("source offset: %w", err)
	}
	return b, nil
}

func appendMap(b []byte, m map[string]any, order []string) ([]byte, error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	for i, k := range order {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(topiclog.AppendString(b, k), ':')
		var err error
		if b, err = appendValue(b, m[k]); err != nil {
			return nil, fmt.Errorf("field %s %w", k, err)
		}
	}
	return append(b, '}'), nil
}

// appendValue writes a primitive value; others are refused (OffsetUtils.validateFormat).
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return topiclog.AppendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int8:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float32:
		return data.AppendFloat32(b, v), nil
	case float64:
		return data.AppendFloat64(b, v), nil
	case []byte:
		return topiclog.AppendString(b, base64.StdEncoding.EncodeToString(v)), nil
	}
	return nil, fmt.Errorf("contains a %T: offsets may only contain primitive types as values", v)
}

// decodeKey reads a key; ok is false for one that is not of the form that Key
// writes, which Java ignores too.
func decodeKey(key []byte) (connector string, partition map[string]any, ok bool) {
	v, err := topiclog.DecodeJSON(key)
	list, isList := v.([]any)
	if err != nil || !isList || len(list) != 2 {
		return "", nil, false
	}
	connector, isName := list[0].(string)
	partition, isMap := list[1].(map[string]any)
	return connector, partition, isName && isMap
}

// decodeValue reads an offset.
func decodeValue(value []byte) (map[string]any, error) {
	v, err := topiclog.DecodeJSON(value)
	if err != nil || v == nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("offsets must be specified as a map, found %T", v)
	}
	return m, nil
}

// canonical is a form of a partition that does not depend on the order of its
// fields, so that keys that another worker wrote in another order are recognised.
func canonical(partition map[string]any) (string, error) {
	b, err := appendMap(nil, partition, slices.Sorted(maps.Keys(partition)))
	return string(b), err
}
