// Package protobuf is io.confluent.connect.protobuf.ProtobufConverter: Connect
// data as Protocol Buffers, with their schemas in a schema registry.
//
// # Schemas (ProtobufData)
//
// A struct is a message of proto3, its fields numbered in order (or by the
// parameter io.confluent.connect.protobuf.Tag). Structs within it are nested
// messages, maps repeated messages whose name ends in Entry, structs named
// io.confluent.connect.protobuf.Union... are oneofs. INT8, INT16 and the scale of
// decimals stand in the option confluent.field_meta. Decimal, Date, Time and
// Timestamp are messages. A single value is one of google.protobuf's wrappers.
// Arrays within arrays have no form in Protobuf.
//
// # Wire format
//
// After the schema's id stand the indexes that lead to the message, as zigzag
// varints after their number; a single 0 stands for the first message.
package protobuf
