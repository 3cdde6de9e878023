// Package jsonconv is org.apache.kafka.connect.json.JsonConverter: Connect data
// as JSON text, with or without its schema, byte for byte as Java writes it.
//
// # What a record looks like
//
// With schemas.enable (the default) a record is
//
//	{"schema":SCHEMA,"payload":VALUE}
//
// with SCHEMA null for schemaless data, and VALUE alone otherwise. A schema is
// an object with its members in this order, those in brackets only where the
// schema has them:
//
//	type, fields | items | keys, values, optional, [name], [version], [doc],
//	[parameters], [default], [field]
//
// "field" is the name of the struct field that the schema belongs to; FLOAT32
// is "float" and FLOAT64 "double". Struct fields keep their order, maps that
// of their entries. A map is an object when its keys are strings (by schema, or
// all of them when there is none) and an array of [key, value] pairs otherwise.
//
// # Bytes (JsonConverter and Jackson's UTF8JsonGenerator)
//
//   - no white space; text is UTF-8, only ", \ and what lies below U+0020 are
//     escaped: \b \t \n \f \r, the others as \u00XX with upper-case digits; a
//     character beyond U+FFFF is written as an escaped pair of surrogates
//   - bytes are base64 with padding and without line breaks
//   - floats are Double.toString and Float.toString (see data.AppendFloat64);
//     NaN and the infinities are strings
//   - a Decimal is base64 of its unscaled value, or with decimal.format=NUMERIC
//     a number as BigDecimal.toString writes it; Date, Time and Timestamp are
//     integers
//   - null is the schema's default where it has one (unless
//     replace.null.with.default is off), also for a whole record; null without
//     schema is Kafka's null
//
// # Speed
//
// A schema is compiled once into a tree of nodes, each with its field name and
// everything else that never changes rendered; the tree is cached under the
// schema's pointer. Encoding a record allocates nothing.
package jsonconv
