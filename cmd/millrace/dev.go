package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// runDev runs a broker and a worker in one process, on the loopback interface.
func runDev(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("data", defaultDataDir(), "directory of the broker's data; empty for memory")
	kafkaPort := flags.Int("kafka-port", 9092, "port of the broker")
	restPort := flags.Int("rest-port", 8083, "port of the REST API")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errUsage
	}
	broker, err := embedded.Start(embedded.Config{DataDir: *dir, Port: *kafkaPort, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("starting the embedded broker on port %d with its data in %q: %w", *kafkaPort, *dir, err)
	}
	defer broker.Close()
	return runNode(ctx, &cluster{}, devProperties(broker.Bootstrap(), *restPort), func(url string) {
		fmt.Fprintf(out, "millrace: ready; Kafka at %s, REST API at %s, data in %s\n", broker.Bootstrap(), url, *dir)
	})
}

// defaultDataDir is below the user's data directory.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "millrace")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "millrace")
}

// devProperties are those of a worker that has its broker to itself.
func devProperties(bootstrap string, restPort int) kafka.Properties {
	return kafka.Properties{
		"bootstrap.servers": bootstrap, "group.id": "millrace-dev",
		"config.storage.topic": "connect-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": "connect-offsets", "offset.storage.replication.factor": "1", "offset.storage.partitions": "5",
		"status.storage.topic": "connect-status", "status.storage.replication.factor": "1", "status.storage.partitions": "2",
		"key.converter":            "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":          "org.apache.kafka.connect.json.JsonConverter",
		"listeners":                "http://127.0.0.1:" + strconv.Itoa(restPort),
		"offset.flush.interval.ms": "1000",
		"task.restart.policy":      "retriable,fatal", "task.restart.backoff.ms": "1000", "task.restart.backoff.max.ms": "60000", "task.restart.max.attempts": "-1",
	}
}
