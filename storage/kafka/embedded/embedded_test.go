package embedded_test

import (
	"net"
	"strings"
	"testing"

	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

func TestListensOnLoopbackOnly(t *testing.T) {
	c, err := embedded.Start(embedded.Config{Brokers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Addrs()) != 3 || len(strings.Split(c.Bootstrap(), ",")) != 3 {
		t.Errorf("addresses %v", c.Addrs())
	}
	for _, addr := range c.Addrs() {
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestKeepsDataAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"", "one"} {
		c, err := embedded.Start(embedded.Config{DataDir: dir, SyncWrites: true})
		if err != nil {
			t.Fatal(err)
		}
		p := kafka.Properties{"bootstrap.servers": c.Bootstrap()}
		l := kafka.NewLog(kafka.LogConfig{Topic: kafka.Topic{Name: "t", Partitions: 1, Replication: 1}, Producer: p, Consumer: p, Admin: p})
		if _, err := l.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := l.ReadAll(t.Context(), func(r kafka.Record) error { got += string(r.Value); return nil }); err != nil || got != want {
			t.Errorf("read %q %v, want %q", got, err, want)
		}
		if err := l.Append(t.Context(), kafka.Record{Value: []byte("one")}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := embedded.Start(embedded.Config{Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil {
		c.Close()
		t.Fatal("no error for a port that is in use")
	}
	if !strings.Contains(err.Error(), "embedded broker") {
		t.Errorf("error %v", err)
	}
}
