package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
)

// startServers starts the broker and the database that all workloads share.
func (b *bench) startServers(ctx context.Context) (err error) {
	dir, err := b.sub("kafka")
	if err != nil {
		return err
	}
	b.say("starting Kafka and MySQL")
	b.registry = registrytest.New(registrytest.Config{})
	b.kafka, err = peer.StartKafka(ctx, peer.KafkaConfig{
		Home: b.home, Dir: dir, JVM: scriptJVM("1g"),
		Properties: map[string]string{"log.segment.delete.delay.ms": "1000", "log.retention.check.interval.ms": "5000"},
	})
	if err != nil {
		return err
	}
	if b.topics, err = newTopics(b.kafka.Bootstrap()); err != nil {
		b.kafka.Kill()
		return err
	}
	if dir, err = b.sub("mysql"); err != nil {
		return err
	}
	b.mysql, err = peer.StartMySQL(ctx, peer.DatabaseConfig{Home: b.home, Dir: dir, Options: []string{
		"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--binlog-rows-query-log-events=OFF",
		"--innodb-buffer-pool-size=1G", "--innodb-redo-log-capacity=1G", "--max-connections=1000",
	}})
	if err != nil {
		b.kafka.Kill()
	}
	return err
}

func (b *bench) killServers() {
	b.topics.close()
	b.registry.Close()
	b.mysql.Kill()
	b.kafka.Kill()
}

// scriptJVM are the options that Kafka's own scripts start a broker and a worker with.
func scriptJVM(heap string) []string {
	return []string{
		"-Xms256M", "-Xmx" + heap, "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true",
	}
}

func (b *bench) sub(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// worker starts a worker of a kind with a group of its own.
func (b *bench) worker(ctx context.Context, kind, group string) (*peer.Worker, error) {
	return b.member(ctx, kind, group, group, nil)
}

// member starts a worker of a kind in a directory of its own. Its properties are the defaults, but for addresses, topics
// of one replica, and more.
func (b *bench) member(ctx context.Context, kind, group, name string, more map[string]string) (*peer.Worker, error) {
	dir, err := b.sub(name)
	if err != nil {
		return nil, err
	}
	properties := map[string]string{"exactly.once.source.support": "disabled", "offset.flush.interval.ms": "60000"}
	maps.Copy(properties, b.properties)
	maps.Copy(properties, more)
	c := peer.WorkerConfig{
		Home: b.home, Dir: dir, Bootstrap: b.kafka.Bootstrap(), Group: group, Properties: properties,
		Binary: b.binary, Heap: b.heap, JVM: scriptJVM(b.heap), Plugins: []string{install.JarsDebezium},
	}
	if kind == "java" {
		return peer.StartJava(ctx, c)
	}
	return peer.StartWorker(ctx, c)
}

// end stops a worker as an operator would.
func (b *bench) end(w *peer.Worker) {
	if err := w.Stop(); err != nil {
		b.say("%v", err)
	}
}

// logged adds the end of a worker's log to an error.
func logged(w *peer.Worker, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nthe end of the log of %s:\n%s", err, w.Name(), w.LogTail(15))
}
