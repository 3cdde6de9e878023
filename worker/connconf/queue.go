package connconf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
)

const queuePrefix = "errors.deadletterqueue."

// queueKeys are the properties of a dead letter queue, as sink connectors have them
// in Java (SinkConnectorConfig).
func queueKeys() []configdef.Key {
	return []configdef.Key{
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

// sourceQueueKeys are the properties of the dead letter queue that source connectors
// have here. Java does not know them there, so that they are shown, and checked, only
// where a configuration names one of them.
func sourceQueueKeys(config map[string]string) []configdef.Key {
	if !named(config, queuePrefix) {
		return nil
	}
	keys := queueKeys()
	for i := range keys {
		k := &keys[i]
		k.Doc = strings.ReplaceAll(k.Doc, "this sink connector", "this source connector")
		switch k.Name {
		case queuePrefix + "topic.name":
			k.Validate = topicName()
		case queuePrefix + "topic.replication.factor":
			k.Default = configdef.Text("-1")
			k.Validate = positive("Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default")
		}
	}
	return keys
}

func named(config map[string]string, prefix string) bool {
	for k := range config {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// topicName refuses what Kafka does not take for a topic's name
// (org.apache.kafka.common.internals.Topic); no name at all stands for no queue.
func topicName() configdef.Validator {
	return configdef.ValidatorFunc("a topic name", func(name string, value any, _ *configdef.Values) error {
		text, _ := value.(string)
		if why := illegalTopic(strings.TrimSpace(text)); why != nil {
			return configdef.Invalid(name, text, "Illegal topic name: "+why.Error())
		}
		return nil
	})
}

const longestTopic = 249 // characters

var (
	errTopicDots  = errors.New("it must not be \".\" or \"..\"")
	errTopicLong  = errors.New("it must not be longer than 249 characters")
	errTopicChars = errors.New("it may hold ASCII letters, digits, '.', '_' and '-' only")
)

func illegalTopic(name string) error {
	legal := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	switch {
	case name == "." || name == "..":
		return errTopicDots
	case strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }):
		return errTopicChars
	case len(name) > longestTopic:
		return errTopicLong
	}
	return nil
}

// checkQueue refuses a dead letter queue that the connector itself would read.
func checkQueue(dlq, topics, regex string, result *configdef.Result) {
	if all := configdef.Elements(topics); slices.Contains(all, dlq) {
		result.AddError("topics", fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector",
			dlq, strings.Join(all, ", ")))
	}
	if regex == "" {
		return
	}
	pattern, err := configdef.CompileRegex(regex)
	if err != nil {
		return // which the property itself says
	}
	matches, err := pattern.Matches(dlq)
	switch {
	case err != nil:
		result.AddError("topics.regex", err.Error())
	case matches:
		result.AddError("topics.regex", fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector",
			dlq, regex))
	}
}
