package connconf

import "github.com/millrace/millrace/plugins/configdef"

// sinkKeys are the properties of sink connectors alone, in the order and with the texts
// of Kafka Connect 4.3's ConnectorConfig.
func sinkKeys() []configdef.Key {
	return []configdef.Key{
		{Name: "topics", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.High,
			Group: "Common", Order: 4, Width: configdef.WidthLong, DisplayName: "Topics",
			Doc:      "List of topics to consume, separated by commas",
			Validate: configdef.ListOf(true)},
		{Name: "topics.regex", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.High,
			Group: "Common", Order: 4, Width: configdef.WidthLong, DisplayName: "Topics regex",
			Doc:      "Regular expression giving topics to consume. Under the hood, the regex is compiled to a <code>java.util.regex.Pattern</code>. Only one of topics or topics.regex should be specified.",
			Validate: pattern()},
		{Name: "errors.deadletterqueue.topic.name", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Medium,
			Group: "Error Handling", Order: 6, Width: configdef.WidthMedium, DisplayName: "Dead Letter Queue Topic Name",
			Doc: "The name of the topic to be used as the dead letter queue (DLQ) for messages that result in an error when processed by this sink connector, or its transformations or converters. The topic name is blank by default, which means that no messages are to be recorded in the DLQ."},
		{Name: "errors.deadletterqueue.topic.replication.factor", Type: configdef.Short, Default: configdef.Text("3"), Importance: configdef.Medium,
			Group: "Error Handling", Order: 7, Width: configdef.WidthMedium, DisplayName: "Dead Letter Queue Topic Replication Factor",
			Doc: "Replication factor used to create the dead letter queue topic when it doesn't already exist."},
		{Name: "errors.deadletterqueue.context.headers.enable", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Medium,
			Group: "Error Handling", Order: 8, Width: configdef.WidthMedium, DisplayName: "Enable Error Context Headers",
			Doc: "If true, add headers containing error context to the messages written to the dead letter queue. To avoid clashing with headers from the original record, all error context header keys, all error context header keys will start with <code>__connect.errors.</code>"},
	}
}

// pattern refuses what is no regular expression (RegexValidator).
func pattern() configdef.Validator {
	return configdef.ValidatorFunc("valid regex", func(name string, value any, _ *configdef.Values) error {
		if text, _ := value.(string); text != "" {
			if _, err := configdef.CompileRegex(text); err != nil {
				return configdef.Invalid(name, text, "Invalid regex: "+err.Error())
			}
		}
		return nil
	})
}
