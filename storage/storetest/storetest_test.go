package storetest_test

import (
	"testing"

	"github.com/millrace/millrace/storage/config"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
	"github.com/millrace/millrace/storage/offset"
	"github.com/millrace/millrace/storage/status"
	"github.com/millrace/millrace/storage/storetest"
)

func broker(t *testing.T) string {
	t.Helper()
	c, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.Bootstrap()
}

func TestMemory(t *testing.T) {
	t.Run("Config", func(t *testing.T) {
		storetest.Config(t, storetest.ConfigStores{New: func(*testing.T) func() config.Store {
			return func() config.Store { return config.NewMemory() }
		}})
	})
	t.Run("Offset", func(t *testing.T) {
		m := func(*testing.T) func() offset.Store { return func() offset.Store { return offset.NewMemory() } }
		storetest.Offset(t, storetest.OffsetStores{New: m})
	})
	t.Run("Status", func(t *testing.T) {
		m := func(*testing.T) func() storetest.StatusStore {
			return func() storetest.StatusStore { return status.NewMemory() }
		}
		storetest.Status(t, storetest.StatusStores{New: m})
	})
}

func TestFile(t *testing.T) {
	storetest.Offset(t, storetest.OffsetStores{Shared: true, New: func(t *testing.T) func() offset.Store {
		path := t.TempDir() + "/connect.offsets"
		return func() offset.Store {
			f, err := offset.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}})
}

func TestEmbeddedBroker(t *testing.T) { kafkaStores(t, broker(t)) }

// kafkaStores runs all suites on a Kafka cluster, each case on topics of its own.
func kafkaStores(t *testing.T, bootstrap string) {
	worker := kafka.Properties{"bootstrap.servers": bootstrap, "group.id": "suite"}
	for name, exactlyOnce := range map[string]bool{"Config": false, "ConfigExactlyOnce": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Config(t, storetest.ConfigStores{Shared: true, Exclusive: exactlyOnce, New: func(t *testing.T) func() config.Store {
				c := config.KafkaConfig{Topic: topic(t, "configs", 1), Worker: worker, ClientID: "suite-"}
				if exactlyOnce {
					c.ExactlyOnce, c.TransactionalID = true, c.Topic.Name
				}
				return func() config.Store { return config.NewKafka(c) }
			}})
		})
	}
	t.Run("Offset", func(t *testing.T) {
		storetest.Offset(t, storetest.OffsetStores{Shared: true, New: func(t *testing.T) func() offset.Store {
			return openOffsets(t, offset.WorkerConfig(topic(t, "offsets", 25), worker, "suite-", false, nil))
		}})
	})
	t.Run("OffsetLayered", func(t *testing.T) {
		storetest.Offset(t, storetest.OffsetStores{Shared: true, New: func(t *testing.T) func() offset.Store {
			common := openOffsets(t, offset.WorkerConfig(topic(t, "offsets", 5), worker, "suite-", false, nil))()
			t.Cleanup(common.Close)
			own := openOffsets(t, offset.WorkerConfig(topic(t, "own", 1), worker, "suite-", true, nil))
			return func() offset.Store { return &offset.Layered{Own: own(), Worker: common} }
		}})
	})
	t.Run("Status", func(t *testing.T) {
		storetest.Status(t, storetest.StatusStores{Shared: true, New: func(t *testing.T) func() storetest.StatusStore {
			c := status.KafkaConfig{Topic: topic(t, "statuses", 5), Worker: worker, ClientID: "suite-"}
			return func() storetest.StatusStore {
				s, err := status.OpenKafka(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		}})
	})
}

func openOffsets(t *testing.T, c offset.KafkaConfig) func() offset.Store {
	return func() offset.Store {
		s, err := offset.OpenKafka(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
