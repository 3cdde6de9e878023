package debezium

import "github.com/millrace/millrace/plugins/configdef"

// outboxDef declares the properties of EventRouter (EventRouterConfigDefinition).
func outboxDef() *configdef.Def {
	text := configdef.Text
	column := func(name, def string, order int, display, doc string) configdef.Key {
		k := configdef.Key{Name: name, Type: configdef.String, Importance: configdef.Low, Group: "Table", Order: order,
			Width: configdef.WidthMedium, DisplayName: display, Doc: doc, Default: text(def)}
		if def == "" {
			k.Default, k.NullDefault = nil, true
		}
		return k
	}
	important := func(k configdef.Key, i configdef.Importance) configdef.Key { k.Importance = i; return k }
	checked := func(k configdef.Key, v configdef.Validator) configdef.Key { k.Validate = v; return k }
	typed := func(k configdef.Key, t configdef.Type) configdef.Key { k.Type = t; return k }
	in := func(group string, k configdef.Key) configdef.Key { k.Group = group; return k }
	return configdef.New(
		column("table.field.event.id", "id", 1, "Event ID Field", "The column which contains the event ID within the outbox table"),
		column("table.field.event.key", "aggregateid", 2, "Event Key Field", "The column which contains the event key within the outbox table"),
		column("table.field.event.type", "type", 3, "Event Type Field", "The column which contains the event type within the outbox table"),
		column("table.field.event.payload", "payload", 4, "Event Payload Field", "The column which contains the event payload within the outbox table"),
		important(column("table.field.event.timestamp", "", 5, "Event Timestamp Field",
			"Optionally you can override the Kafka message timestamp with a value from a chosen column, otherwise it'll be the Debezium event processed timestamp."), configdef.Medium),
		important(typed(column("table.fields.additional.placement", "", 6, "Settings for each additional column in the outbox table",
			"Extra fields can be added as part of the event envelope or a message header, format is a list of colon-delimited pairs or trios "+
				"when you desire to have aliases, e.g. <code>id:header,field_name:envelope:alias,field_name:partition</code> "), configdef.List), configdef.High),
		checked(important(column("table.field.additional.missing", "error", 7, "Behavior when an additional field is missing in the change data",
			"When transforming the 'table.fields.additional.placement' fields, defines the behavior when one of the configured fields is missing "+
				"in the change data. 'error' (default) will throw an exception; 'ignore' will silently skip the missing field."), configdef.Medium), oneOf("error", "ignore")),
		column("table.field.event.schema.version", "", 8, "Event Schema Version Field", "The column which contains the event schema version within the outbox table"),
		checked(important(column("table.op.invalid.behavior", "warn", 9, "Behavior when capturing an unexpected outbox event",
			"While Debezium is capturing changes from the outbox table, it is expecting only to process 'create' or 'delete' row events; "+
				"in case something else is processed this transform can log it as warning, error or stop the process."), configdef.Medium), oneOf("warn", "error", "fatal")),
		important(typed(column("table.expand.json.payload", "false", 10, "Expand Payload escaped string as real JSON",
			"Whether or not to try unescaping a JSON string and make it real JSON. It will infer schema information from payload and update the "+
				"record schema accordingly. If content is not JSON, it just produces a warning and emits the record unchanged"), configdef.Boolean), configdef.Medium),
		checked(important(column("table.json.payload.null.behavior", "ignore", 11, "Behavior when json payload including null value",
			"Behavior when json payload including null value, the default will ignore null, optional_bytes will keep the null value, "+
				"and treat null as optional bytes of connect."), configdef.Medium), oneOf("ignore", "optional_bytes")),
		in("Router", important(column("route.by.field", "aggregatetype", 1, "Field to route events by",
			"The column which determines how the events will be routed, the value will become part of the topic name"), configdef.High)),
		in("Router", checked(column("route.topic.regex", "(?<routedByValue>.*)", 2, "The name of the routed topic",
			"The default regex to use within the RegexRouter, the default capture will allow to replace the routed field into a new topic name "+
				"defined in 'route.topic.replacement'"), configdef.ValidRegex())),
		in("Router", important(column("route.topic.replacement", "outbox.event.${routedByValue}", 3, "The name of the routed topic",
			"The name of the topic in which the events will be routed, a replacement '${routedByValue}' is available which is the value of "+
				"The column configured via 'route.by.field'"), configdef.High)),
		in("Router", important(typed(column("route.tombstone.on.empty.payload", "false", 4, "Empty payloads cause a tombstone message",
			"Whether or not an empty payload should cause a tombstone event."), configdef.Boolean), configdef.High)),
		in("Tracing", important(column("tracing.span.context.field", "tracingspancontext", 1, "Serialized tracing span context field",
			"The name of the field containing java.util.Properties representation of serialized span context. Defaults to 'tracingspancontext'"), configdef.High)),
		in("Tracing", important(column("tracing.operation.name", "debezium-read", 2, "Tracing operation name",
			"The operation name representing Debezium processing span. Default is 'debezium-read'"), configdef.High)),
		in("Tracing", important(typed(column("tracing.with.context.field.only", "false", 3, "Trace only events with context field present",
			"Set to `true` when only events that have serialized context field should be traced."), configdef.Boolean), configdef.High)),
	)
}
