package mysql

import (
	"strings"
	"time"
)

// SignalConfig says how a running connector takes orders, how it takes
// incremental snapshots, and where it tells of snapshots.
type SignalConfig struct {
	Channels     []string // signal.enabled.channels
	Table        string   // signal.data.collection, "" for none
	PollInterval time.Duration
	File         string // signal.file
	Topic        string // signal.kafka.topic
	Group        string // signal.kafka.groupId
	Consumer     map[string]string

	ChunkSize    int
	VerifySchema bool // incremental.snapshot.allow.schema.changes
	DeleteMarks  bool // incremental.snapshot.watermarking.strategy=insert_delete
	ReadOnly     bool // read.only
	Backfill     bool // snapshot.added.tables=backfill

	Notifications     []string // notification.enabled.channels
	NotificationTopic string   // notification.sink.topic.name
}

// defaultSignalFile is that of Debezium's file channel.
const defaultSignalFile = "file-signals.txt"

func (r *reader) signals(prefix string) SignalConfig {
	s := SignalConfig{
		Channels: r.list("signal.enabled.channels"), PollInterval: r.millis("signal.poll.interval.ms"),
		File:  r.or("signal.file", defaultSignalFile),
		Topic: r.or("signal.kafka.topic", prefix+"-signal"), Group: r.or("signal.kafka.groupId", "kafka-signal"),
		Consumer:  r.prefixed("signal.consumer."),
		ChunkSize: r.number("incremental.snapshot.chunk.size"), VerifySchema: r.flag("incremental.snapshot.allow.schema.changes"),
		DeleteMarks: strings.EqualFold(r.text("incremental.snapshot.watermarking.strategy"), "insert_delete"),
		ReadOnly:    r.flag("read.only"), Backfill: r.mode("snapshot.added.tables") == "backfill",
		Notifications: r.list("notification.enabled.channels"), NotificationTopic: r.text("notification.sink.topic.name"),
	}
	if tables := r.list("signal.data.collection"); len(tables) > 0 {
		s.Table = strings.TrimSpace(tables[0])
	}
	if _, ok := s.Consumer["bootstrap.servers"]; !ok {
		s.Consumer["bootstrap.servers"] = r.text("signal.kafka.bootstrap.servers")
	}
	return s
}
