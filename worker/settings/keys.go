package settings

import (
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
)

// required, with, and optional declare properties of a worker; their texts are
// for the reference page.
func required(name string, t configdef.Type, doc string) configdef.Key {
	return configdef.Key{Name: name, Type: t, Importance: configdef.High, Doc: doc}
}

func with(name string, t configdef.Type, def, doc string) configdef.Key {
	return configdef.Key{Name: name, Type: t, Default: configdef.Text(def), Importance: configdef.Medium, Doc: doc}
}

func optional(name string, t configdef.Type, doc string) configdef.Key {
	return configdef.Key{Name: name, Type: t, NullDefault: true, Importance: configdef.Low, Doc: doc}
}

func atLeast(k configdef.Key, least int64) configdef.Key {
	k.Validate = configdef.AtLeast(least)
	return k
}

func oneOf(k configdef.Key, valid ...string) configdef.Key {
	k.Validate = configdef.OneOfFold(valid...)
	return k
}

// workerKeys are the properties of every worker (WorkerConfig).
func workerKeys() []configdef.Key {
	return []configdef.Key{
		with("bootstrap.servers", configdef.List, "localhost:9092", "Kafka brokers to connect to first, host:port separated by commas."),
		required("key.converter", configdef.Class, "Converter of record keys for connectors that name none."),
		required("value.converter", configdef.Class, "Converter of record values for connectors that name none."),
		with("header.converter", configdef.Class, "org.apache.kafka.connect.storage.SimpleHeaderConverter", "Converter of record headers for connectors that name none."),
		atLeast(with("task.shutdown.graceful.timeout.ms", configdef.Long, "5000", "How long tasks may take to stop in good order, all together."), 0),
		atLeast(with("offset.flush.interval.ms", configdef.Long, "60000", "How often offsets of source tasks are committed."), 0),
		atLeast(with("offset.flush.timeout.ms", configdef.Long, "5000", "How long a commit of offsets may take before it is given up and tried again later."), 0),
		atLeast(with("tasks.buffer.memory", configdef.Long, "0", "How many bytes of records the tasks of this worker may hold together, read and not yet written; 0 for 32 MiB, or an eighth of the memory limit where that is less."), 0),
		optional("plugin.path", configdef.List, "Folders of plugins. Built-in plugins need none; entries that do not exist are ignored."),
		oneOf(with("plugin.discovery", configdef.String, "hybrid_warn", "Accepted for compatibility: plugins are listed in the binary."), "only_scan", "service_load", "hybrid_warn", "hybrid_fail"),
		with("plugin.exclude", configdef.List, "", "Plugins that this worker does not have: classes, in which * stands for any text."),
		with("config.providers", configdef.List, "", "Names of the config providers; each has config.providers.NAME.class."),
		with("connector.client.config.override.policy", configdef.String, "All", "Which Kafka client properties connectors may override: All, None, Principal, Allowlist, or a class."),
		restartPolicy(),
		atLeast(with("task.restart.backoff.ms", configdef.Long, "10000", "How long the first restart of a failed task waits; each further one waits twice as long."), 1),
		atLeast(with("task.restart.backoff.max.ms", configdef.Long, "600000", "Longest wait before a failed task is restarted."), 1),
		atLeast(with("task.restart.max.attempts", configdef.Int, "10", "How often in a row a failed task is restarted; -1 for no bound."), -1),
		atLeast(with("task.restart.reset.ms", configdef.Long, "600000", "How long a task must have run for its restarts to be forgotten."), 0),
		with("topic.tracking.enable", configdef.Boolean, "true", "Whether the topics that connectors use are tracked."),
		with("topic.creation.enable", configdef.Boolean, "true", "Whether source connectors may have their topics created by topic.creation.* properties."),
		with("metric.reporters", configdef.List, "", "Accepted for compatibility: metrics are served at /metrics."),
	}
}

