// Package cloudevents is io.debezium.converters.CloudEventsConverter: change
// events of Debezium as CloudEvents 1.0 in the structured mode, in JSON or Avro
// (Debezium's chapter "Exporting CloudEvents").
//
// A plan is made once per schema of records: the schema of the event and where
// each of its attributes comes from. Other messages than change events (schema
// changes, heartbeats, transactions) become Kafka's null, as in Java.
package cloudevents
