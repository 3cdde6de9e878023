package event

import (
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// heartbeatSchemas are the schemas of the heartbeat topic.
type heartbeatSchemas struct{ key, value *data.Schema }

func buildHeartbeatSchemas() heartbeatSchemas {
	return heartbeatSchemas{
		key: data.NewStruct().Name("io.debezium.connector.common.ServerNameKey").Version(1).
			Field("serverName", data.New(data.TypeString).Build()).Build(),
		value: data.NewStruct().Name("io.debezium.connector.common.Heartbeat").Version(1).
			Field("ts_ms", data.New(data.TypeInt64).Build()).Build(),
	}
}

// Heartbeat adds a record that carries the offset on while no captured table
// changes.
func (b *Builder) Heartbeat(batch *connect.Batch, offset connect.Offset) {
	key, val := batch.Arena.Struct(b.heartbeats.key), batch.Arena.Struct(b.heartbeats.value)
	key.Set(0, b.prefix)
	val.Set(0, data.Int64(b.now/1_000_000))
	r := b.record(batch, b.topics.Heartbeats(), offset)
	r.Partition = 0
	r.KeySchema, r.Key = b.heartbeats.key, data.StructOf(key)
	r.ValueSchema, r.Value = b.heartbeats.value, data.StructOf(val)
}
