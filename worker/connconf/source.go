package connconf

import "github.com/millrace/millrace/plugins/configdef"

// sourceKeys are the properties of source connectors alone, in the order and with the texts
// of Kafka Connect 4.3's ConnectorConfig.
func sourceKeys() []configdef.Key {
	return []configdef.Key{
		{Name: "topic.creation.groups", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low,
			Group: "Topic Creation", Order: 1, Width: configdef.WidthLong, DisplayName: "Topic Creation Groups",
			Doc: "Groups of configurations for topics created by source connectors"},
		{Name: "exactly.once.support", Type: configdef.String, Default: configdef.Text("requested"), Importance: configdef.Medium,
			Group: "Exactly Once Support", Order: 2, Width: configdef.WidthShort, DisplayName: "Exactly once support",
			Doc:      "Permitted values are requested, required. If set to \"required\", forces a preflight check for the connector to ensure that it can provide exactly-once semantics with the given configuration. Some connectors may be capable of providing exactly-once semantics but not signal to Connect that they support this; in that case, documentation for the connector should be consulted carefully before creating it, and the value for this property should be set to \"requested\". Additionally, if the value is set to \"required\" but the worker that performs preflight validation does not have exactly-once support enabled for source connectors, requests to create or validate the connector will fail.",
			Validate: configdef.OneOfFold("REQUESTED", "REQUIRED")},
		{Name: "transaction.boundary", Type: configdef.String, Default: configdef.Text("poll"), Importance: configdef.Medium,
			Group: "Exactly Once Support", Order: 3, Width: configdef.WidthShort, DisplayName: "Transaction Boundary",
			Doc:      "Permitted values are: poll, interval, connector. If set to 'poll', a new producer transaction will be started and committed for every batch of records that each task from this connector provides to Connect. If set to 'connector', relies on connector-defined transaction boundaries; note that not all connectors are capable of defining their own transaction boundaries, and in that case, attempts to instantiate a connector with this value will fail. Finally, if set to 'interval', commits transactions only after a user-defined time interval has passed.",
			Validate: configdef.OneOfFold("POLL", "INTERVAL", "CONNECTOR")},
		{Name: "transaction.boundary.interval.ms", Type: configdef.Long, NullDefault: true, Importance: configdef.Low,
			Group: "Exactly Once Support", Order: 4, Width: configdef.WidthShort, DisplayName: "Transaction boundary interval",
			Doc: "If 'transaction.boundary' is set to 'interval', determines the interval for producer transaction commits by connector tasks. If unset, defaults to the value of the worker-level 'offset.flush.interval.ms' property. It has no effect if a different transaction.boundary is specified."},
		{Name: "offsets.storage.topic", Type: configdef.String, NullDefault: true, Importance: configdef.Low,
			Group: "offsets.topic", Order: 1, Width: configdef.WidthLong, DisplayName: "Offsets topic",
			Doc:      "The name of a separate offsets topic to use for this connector. If empty or not specified, the worker’s global offsets topic name will be used. If specified, the offsets topic will be created if it does not already exist on the Kafka cluster targeted by this connector (which may be different from the one used for the worker's global offsets topic if the bootstrap.servers property of the connector's producer has been overridden from the worker's). Only applicable in distributed mode; in standalone mode, setting this property will have no effect.",
			Validate: configdef.NonEmpty()},
	}
}
