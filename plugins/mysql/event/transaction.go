package event

import (
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// transactionSchemas are the schemas of the transaction topic.
type transactionSchemas struct{ key, value, collection *data.Schema }

func buildTransactionSchemas() transactionSchemas {
	text, optLong := data.New(data.TypeString).Build(), data.New(data.TypeInt64).Optional().Build()
	var s transactionSchemas
	s.key = data.NewStruct().Name("io.debezium.connector.common.TransactionMetadataKey").Version(1).Field("id", text).Build()
	s.collection = data.NewStruct().Name("event.collection").Version(1).Optional().
		Field("data_collection", text).Field("event_count", data.New(data.TypeInt64).Build()).Build()
	s.value = data.NewStruct().Name("io.debezium.connector.common.TransactionMetadataValue").Version(1).
		Field("status", text).Field("id", text).Field("event_count", optLong).
		Field("data_collections", data.NewArray(s.collection).Optional().Build()).
		Field("ts_ms", data.New(data.TypeInt64).Build()).Build()
	return s
}

// CollectionCount says how many events of a transaction concern a table.
type CollectionCount struct {
	Collection string // DATABASE.TABLE
	Events     int64
}

// TransactionBegin adds the record that a transaction began at the given time
// on the server, in nanoseconds since 1970.
func (b *Builder) TransactionBegin(batch *connect.Batch, offset connect.Offset, id string, nanos int64) {
	b.transactionRecord(batch, offset, "BEGIN", id, nanos)
}

// TransactionEnd adds the record that a transaction ended, with what it did.
func (b *Builder) TransactionEnd(batch *connect.Batch, offset connect.Offset, id string, nanos int64, counts []CollectionCount) {
	f := b.transactionRecord(batch, offset, "END", id, nanos).Fields()
	a, total := &batch.Arena, int64(0)
	collections := a.Values(len(counts))
	for i, c := range counts {
		s := a.Struct(b.transactions.collection)
		s.Set(0, data.String(c.Collection))
		s.Set(1, data.Int64(c.Events))
		collections[i] = data.StructOf(s)
		total += c.Events
	}
	f[2], f[3] = data.Int64(total), data.Array(collections)
}

func (b *Builder) transactionRecord(batch *connect.Batch, offset connect.Offset, status, id string, nanos int64) *data.Struct {
	key, val := batch.Arena.Struct(b.transactions.key), batch.Arena.Struct(b.transactions.value)
	key.Set(0, data.String(id))
	f := val.Fields()
	f[0], f[1], f[4] = data.String(status), data.String(id), data.Int64(floorDiv(nanos, 1_000_000))
	r := b.record(batch, b.topics.Transactions(), offset)
	r.KeySchema, r.Key = b.transactions.key, data.StructOf(key)
	r.ValueSchema, r.Value = b.transactions.value, data.StructOf(val)
	return val
}
