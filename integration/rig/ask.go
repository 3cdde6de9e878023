package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/integration/peer"
)

const (
	patience = 2 * time.Minute
	pause    = 20 * time.Millisecond
)

// Eventually asks again and again until there is no error; after two minutes the test fails with the last one.
func Eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(pause):
		}
	}
}

// Call sends a request to a worker and returns the body of the answer, whose status must be as wanted. While the
// worker answers 409, because its group is being rebalanced, the request is sent again.
func Call(t testing.TB, method, url, body string, want int) []byte {
	t.Helper()
	var answer []byte
	Eventually(t, method+" "+url, func() error {
		status, text, err := Ask(t.Context(), method, url, body)
		switch {
		case err != nil:
			return err
		case status == want:
			answer = text
			return nil
		case status != http.StatusConflict:
			t.Fatalf("%s %s: status %d, want %d: %s", method, url, status, want, text)
		}
		return fmt.Errorf("status %d: %s", status, text)
	})
	return answer
}

// Ask sends a request to a worker and returns the status and the body of its answer.
func Ask(ctx context.Context, method, url, body string) (int, []byte, error) {
	return peer.Ask(ctx, method, url, body)
}

// Client opens a Kafka client that creates no topics by asking for them.
func Client(t testing.TB, bootstrap string) sarama.Client {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.AllowAutoTopicCreation = false
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	client, err := sarama.NewClient(strings.Split(bootstrap, ","), config)
	check(t, err)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// End is the end offset of a topic of one partition: 0 while there is no such topic. A broker that does not answer is
// asked again for a while.
func End(client sarama.Client, topic string) int64 {
	for range 20 {
		end, err := client.GetOffset(topic, 0, sarama.OffsetNewest)
		if err == nil {
			return end
		}
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return 0
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0
}

// WaitRecords waits until the end offset of a topic of one partition is at least n.
func WaitRecords(t testing.TB, bootstrap, topic string, n int64) {
	t.Helper()
	client := Client(t, bootstrap)
	Eventually(t, fmt.Sprintf("%d records in %s", n, topic), func() error {
		if end := End(client, topic); end < n {
			return fmt.Errorf("there are %d", end)
		}
		return nil
	})
}

// Read hands the committed records of a topic of one partition to see, from the first one on, until it returns true.
// The test fails when no further record comes for two minutes.
func Read(t testing.TB, client sarama.Client, topic string, see func(*sarama.ConsumerMessage) bool) {
	t.Helper()
	consumer, err := sarama.NewConsumerFromClient(client)
	check(t, err)
	var partition sarama.PartitionConsumer
	Eventually(t, "reading "+topic, func() (err error) {
		partition, err = consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
		return err
	})
	defer partition.AsyncClose()
	for n := 0; ; n++ {
		select {
		case m := <-partition.Messages():
			if see(m) {
				return
			}
		case <-time.After(patience):
			t.Fatalf("%s: nothing new for %s after %d records", topic, patience, n)
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		}
	}
}
