package topiclog

import (
	"strings"

	"github.com/millrace/millrace/storage/kafka"
)

// Clients are the properties of a log's clients.
type Clients struct{ Producer, Consumer, Admin kafka.Properties }

// WorkerClients derives the clients of an internal topic from the worker's own
// properties, as Java's backing stores do: everything that the worker is given
// without prefix holds for them too, but writes are acknowledged by all in-sync
// replicas and never reordered, and readCommitted hides aborted transactions.
func WorkerClients(worker kafka.Properties, clientID string, readCommitted bool) Clients {
	base := worker.With(kafka.Properties{"client.id": clientID})
	c := Clients{
		Producer: base.With(kafka.Properties{
			"acks":                                  "all",
			"enable.idempotence":                    "false",
			"max.in.flight.requests.per.connection": "1",
		}),
		Consumer: base.With(kafka.Properties{
			"enable.auto.commit": "false",
			"auto.offset.reset":  "earliest",
		}),
		Admin: base,
	}
	// The worker's own group is not that of its consumers.
	for _, name := range []string{"group.id", "session.timeout.ms", "heartbeat.interval.ms"} {
		delete(c.Consumer, name)
	}
	if readCommitted {
		c.Consumer["isolation.level"] = "read_committed"
	}
	return c
}

// ClientIDBase begins the client ids of a worker: the group id, the worker's own
// client.id if it has one, and a dash (ConnectUtils.clientIdBase).
func ClientIDBase(worker kafka.Properties) string {
	base := worker["group.id"]
	if base == "" {
		base = "connect"
	}
	if own := strings.TrimSpace(worker["client.id"]); own != "" {
		base += "-" + own
	}
	return base + "-"
}
