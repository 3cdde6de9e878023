package settings

import (
	"maps"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
)

const jsonConverter = "org.apache.kafka.connect.json.JsonConverter"

// Environments as compose files and pods have them.
func TestPropertiesFromTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		want    kafka.Properties
	}{
		"as for Confluent's images": {
			[]string{
				"PATH=/bin", "HOSTNAME=connect", "CONNECT_=x", "CONNECT_BOOTSTRAP_SERVERS=b:9092", "CONNECT_GROUP_ID=g", "CONNECT_REST_PORT=28083",
				"CONNECT_REST_ADVERTISED_HOST_NAME=connect", "CONNECT_CONFIG_STORAGE_TOPIC=c", "CONNECT_OFFSET_STORAGE_TOPIC=o", "CONNECT_STATUS_STORAGE_TOPIC=s",
				"CONNECT_KEY_CONVERTER=" + jsonConverter, "CONNECT_VALUE_CONVERTER=" + jsonConverter, "CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE=false",
				"CONNECT_LOG4J_ROOT_LOGLEVEL=INFO", "CONNECT_LOG4J_LOGGERS=org.reflections=ERROR", "CONNECT_PLUGIN_PATH=/usr/share/java",
				"CONNECT_PRODUCER_SASL_JAAS_CONFIG=m required username=\"k=\" password=\"a=b\";", "CONNECT_X__Y___Z=1", "GROUP_ID=not this one",
			},
			kafka.Properties{
				"bootstrap.servers": "b:9092", "group.id": "g", "rest.port": "28083", "listeners": "http://:28083", "rest.advertised.host.name": "connect",
				"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s", "key.converter": jsonConverter, "value.converter": jsonConverter,
				"value.converter.schemas.enable": "false", "plugin.path": "/usr/share/java",
				"producer.sasl.jaas.config": `m required username="k=" password="a=b";`, "x-y_z": "1",
			},
		},
		"as for Debezium's images": {
			[]string{"BOOTSTRAP_SERVERS=kafka:9092", "CONFIG_STORAGE_TOPIC=c", "OFFSET_STORAGE_TOPIC=o", "KEY_CONVERTER=", "CONNECT_OFFSET_STORAGE_PARTITIONS=5", "SHUTDOWN_TIMEOUT=7"},
			kafka.Properties{
				"bootstrap.servers": "kafka:9092", "config.storage.topic": "c", "offset.storage.topic": "o", "group.id": "1", "status.storage.topic": "connect-status",
				"key.converter": jsonConverter, "value.converter": jsonConverter, "offset.storage.partitions": "5", "task.shutdown.graceful.timeout.ms": "7",
				"config.storage.replication.factor": "-1", "offset.storage.replication.factor": "-1", "status.storage.replication.factor": "-1",
			},
		},
		"listeners win":                   {[]string{"CONNECT_REST_PORT=1", "CONNECT_LISTENERS=http://:2"}, kafka.Properties{"rest.port": "1", "listeners": "http://:2"}},
		"what Kubernetes adds is no port": {[]string{"CONNECT_REST_PORT=tcp://10.0.0.1:8083"}, kafka.Properties{"rest.port": "tcp://10.0.0.1:8083"}},
		"nothing":                         {[]string{"GROUP_ID=7", "PATH=/bin"}, kafka.Properties{}},
	} {
		if got := FromEnvironment(c.environ); !maps.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, c.want)
		}
	}
}

// What the images' variables give is a worker that starts.
func TestWorkersOfContainers(t *testing.T) {
	d, err := ReadDistributed(FromEnvironment([]string{"BOOTSTRAP_SERVERS=kafka:9092", "CONFIG_STORAGE_TOPIC=c", "OFFSET_STORAGE_TOPIC=o"}))
	if err != nil || d.Group != "1" || d.Configs.Replication != -1 || d.Statuses.Name != "connect-status" {
		t.Errorf("%+v, %v", d, err)
	}
}
