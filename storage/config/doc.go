// Package config keeps what a Connect cluster is configured to do: connectors,
// tasks, target states, session keys (KafkaConfigBackingStore). The record
// formats are those of Java workers, which may share the topic.
//
// # Shapes of the records
//
//	connector-NAME          {"properties":{...}}, a tombstone deletes
//	task-NAME-N             {"properties":{...}}, valid once committed
//	commit-NAME             {"tasks":N}
//	target-state-NAME       {"state":"PAUSED","state.v2":"STOPPED"}
//	tasks-fencing-NAME      {"task-count":N}
//	session-key             {"key":BASE64,"algorithm":...,"creation-timestamp":MILLIS}
//	restart-connector-NAME  {"include-tasks":true,"only-failed":false}
//	logger-cluster-NAME     {"level":...}
//
// # Order
//
// A new connector's target state stands before its configuration. Task
// configurations come first, then, once they have been read back, the commit
// that makes them valid all at once. The task count record comes after the fencing
// of earlier producers and before any task of the new set starts.
package config
