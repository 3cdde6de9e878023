// Package parity holds what Java's converters made of the same data, and holds
// Millrace's to it: equal bytes, schemas and errors.
//
// golden/*.jsonl has one case per line, with the question and Java's answers
// (recorder/Recorder.java describes both). Record plays the questions of a file
// again on the Java classes; `go run ./integration/parity/record` is its
// command. Kafka's and Debezium's classes are in the jars that
// `go run ./integration/setup real` fetches; Confluent's converters are not on
// Maven Central, so recording theirs takes -cp with their jars.
//
// A case with "differs" is one where Millrace's answer is another on purpose:
// the text says why, and "own" holds the answer.
package parity
