// Package registry is the client of a schema registry that speaks the REST API
// of Confluent Schema Registry, and what the converters of Avro, Protobuf and
// JSON Schema share: their properties, subjects, the wire format and the
// choice of a schema's id.
//
// # Wire format
//
// A key or value is a zero byte, the id of its schema as four bytes, big
// endian, and the payload. Protobuf puts the indexes of the message before its
// payload (package protobuf).
//
// # Which id a record gets
//
// The first that holds (AbstractKafkaSchemaSerDe):
//
//  1. auto.register.schemas (the default): the schema is registered under its subject
//  2. use.schema.id: that id, after a look at its schema
//  3. use.latest.version: the latest version of the subject
//  4. otherwise the id under which the subject has this very schema
//
// A converter asks once per schema and topic: ids never change. The latest
// version is asked for again after latest.cache.ttl.sec.
//
// # Errors
//
// What the registry refuses is a connect.DataError with subject, status and a
// hint: error tolerance applies. What may pass by itself (no answer, 408, 429,
// 5xx) was tried again and at the other URLs, and is then retriable.
package registry

// Version is the release of the Java converters that these ones follow.
const Version = "8.1.0"
