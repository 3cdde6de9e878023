package settings

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/storage/kafka"
)

// environmentPrefix is that of the variables of all container images of Kafka Connect.
const environmentPrefix = "CONNECT_"

// FromEnvironment reads worker properties from variables (as os.Environ gives them),
// as the container images of Kafka Connect do. Those of Confluent write the property
// a.b-c_d as CONNECT_A_B__C___D. Debezium's take the most common ones also without
// the prefix, and give the others of what a worker needs a value. Variables of
// loggers have no effect.
func FromEnvironment(environ []string) kafka.Properties {
	p, short, variables := kafka.Properties{}, kafka.Properties{}, debeziumVariables()
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if rest, ok := strings.CutPrefix(name, environmentPrefix); ok && rest != "" {
			if property := propertyOf(rest); !strings.HasPrefix(property, "log4j") {
				p[property] = value
			}
		} else if property := variables[name]; property != "" && value != "" {
			short[property] = value
		}
	}
	if len(short.WithPrefix("config.storage.")) > 0 {
		p = debeziumDefaults().With(short).With(p)
	}
	if port, err := strconv.Atoi(p["rest.port"]); err == nil && p["listeners"] == "" { // as before Kafka 3.0
		p["listeners"] = "http://:" + strconv.Itoa(port)
	}
	return p
}

// propertyOf is the name that Confluent's images write as a variable.
func propertyOf(variable string) string {
	return strings.ToLower(strings.NewReplacer("___", "_", "__", "-", "_", ".").Replace(variable))
}

// debeziumVariables are those that Debezium's images take without prefix.
func debeziumVariables() map[string]string {
	return map[string]string{
		"BOOTSTRAP_SERVERS": "bootstrap.servers", "GROUP_ID": "group.id",
		"CONFIG_STORAGE_TOPIC": "config.storage.topic", "OFFSET_STORAGE_TOPIC": "offset.storage.topic", "STATUS_STORAGE_TOPIC": "status.storage.topic",
		"KEY_CONVERTER": "key.converter", "VALUE_CONVERTER": "value.converter",
		"OFFSET_FLUSH_INTERVAL_MS": "offset.flush.interval.ms", "OFFSET_FLUSH_TIMEOUT_MS": "offset.flush.timeout.ms",
		"SHUTDOWN_TIMEOUT": "task.shutdown.graceful.timeout.ms", "REST_PORT": "rest.port",
		"ADVERTISED_HOST_NAME": "rest.advertised.host.name", "ADVERTISED_PORT": "rest.advertised.port",
	}
}

// debeziumDefaults are what Debezium's images set. Theirs create internal topics with
// one replica; here it is the brokers' default.
func debeziumDefaults() kafka.Properties {
	const json = "org.apache.kafka.connect.json.JsonConverter"
	return kafka.Properties{
		"group.id": "1", "key.converter": json, "value.converter": json, "status.storage.topic": "connect-status",
		"config.storage.replication.factor": "-1", "offset.storage.replication.factor": "-1", "status.storage.replication.factor": "-1",
		"task.shutdown.graceful.timeout.ms": "10000",
	}
}
