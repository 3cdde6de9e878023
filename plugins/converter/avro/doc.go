// Package avro is io.confluent.connect.avro.AvroConverter: Connect data as Avro,
// with its schemas in a schema registry.
//
// # Schemas (AvroData.fromConnectSchema)
//
// Connect's types become Avro's: INT8, INT16 and INT32 are int (the first two
// with connect.type), INT64 long, structs records, maps with required string
// keys maps, other maps arrays of MapEntry records. An optional schema is a
// union with null: null first, unless it has a default. A struct named
// io.confluent.connect.avro.Union is a union of its fields. Decimal, Date, Time
// and Timestamp carry logicalType. What Avro has no place for (name, version,
// doc, parameters, default of a schema) goes into properties that begin with
// "connect.", unless connect.meta.data is off. Data without schema is a record
// named Anything with one field per type.
//
// # Speed
//
// A Connect schema is compiled once, together with the Avro schema that it is
// written with, into a tree of nodes that append bytes; the Avro schema of what
// is read is compiled into a tree that reads bytes. No record asks the registry.
package avro
