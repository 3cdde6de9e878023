package rig_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

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

// A cut proxy keeps connections and loses nothing.
func TestProxyCutsAndHeals(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	proxy := rig.NewProxy(t)
	proxy.Connect(server.Addr().String())
	client, err := net.Dial("tcp", proxy.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answer := make([]byte, 1)
	say := func(s string, patience time.Duration) error {
		if s != "" {
			if _, err := client.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		client.SetReadDeadline(time.Now().Add(patience))
		_, err := io.ReadFull(client, answer)
		return err
	}
	if err := say("a", time.Minute); err != nil || answer[0] != 'a' {
		t.Fatalf("%q, %v", answer, err)
	}
	proxy.Cut()
	if err := say("b", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q came through: %v", answer, err)
	}
	proxy.Heal()
	if err := say("", time.Minute); err != nil || answer[0] != 'b' {
		t.Fatalf("%q, %v", answer, err)
	}
}
