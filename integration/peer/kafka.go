package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/install"
)

// KafkaConfig describes a broker. Zero ports are chosen.
type KafkaConfig struct {
	Home           install.Home
	Dir            string // must exist; data and log go there
	Port           int
	ControllerPort int
	Heap           string            // -Xmx, 512m when empty
	Properties     map[string]string // added to the broker's properties, or in place of them
	Plain          bool              // Properties are all there are, but for log.dirs
}

// Kafka is an Apache Kafka broker that is its own controller.
type Kafka struct {
	*Process
	Port int
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
	if err := fill(&c.Port, &c.ControllerPort); err != nil {
		return nil, err
	}
	properties, logging := filepath.Join(c.Dir, "kafka.properties"), filepath.Join(c.Dir, "log4j2.yaml")
	if err := writeProperties(properties, c.properties()); err != nil {
		return nil, err
	}
	if err := os.WriteFile(logging, []byte(log4j2), 0o644); err != nil {
		return nil, err
	}
	heap := c.Heap
	if heap == "" {
		heap = "512m"
	}
	jvm := []string{
		java, "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile=" + logging, "-cp", filepath.Join(jars, "*"),
	}
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
	return &Kafka{Process: p, Port: c.Port}, nil
}

func (c KafkaConfig) properties() map[string]string {
	data := map[string]string{"log.dirs": filepath.Join(c.Dir, "data")}
	if c.Plain {
		return merge(data, c.Properties)
	}
	broker, controller := "PLAINTEXT://"+local(c.Port), "CONTROLLER://"+local(c.ControllerPort)
	return merge(merge(data, map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  "1",
		"controller.quorum.voters":                 "1@" + local(c.ControllerPort),
		"controller.listener.names":                "CONTROLLER",
		"listeners":                                broker + "," + controller,
		"advertised.listeners":                     broker,
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
