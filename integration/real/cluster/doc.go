// Package cluster proves that workers of Java and of Millrace are one cluster: in one group, one after the other on the
// same topics, and while brokers, networks and workers fail.
//
// That something runs exactly once is seen from outside, in three ways that must agree: every worker's REST API names the
// same worker for it; exactly one worker says of itself that it has it (Millrace in its metrics, Java in its log); and a
// line that is appended to the file of a source arrives once, in the topic and in the file of the sink behind it.
//
// The tests wait more than they work, mostly for sessions to end: they run side by side.
package cluster
