// Package metrics counts what a worker does under the names of Kafka Connect's
// metrics, and shows them to Prometheus.
//
// A group stands for one of Java's MBeans: kafka.connect:type=source-task-metrics,
// connector=orders,task=0 with its attribute source-record-poll-total is
// kafka_connect_source_task_metrics_source_record_poll_total{connector="orders",task="0"},
// the name that the usual rules of Prometheus' JMX exporter make of it, so that
// dashboards made for Java workers go on working. Attributes with a text, such as
// status, become a gauge of value 1 with the text in a label.
//
// Rates, averages and maxima cover the last 30 to 60 seconds, as Java's do by
// default (metrics.sample.window.ms=30000, metrics.num.samples=2).
//
// Counting is lock-free or costs one short lock; it happens once for each batch,
// not for each record.
package metrics
