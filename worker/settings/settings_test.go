package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/kafka"
)

// minimal is the least that Java's connect-distributed takes.
func minimal(more ...string) kafka.Properties {
	p := kafka.Properties{
		"bootstrap.servers": "a:9092,b:9092", "group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o",
		"status.storage.topic": "s", "key.converter": "K", "value.converter": "V",
	}
	for i := 0; i < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

func TestDefaultsAreJavas(t *testing.T) {
	d, err := ReadDistributed(minimal("unknown.key", "kept"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Offsets.Partitions != 25 || d.Statuses.Partitions != 5 || d.Configs.Replication != 3 || d.SessionTimeout != 10*time.Second ||
		d.FlushInterval != time.Minute || d.Protocol != "sessioned" || d.ExactlyOnce != "disabled" || !d.TopicCreation ||
		d.Raw["unknown.key"] != "kept" || d.MaxRebalanceDelay != 5*time.Minute {
		t.Errorf("%+v", d)
	}
}

func TestTopicProperties(t *testing.T) {
	d, err := ReadDistributed(minimal("config.storage.min.insync.replicas", "2", "offset.storage.partitions", "7", "config.storage.replication.factor", "-1"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Configs.Extra["min.insync.replicas"] != "2" || len(d.Configs.Extra) != 1 || d.Offsets.Partitions != 7 || d.Configs.Replication != -1 {
		t.Errorf("%+v %+v", d.Configs, d.Offsets)
	}
}

func TestErrorsNameTheProperty(t *testing.T) {
	for _, tc := range [][]string{
		{"group.id", ""}, {"config.storage.topic", " "}, {"offset.flush.interval.ms", "soon"},
		{"connect.protocol", "chatty"}, {"heartbeat.interval.ms", "20000"}, {"status.storage.partitions", "many"},
		{"inter.worker.signature.algorithm", "none"}, {"inter.worker.verification.algorithms", "HmacSHA256,HmacMD4"},
		{"inter.worker.verification.algorithms", "HmacSHA512"}, {"inter.worker.verification.algorithms", ""},
	} {
		_, err := ReadDistributed(minimal(tc...))
		if err == nil || !strings.Contains(err.Error(), tc[0]) {
			t.Errorf("%v: error %v does not name the property", tc, err)
		}
	}
	p := minimal()
	delete(p, "key.converter")
	if _, err := ReadDistributed(p); err == nil || !strings.Contains(err.Error(), "key.converter") {
		t.Errorf("missing key.converter: %v", err)
	}
}

func TestStandalone(t *testing.T) {
	props := kafka.Properties{"bootstrap.servers": "a:9092", "key.converter": "K", "value.converter": "V"}
	for _, c := range []struct {
		props kafka.Properties
		err   string
	}{
		{kafka.Properties{"offset.storage.file.filename": "/tmp/o", "group.id": "kept, and ignored"}, ""},
		{nil, "offset.storage.file.filename"},
		{kafka.Properties{"offset.storage.file.filename": " "}, "offset.storage.file.filename"},
		{kafka.Properties{"offset.storage.file.filename": "/tmp/o", "offset.flush.interval.ms": "-1"}, "offset.flush.interval.ms"},
	} {
		s, err := ReadStandalone(props.With(c.props))
		switch {
		case c.err == "" && (err != nil || s.OffsetFile != "/tmp/o" || s.FlushInterval != time.Minute || s.KeyConverter != "K"):
			t.Errorf("%v: %+v, %v", c.props, s, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%v: error %v does not name %s", c.props, err, c.err)
		}
	}
}

func TestPluginDiscoveryTakesJavasValues(t *testing.T) {
	for value, good := range map[string]bool{"only_scan": true, "SERVICE_LOAD": true, "hybrid_fail": true, "scan": false} {
		if _, err := ReadDistributed(minimal("plugin.discovery", value)); (err == nil) != good {
			t.Errorf("%s: %v", value, err)
		}
	}
}