// distributedKeys are the properties of a worker of a cluster (DistributedConfig).
func distributedKeys() []configdef.Key {
	return slices.Concat(workerKeys(), []configdef.Key{
		required("group.id", configdef.String, "Name of the cluster: workers with the same name share the work."),
		required("config.storage.topic", configdef.String, "Topic that holds the configurations of connectors."),
		with("config.storage.replication.factor", configdef.Short, "3", "Replication factor of the config topic when it is created; -1 takes the broker's."),
		required("offset.storage.topic", configdef.String, "Topic that holds the offsets of source connectors."),
		with("offset.storage.partitions", configdef.Int, "25", "Partitions of the offset topic when it is created."),
		with("offset.storage.replication.factor", configdef.Short, "3", "Replication factor of the offset topic when it is created."),
		required("status.storage.topic", configdef.String, "Topic that holds the statuses of connectors and tasks."),
		with("status.storage.partitions", configdef.Int, "5", "Partitions of the status topic when it is created."),
		with("status.storage.replication.factor", configdef.Short, "3", "Replication factor of the status topic when it is created."),
		atLeast(with("session.timeout.ms", configdef.Int, "10000", "After which silence the group takes this worker for dead."), 1),
		atLeast(with("heartbeat.interval.ms", configdef.Int, "3000", "How often the worker tells the group that it lives."), 1),
		atLeast(with("rebalance.timeout.ms", configdef.Int, "60000", "How long workers have to rejoin during a rebalance."), 1),
		atLeast(with("worker.sync.timeout.ms", configdef.Int, "3000", "How long a worker may take to catch up with the config topic before it leaves the group."), 0),
		atLeast(with("worker.unsync.backoff.ms", configdef.Int, "300000", "How long a worker that could not catch up stays away."), 0),
		oneOf(with("connect.protocol", configdef.String, "sessioned", "Best group protocol to offer."), "eager", "compatible", "sessioned"),
		atLeast(with("scheduled.rebalance.max.delay.ms", configdef.Int, "300000", "How long the tasks of a worker that vanished wait for its return."), 0),
		atLeast(with("inter.worker.key.ttl.ms", configdef.Int, "3600000", "After which time a new session key is made; 0 for never."), 0),
		with("inter.worker.key.generation.algorithm", configdef.String, "HmacSHA256", "Algorithm of session keys."),
		optional("inter.worker.key.size", configdef.Int, "Bits of session keys; the algorithm's own size when not set."),
		with("inter.worker.signature.algorithm", configdef.String, "HmacSHA256", "Algorithm that signs requests between workers."),
		with("inter.worker.verification.algorithms", configdef.List, "HmacSHA256", "Algorithms that are accepted in requests between workers."),
		oneOf(with("exactly.once.source.support", configdef.String, "disabled", "Whether source tasks write in transactions."), "disabled", "preparing", "enabled"),
		with("gossip.bind", configdef.String, "0.0.0.0:7946", "Where the worker listens for other workers' gossip, host:port, UDP and TCP. Gossip is off unless a gossip property is given."),
		optional("gossip.advertise", configdef.String, "The host:port at which other workers reach gossip.bind; by default a private address of the machine."),
		with("gossip.join", configdef.List, "", "Workers to look for first, host:port separated by commas; it may name this worker."),
		optional("gossip.secret", configdef.Password, "Encrypts and authenticates gossip; the same for all workers."),
		optional("gossip.secret.file", configdef.String, "A file that holds the secret, in place of gossip.secret."),
		atLeast(with("retry.backoff.ms", configdef.Long, "100", "Wait before a failed request to Kafka is repeated."), 0),
		atLeast(with("retry.backoff.max.ms", configdef.Long, "1000", "Longest wait before a failed request to Kafka is repeated."), 0),
	})
}

// standaloneKeys are the properties of a worker without a cluster (StandaloneConfig).
func standaloneKeys() []configdef.Key {
	return append(workerKeys(), required("offset.storage.file.filename", configdef.String, "File that holds the offsets of source connectors."))
}
