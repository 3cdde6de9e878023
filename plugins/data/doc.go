// Package data is Kafka Connect's data model: schemas, and values that fit them.
//
// A Value is 24 bytes and holds scalars in place, so that a row becomes a change
// event and then bytes without a heap allocation per field. Values that need
// memory (strings, structs, arrays) usually take it from an Arena that belongs
// to one batch of records; they are valid until that arena is reset.
//
// Representations of the logical types (org.apache.kafka.connect.data):
//
//	Decimal    KindBytes, big-endian two's complement of the unscaled value
//	Date       KindInt32, days since 1970-01-01
//	Time       KindInt32, milliseconds since midnight
//	Timestamp  KindInt64, milliseconds since 1970-01-01 UTC
//
// A schema is immutable once built and is compared by identity on hot paths:
// converters cache what they compiled under its pointer.
package data
