package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/install"
)

// KafkaConfig describes a broker. Zero ports are chosen.
type KafkaConfig struct {
	Home           install.Home
	Dir            string // must exist; data and log go there
	Port           int
	ControllerPort int
	Heap           string   // -Xmx, 512m when empty
	JVM            []string // options of the virtual machine, in place of Heap and of those that make it start soon

	// Node is the broker's id, 1 when zero.
	Node int
	// Controller is the controller's address if that is node 1 of the same cluster and not this broker itself.
	Controller string
	// Advertised is the port of a proxy: the broker gets a second listener, which tells its clients to come there.
	Advertised int

	Properties map[string]string // added to the broker's properties, or in place of them
	Plain      bool              // Properties are all there are, but for log.dirs
}

// Kafka is an Apache Kafka broker. Unless told otherwise it is its own controller.
type Kafka struct {
	*Process
	Node int
	Port int
	// Controller is the address that further brokers of the cluster need.
	Controller string
	// Behind is the address of the second listener, for the proxy to connect to.
	Behind string
}

// Bootstrap is the broker's address.
func (k *Kafka) Bootstrap() string { return local(k.Port) }

// StartKafka formats a data directory, unless Dir has one, and starts a broker.
func StartKafka(ctx context.Context, c KafkaConfig) (*Kafka, error) {
	java, err := c.Home.Java()
	if err != nil {
		return nil, err
	}
	jars, err := c.Home.Jars(install.JarsKafka)
	if err != nil {
		return nil, err
	}
	behind := 0
	if err := fill(&c.Port, &c.ControllerPort, &behind); err != nil {
		return nil, err
	}
	c.Node = max(c.Node, 1)
	properties, logging := filepath.Join(c.Dir, "kafka.properties"), filepath.Join(c.Dir, "log4j2.yaml")
	if err := writeProperties(properties, c.properties(behind)); err != nil {
		return nil, err
	}
	if err := os.WriteFile(logging, []byte(log4j2), 0o644); err != nil {
		return nil, err
	}
	heap := c.Heap
	if heap == "" {
		heap = "512m"
	}
	jvm := append([]string{java}, c.JVM...)
	if len(c.JVM) == 0 {
		jvm = append(jvm, "-Xmx"+heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
	}
	jvm = append(jvm, "-Dlog4j2.configurationFile="+logging, "-cp", filepath.Join(jars, "*"))
	format := append(jvm[:len(jvm):len(jvm)], "kafka.tools.StorageTool", "format",
		"--ignore-formatted", "--cluster-id", "bWlsbHJhY2UtdGVzdHMxMg", "--config", properties)
	if out, err := command(ctx, format).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("formatting Kafka's data directory: %w\n%s", err, out)
	}
	p, err := Start(ctx, Spec{
		Name:  "kafka",
		Dir:   c.Dir,
		Args:  append(jvm, "kafka.Kafka", properties),
		Ready: func(context.Context) error { return kafkaAnswers(local(c.Port)) },
	})
	if err != nil {
		return nil, err
	}
	return &Kafka{Process: p, Node: c.Node, Port: c.Port, Controller: local(c.ControllerPort), Behind: local(behind)}, nil
}

func (c KafkaConfig) properties(behind int) map[string]string {
	data := map[string]string{"log.dirs": filepath.Join(c.Dir, "data")}
	if c.Plain {
		return merge(data, c.Properties)
	}
	roles, controller := "broker,controller", c.Controller
	listeners := "PLAINTEXT://" + local(c.Port)
	advertised := listeners
	if c.Advertised != 0 {
		listeners += ",PROXIED://" + local(behind)
		advertised += ",PROXIED://" + local(c.Advertised)
		data["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"
	}
	if controller == "" {
		controller = local(c.ControllerPort)
		listeners += ",CONTROLLER://" + controller
	} else {
		roles = "broker"
	}
	return merge(merge(data, map[string]string{
		"process.roles":                            roles,
		"node.id":                                  strconv.Itoa(c.Node),
		"controller.quorum.voters":                 "1@" + controller,
		"controller.listener.names":                "CONTROLLER",
		"listeners":                                listeners,
		"advertised.listeners":                     advertised,
		"inter.broker.listener.name":               "PLAINTEXT",
		"num.partitions":                           "1",
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "5",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "5",
		"group.initial.rebalance.delay.ms":         "0",
	}), c.Properties)
}

// kafkaAnswers asks for the cluster's metadata and lets it name a broker.
func kafkaAnswers(address string) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.Retry.Max = 0
	client, err := sarama.NewClient([]string{address}, config)
	if err != nil {
		return fmt.Errorf("asking %s for metadata: %w", address, err)
	}
	defer client.Close()
	_, err = client.Controller()
	return err
}

const log4j2 = `Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: {pattern: "[%d] %p %m (%c)%n"}
  Loggers:
    Root: {level: INFO, AppenderRef: [{ref: STDOUT}]}
`

// log4j1 is the same for workers of the time before log4j2.
const log4j1 = `log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.org.reflections=ERROR
`
