// Package rig starts real peers for a test and ends them with it.
//
// Each function starts one peer in a directory of its own, waits until it answers and registers its end with
// t.Cleanup. When the test has failed by then, the end of the peer's log is part of the test's output. A peer that is not
// installed fails the test with the command that installs it; no test is skipped.
//
// Tests that use MySQL, MariaDB or a millrace worker carry the build tag servers and may lie in any package; tests that
// use Apache Kafka, Java workers or other people's clients carry the tag real; they lie in integration/real or are called after ApacheKafka or JavaWorker. FakeKafka, the
// embedded broker, needs no tag.
package rig

import (
	"maps"
	"os"
	"testing"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/storage/kafka/embedded"
)

// Kafka starts Apache Kafka. Of several property maps the later ones win.
func Kafka(t testing.TB, properties ...map[string]string) *peer.Kafka {
	t.Helper()
	k, err := peer.StartKafka(t.Context(), peer.KafkaConfig{Home: Home(t), Dir: namedDir(t, "kafka"), Properties: merged(properties)})
	check(t, err)
	KillAtEnd(t, k.Process)
	return k
}

// KafkaOn starts Apache Kafka whose listeners the properties describe; port is that of one without security.
// jvm are options of its virtual machine besides the usual ones.
func KafkaOn(t testing.TB, port, controllerPort int, properties map[string]string, jvm ...string) *peer.Kafka {
	t.Helper()
	c := peer.KafkaConfig{Home: Home(t), Dir: namedDir(t, "kafka"), Port: port, ControllerPort: controllerPort, Properties: properties}
	if len(jvm) > 0 {
		c.JVM = append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}, jvm...)
	}
	k, err := peer.StartKafka(t.Context(), c)
	check(t, err)
	KillAtEnd(t, k.Process)
	return k
}

// KDC starts a Kerberos KDC with a realm of its own.
func KDC(t testing.TB, realm string) *peer.KDC {
	t.Helper()
	k, err := peer.StartKDC(t.Context(), peer.KDCConfig{Home: Home(t), Dir: namedDir(t, "kdc"), Realm: realm})
	check(t, err)
	KillAtEnd(t, k.Process)
	return k
}

// KafkaCluster starts a cluster of n brokers that keeps two copies of each topic. The first broker is the controller,
// which must stay.
func KafkaCluster(t testing.TB, n int, properties ...map[string]string) []*peer.Kafka {
	t.Helper()
	twice := map[string]string{
		"offsets.topic.replication.factor": "2", "transaction.state.log.replication.factor": "2",
		"default.replication.factor": "2", "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500",
	}
	var brokers []*peer.Kafka
	for node := 1; node <= n; node++ {
		c := peer.KafkaConfig{
			Home: Home(t), Dir: namedDir(t, "kafka"), Node: node, Heap: "320m",
			Properties: merged(append([]map[string]string{twice}, properties...)),
		}
		if node > 1 {
			c.Controller = brokers[0].Controller
		}
		k, err := peer.StartKafka(t.Context(), c)
		check(t, err)
		KillAtEnd(t, k.Process)
		brokers = append(brokers, k)
	}
	return brokers
}

// KafkaBehind starts Apache Kafka with a second listener, whose clients reach it through a proxy.
func KafkaBehind(t testing.TB, proxy *Proxy, properties ...map[string]string) *peer.Kafka {
	t.Helper()
	k, err := peer.StartKafka(t.Context(), peer.KafkaConfig{
		Home: Home(t), Dir: namedDir(t, "kafka"), Advertised: proxy.Port, Properties: merged(properties),
	})
	check(t, err)
	KillAtEnd(t, k.Process)
	proxy.Connect(k.Behind)
	return k
}

// KafkaQuorum starts n brokers of Apache Kafka that are all controllers and keep copies of everything: any of them may
// be missing.
func KafkaQuorum(t testing.TB, n int, properties ...map[string]string) []*peer.Kafka {
	t.Helper()
	brokers, err := peer.StartKafkaQuorum(t.Context(), n, peer.KafkaConfig{Home: Home(t), Dir: namedDir(t, "kafka"), Heap: "300m", Properties: merged(properties)})
	check(t, err)
	for _, b := range brokers {
		KillAtEnd(t, b.Process)
	}
	return brokers
}

