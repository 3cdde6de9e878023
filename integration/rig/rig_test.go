package rig_test

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/rig"
)

func TestFakeKafkaTakesRecords(t *testing.T) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{rig.FakeKafka(t)}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for want := range int64(3) {
		_, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "t", Value: sarama.StringEncoder("v")})
		if err != nil || offset != want {
			t.Fatalf("offset %d, %v; want %d", offset, err, want)
		}
	}
}
