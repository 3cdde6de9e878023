package connconf

import "github.com/millrace/millrace/plugins/configdef"

// topicCreationKeys are the properties of topic creation groups (KIP-158). They
// exist only once topic.creation.default.replication.factor is given.
func topicCreationKeys(config map[string]string) (keys []configdef.Key) {
	if _, given := config["topic.creation.default.replication.factor"]; !given {
		return nil
	}
	for _, group := range configdef.Distinct([]string{"default"}, configdef.Elements(config["topic.creation.groups"])) {
		keys = append(keys, topicGroupKeys(group)...)
	}
	return keys
}

func topicGroupKeys(group string) []configdef.Key {
	prefix, title := "topic.creation."+group+".", "Topic Creation: "+group
	keys := []configdef.Key{{
		Name: prefix + "replication.factor", Type: configdef.Short, Importance: configdef.Low, Group: title, Order: 3, Width: configdef.WidthLong,
		DisplayName: "Replication Factor for Topics in " + group,
		Validate:    positive("Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"),
		Doc:         "The replication factor for new topics created for this connector. This value must not be larger than the number of brokers in the Kafka cluster, or otherwise an error will be thrown when the connector will attempt to create a topic. For the default group this configuration is required. For any other group defined in topic.creation.groups this config is optional and if it's missing it gets the value of the default group",
	}, {
		Name: prefix + "partitions", Type: configdef.Int, Importance: configdef.Low, Group: title, Order: 4, Width: configdef.WidthLong,
		DisplayName: "Partition Count for Topics in " + group,
		Validate:    positive("Number of partitions must be positive, or -1 to use the broker's default"),
		Doc:         "The number of partitions new topics created for this connector. For the default group this configuration is required. For any other group defined in topic.creation.groups this config is optional and if it's missing it gets the value of the default group",
	}}
	if group == "default" {
		return keys
	}
	for i := range keys {
		keys[i].NullDefault = true
	}
	return append([]configdef.Key{{
		Name: prefix + "include", Type: configdef.List, Importance: configdef.Low, Group: title, Order: 1, Width: configdef.WidthLong,
		DisplayName: "Inclusion Topic Pattern for " + group, Validate: patterns(),
		Doc: "A list of regular expression literals used to match the topic names used by the source connector. This list is used to include topics that should be created using the topic settings defined by this group.",
	}, {
		Name: prefix + "exclude", Type: configdef.List, Default: configdef.Text(""), Importance: configdef.Low, Group: title, Order: 2, Width: configdef.WidthLong,
		DisplayName: "Exclusion Topic Pattern for " + group, Validate: patterns(),
		Doc: "A list of regular expression literals used to match the topic names used by the source connector. This list is used to exclude topics from being created with the topic settings defined by this group. Note that exclusion rules have precedent and override any inclusion rules for the topics.",
	}}, keys...)
}

// positive refuses numbers below 1 other than -1 (TopicCreationConfig).
func positive(reason string) configdef.Validator {
	return configdef.ValidatorFunc("a positive number, or -1", func(name string, value any, _ *configdef.Values) error {
		var n int32
		switch v := value.(type) {
		case int16:
			n = int32(v)
		case int32:
			n = v
		default: // not given, or not a number
			return nil
		}
		if n != -1 && n < 1 {
			return configdef.Invalid(name, value, reason)
		}
		return nil
	})
}

// patterns refuses a list that holds what is no regular expression.
func patterns() configdef.Validator {
	return configdef.ValidatorFunc("regular expressions", func(name string, value any, _ *configdef.Values) error {
		all, _ := value.([]string)
		for _, text := range all {
			if _, err := configdef.CompileRegex(text); err != nil {
				return configdef.Invalid(name, all, "Syntax error in regular expression: "+err.Error())
			}
		}
		return nil
	})
}
