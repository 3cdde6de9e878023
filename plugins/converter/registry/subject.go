package registry

import "fmt"

// Strategy names the subject of a schema (SubjectNameStrategy).
type Strategy uint8

// The strategies, with the names of their Java classes.
const (
	TopicName       Strategy = iota // topic-key or topic-value
	RecordName                      // the record's full name
	TopicRecordName                 // topic-record
)

const (
	strategyPackage    = "io.confluent.kafka.serializers.subject."
	classTopicName     = strategyPackage + "TopicNameStrategy"
	classRecordName    = strategyPackage + "RecordNameStrategy"
	classTopicRecord   = strategyPackage + "TopicRecordNameStrategy"
	oldStrategyPackage = "io.confluent.kafka.serializers.subject.strategy."
)

func parseStrategy(key, class string) (Strategy, error) {
	switch class {
	case classTopicName, oldStrategyPackage + "TopicNameStrategy", "":
		return TopicName, nil
	case classRecordName:
		return RecordName, nil
	case classTopicRecord:
		return TopicRecordName, nil
	}
	return 0, configError(key, "%s is none of %s, %s, %s", class, classTopicName, classRecordName, classTopicRecord)
}

// Subject names the subject of a key's or value's schema. record is the full
// name of the record, "" when the schema is not one.
func (s Strategy) Subject(topic, record string, isKey bool) (string, error) {
	if s == TopicName {
		if isKey {
			return topic + "-key", nil
		}
		return topic + "-value", nil
	}
	if record == "" {
		use, key, class := "value", valueStrategyKey, classRecordName
		if isKey {
			use, key = "key", keyStrategyKey
		}
		if s == TopicRecordName {
			class = classTopicRecord
		}
		return "", fmt.Errorf("In configuration %s = %s, the message %s must only be a record schema", key, class, use)
	}
	if s == TopicRecordName {
		return topic + "-" + record, nil
	}
	return record, nil
}
