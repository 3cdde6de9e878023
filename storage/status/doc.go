// Package status keeps the statuses of connectors and tasks, and which topics
// connectors use (KafkaStatusBackingStore). Every worker writes the statuses of
// what it runs and reads those of all.
//
// # Shapes of the records
//
//	status-connector-NAME            {"state":...,"trace":...,"worker_id":...,"generation":N,"version":...}
//	status-task-NAME-N               the same
//	status-topic-TOPIC:connector-NAME {"topic":{"name":...,"connector":...,"task":N,"discoverTimestamp":MILLIS}}
//
// A tombstone removes; that of a connector also removes what is known of its tasks.
//
// # Races
//
// After a rebalance the old owner of a task may write its status after the new one.
// So a safe write is dropped when another worker has written in a later generation
// of the group, and a reader takes no UNASSIGNED over the RUNNING of the same or a
// later generation: of a task as Java's, of a connector if another worker runs it.
// A worker that has lost its group (generation -1) may have lost sight of the topic
// as well: it reads it to its end before a safe write. A
// write that failed may be old news when brokers are back: it is repeated once the
// topic has been read to its end, unless this worker has put a newer one for the same
// connector or task, or another worker has written in a later generation.
package status
