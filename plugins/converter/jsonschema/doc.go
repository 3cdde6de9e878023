// Package jsonschema is io.confluent.connect.json.JsonSchemaConverter: Connect
// data as JSON, with its JSON Schemas in a schema registry.
//
// # Schemas (JsonSchemaData)
//
// Integers have type integer, floats number, bytes string; connect.type says
// which of Connect's types they were. An optional schema is oneOf null and the
// type. Maps with required string keys are objects, others arrays of objects
// with key and value. The fields of a struct are properties; connect.index
// keeps their order. A struct named io.confluent.connect.json.OneOf is oneOf its
// fields.
//
// The payload is the data alone, as Jackson writes it. Null stands only where
// the schema is optional; a missing value of a required field is left out.
package jsonschema
