package debezium

import (
	"math"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func partitionDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "partition.payload.fields", Type: configdef.List, NullDefault: true, Importance: configdef.High, Group: "partitions", Order: 1,
			DisplayName: "List of payload fields to use for compute partition.", Validate: plainList(true),
			Doc: "Fields of the event that decide on the partition, such as after.name or source.table; change stands for after, or before in a deletion. " +
				"A field that an event does not have is left out."},
		configdef.Key{Name: "partition.topic.num", Type: configdef.Int, NullDefault: true, Importance: configdef.High, Group: "partitions", Order: 2,
			DisplayName: "Number of partition configured for topic", Validate: positive(),
			Doc: "Number of partitions that the topic has. A predicate on the topic's name picks the records."},
		configdef.Key{Name: "partition.hash.function", Type: configdef.String, Default: configdef.Text("java"), Importance: configdef.Low, Group: "partitions",
			Order: 3, DisplayName: "Hash function", Doc: "How the values are hashed: java, or murmur."},
	)
}

func positive() configdef.Validator {
	return configdef.ValidatorFunc("[1,...]", func(name string, value any, _ *configdef.Values) error {
		n, ok := value.(int32)
		switch {
		case !ok:
			return invalid(name, value, "A value is required")
		case n <= 0:
			return invalid(name, value, "A positive, non-zero integer value is expected")
		}
		return nil
	})
}

// partitionRouting is PartitionRouting: fields of an event decide on its partition.
type partitionRouting struct {
	closer
	fields [][]string // paths
	count  int32
	murmur bool
}

func newPartitionRouting(v *configdef.Values, _ connect.PluginContext) (connect.Transform, error) {
	t := &partitionRouting{count: int32(v.Int("partition.topic.num")), murmur: strings.EqualFold(v.String("partition.hash.function"), "murmur")}
	for _, f := range v.List("partition.payload.fields") {
		steps := strings.Split(f, ".")
		for i := range steps {
			steps[i] = strings.TrimSpace(steps[i])
		}
		t.fields = append(t.fields, steps)
	}
	return t, nil
}

// Apply implements connect.Transform.
func (t *partitionRouting) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	if !isEnvelope(r) {
		return true, nil
	}
	event := r.Value.Struct()
	op := member(event, "op").Str()
	if op == "t" || op == "m" {
		return true, nil
	}
	var sum int32
	found := false
	for _, path := range t.fields {
		s, v := lookUp(event, path, op)
		if v.IsNull() {
			continue
		}
		h, ok := t.hash(s, v)
		if !ok {
			return false, dataError("Unprocessable message of topic %s: the field %s is a %s, which has no hash code",
				r.Topic, strings.Join(path, "."), s.Type().EnumName())
		}
		sum, found = sum+h, true
	}
	if !found {
		return true, nil
	}
	if sum &= math.MaxInt32; sum == math.MaxInt32 {
		sum = 0
	}
	r.Partition = sum % t.count
	return true, nil
}

// lookUp follows a path; null when it leads nowhere.
func lookUp(st *data.Struct, path []string, op string) (*data.Schema, data.Value) {
	for i, step := range path {
		last := i == len(path)-1
		if step == "change" && !last {
			step = "after"
			if op == "d" {
				step = "before"
			}
		}
		at := st.Schema().FieldIndex(step)
		if at < 0 {
			break
		}
		if last {
			return st.Schema().Fields()[at].Schema, orDefault(st, at)
		}
		if st = st.At(at).Struct(); st == nil {
			break
		}
	}
	return nil, data.Null()
}

func (t *partitionRouting) hash(s *data.Schema, v data.Value) (int32, bool) {
	if t.murmur && v.Kind() == data.KindString {
		return murmur(v.Raw()), true
	}
	h, ok := hashCode(s, v)
	if t.murmur && ok {
		h = murmur([]byte{byte(h), byte(h >> 8), byte(h >> 16), byte(h >> 24)})
	}
	return h, ok
}
