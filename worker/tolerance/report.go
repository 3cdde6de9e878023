package tolerance

import (
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// message is what the log says of a failure, in the words of Java's
// ProcessingContext.
func (o *Operator) message(c Context) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Error encountered in task %s-%d. Executing stage '%s' with class '%s'", o.cfg.Connector, o.cfg.Task, c.Stage, c.Class)
	if o.cfg.LogMessages {
		switch {
		case c.Original != nil:
			describeConsumed(&b, c.Original)
		case c.Record != nil:
			describeSource(&b, c.Record)
		}
	}
	return b.String() + "."
}

func describeConsumed(b *strings.Builder, m *sarama.ConsumerMessage) {
	fmt.Fprintf(b, ", where consumed record is {topic='%s', partition=%d, offset=%d", m.Topic, m.Partition, m.Offset)
	if !m.Timestamp.IsZero() {
		fmt.Fprintf(b, ", timestamp=%d, timestampType=CreateTime", m.Timestamp.UnixMilli())
	}
	b.WriteByte('}')
}

func describeSource(b *strings.Builder, r *connect.Record) {
	fmt.Fprintf(b, ", where source record is {topic='%s'", r.Topic)
	if r.Partition != connect.NoPartition {
		fmt.Fprintf(b, ", partition=%d", r.Partition)
	}
	if r.Timestamp != connect.NoTimestamp {
		fmt.Fprintf(b, ", timestamp=%d", r.Timestamp)
	}
	fmt.Fprintf(b, ", key=%s, value=%s, headers=%d}", text(r.Key), text(r.Value), len(r.Headers))
}

// most is how much of a value the log shows.
const most = 1000

// text shows a value, shortened.
func text(v data.Value) string {
	var b strings.Builder
	write(&b, v)
	if s := b.String(); len(s) > most {
		return s[:most] + "..."
	}
	return b.String()
}

func write(b *strings.Builder, v data.Value) {
	if b.Len() > most {
		return
	}
	switch v.Kind() {
	case data.KindNull:
		b.WriteString("null")
	case data.KindBoolean:
		fmt.Fprint(b, v.Bool())
	case data.KindFloat32, data.KindFloat64:
		fmt.Fprint(b, v.Float())
	case data.KindString:
		fmt.Fprintf(b, "%q", v.Str())
	case data.KindBytes:
		fmt.Fprintf(b, "%x", v.Raw()[:min(len(v.Raw()), most)])
	case data.KindArray:
		b.WriteByte('[')
		for _, e := range v.Elems() {
			write(b, e)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case data.KindMap:
		b.WriteByte('{')
		for _, e := range v.Map().Entries {
			write(b, e.Key)
			b.WriteByte('=')
			write(b, e.Value)
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	case data.KindStruct:
		s := v.Struct()
		b.WriteString("Struct{")
		for i, f := range s.Schema().Fields() {
			b.WriteString(f.Name + "=")
			write(b, s.At(i))
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, v.Int())
	}
}
