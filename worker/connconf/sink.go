package connconf

import "github.com/millrace/millrace/plugins/configdef"

// sinkKeys are the properties of sink connectors alone, in the order and with the texts
// of Kafka Connect 4.3's ConnectorConfig.
func sinkKeys() []configdef.Key {
	return append([]configdef.Key{
		{Name: "topics", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.High,
			Group: "Common", Order: 4, Width: configdef.WidthLong, DisplayName: "Topics",
			Doc:      "List of topics to consume, separated by commas",
			Validate: configdef.ListOf(true)},
		{Name: "topics.regex", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.High,
			Group: "Common", Order: 4, Width: configdef.WidthLong, DisplayName: "Topics regex",
			Doc:      "Regular expression giving topics to consume. Under the hood, the regex is compiled to a <code>java.util.regex.Pattern</code>. Only one of topics or topics.regex should be specified.",
			Validate: pattern()},
	}, queueKeys()...)
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