// MySQL starts a MySQL server with further options.
func MySQL(t testing.TB, options ...string) *peer.Database {
	t.Helper()
	d, err := peer.StartMySQL(t.Context(), peer.DatabaseConfig{Home: Home(t), Dir: namedDir(t, "mysql"), Options: options})
	check(t, err)
	KillAtEnd(t, d.Process)
	return d
}

// MariaDB starts a MariaDB server with further options.
func MariaDB(t testing.TB, options ...string) *peer.Database {
	t.Helper()
	d, err := peer.StartMariaDB(t.Context(), peer.DatabaseConfig{Home: Home(t), Dir: namedDir(t, "mariadb"), Options: options})
	check(t, err)
	KillAtEnd(t, d.Process)
	return d
}

// JavaConnect starts a Java Connect worker; Home and Dir of the configuration are filled in.
func JavaConnect(t testing.TB, c peer.WorkerConfig) *peer.Worker {
	t.Helper()
	c.Home, c.Dir = Home(t), namedDir(t, "java")
	w, err := peer.StartJava(t.Context(), c)
	check(t, err)
	KillAtEnd(t, w.Process)
	return w
}

// Worker starts a millrace worker: the program that Build makes, unless the configuration names another. A worker that
// still runs at the end of the test is stopped as an operator would, and an exit status other than 0 fails the test: it
// tells of a panic.
func Worker(t testing.TB, c peer.WorkerConfig) *peer.Worker {
	t.Helper()
	c.Home, c.Dir = Home(t), namedDir(t, "millrace")
	if c.Binary == "" {
		c.Binary = Build(t)
	}
	w, err := peer.StartWorker(t.Context(), c)
	check(t, err)
	StopAtEnd(t, w.Process)
	return w
}

// Dev starts `millrace dev`; at the end of the test it is stopped as Worker is.
func Dev(t testing.TB) *peer.Dev {
	t.Helper()
	d, err := peer.StartDev(t.Context(), peer.DevConfig{Binary: Build(t), Dir: namedDir(t, "dev")})
	check(t, err)
	StopAtEnd(t, d.Process)
	return d
}

// FakeKafka starts the embedded broker inside the test's own process and returns its address.
func FakeKafka(t testing.TB) string {
	t.Helper()
	c, err := embedded.Start(embedded.Config{DataDir: namedDir(t, "fake")})
	check(t, err)
	t.Cleanup(c.Close)
	return c.Bootstrap()
}

// Build compiles the millrace program and returns its path.
func Build(t testing.TB) string {
	t.Helper()
	binary, err := peer.BuildMillrace(t.Context(), Root(t))
	check(t, err)
	return binary
}

// Root is the directory of go.mod.
func Root(t testing.TB) string {
	t.Helper()
	root, err := peer.ModuleRoot(t.Context())
	check(t, err)
	return root
}

// Home is where peers are installed.
func Home(t testing.TB) install.Home {
	t.Helper()
	home, err := install.DefaultHome()
	check(t, err)
	return home
}

// Dir makes a directory that goes with the test, with a short path whatever the test is called.
func Dir(t testing.TB) string {
	t.Helper()
	return namedDir(t, "test")
}

func namedDir(t testing.TB, name string) string {
	t.Helper()
	d, err := os.MkdirTemp("", "millrace-"+name+"-")
	check(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

// StopAtEnd stops a process at the end of the test and fails the test when it does not end as it should.
func StopAtEnd(t testing.TB, p *peer.Process) {
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		report(t, p)
	})
}

// KillAtEnd kills a peer at the end of the test: its data is thrown away anyway.
func KillAtEnd(t testing.TB, p *peer.Process) {
	t.Cleanup(func() {
		p.Kill()
		report(t, p)
	})
}

func report(t testing.TB, p *peer.Process) {
	if t.Failed() {
		t.Logf("the end of the log of %s:\n%s", p.Name(), p.LogTail(40))
	}
}

func merged(parts []map[string]string) map[string]string {
	all := make(map[string]string)
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
