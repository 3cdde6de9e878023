package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millrace/millrace/integration/install"
)

// WorkerConfig describes a Connect worker, Java's or millrace's. A zero port is chosen.
type WorkerConfig struct {
	Home       install.Home
	Dir        string // must exist; properties and log go there
	Port       int    // of the REST API
	Bootstrap  string
	Group      string            // "millrace" when empty; the internal topics are named after it
	Properties map[string]string // added to the worker's properties, or in place of them

	// OffsetFile makes it a worker in standalone mode, which keeps its offsets there. Connectors are files of such a worker's
	// connectors.
	OffsetFile string
	Connectors []string

	// ReadyPath is what answers 200 once the worker serves, /connectors when empty.
	ReadyPath string

	// Binary is the millrace program (millrace only).
	Binary string

	// Release is "4.3", which is the default, or "2.7" (Java only).
	Release string
	// Plugins are the jar sets that the worker finds connectors in (Java only).
	Plugins []string
	// Heap is -Xmx, 512m when empty (Java only).
	Heap string
	// JVM are further options of the virtual machine (Java only).
	JVM []string
}

// Worker is a Connect worker.
type Worker struct {
	*Process
	Port int
}

// URL is the base of the worker's REST API, without a slash at its end.
func (w *Worker) URL() string { return "http://" + local(w.Port) }

// StartWorker starts millrace on a properties file as a Java user would have it.
func StartWorker(ctx context.Context, c WorkerConfig) (*Worker, error) {
	file, err := c.prepare("millrace")
	if err != nil {
		return nil, err
	}
	mode := "distributed"
	if c.standalone() {
		mode = "standalone"
	}
	return c.start(ctx, "millrace", append([]string{c.Binary, mode, file}, c.Connectors...))
}

// javaRelease is what starting a worker of one release takes.
type javaRelease struct {
	jars, logOption, logFile, logText string
}

var errRelease = errors.New("there are the releases 4.3 and 2.7 of Java Connect")

func releaseOf(name string) (javaRelease, error) {
	switch name {
	case "", "4.3":
		return javaRelease{install.JarsKafka, "-Dlog4j2.configurationFile=", "log4j2.yaml", log4j2}, nil
	case "2.7":
		return javaRelease{install.JarsKafkaOld, "-Dlog4j.configuration=file:", "log4j.properties", log4j1}, nil
	}
	return javaRelease{}, errRelease
}

// StartJava starts a Java Connect worker.
func StartJava(ctx context.Context, c WorkerConfig) (*Worker, error) {
	release, err := releaseOf(c.Release)
	if err != nil {
		return nil, err
	}
	java, err := c.Home.Java()
	if err != nil {
		return nil, err
	}
	jars, err := c.Home.Jars(release.jars)
	if err != nil {
		return nil, err
	}
	if c.Properties, err = c.withPlugins(); err != nil {
		return nil, err
	}
	file, err := c.prepare("java")
	if err != nil {
		return nil, err
	}
	logging := filepath.Join(c.Dir, release.logFile)
	if err := os.WriteFile(logging, []byte(release.logText), 0o644); err != nil {
		return nil, err
	}
	heap := c.Heap
	if heap == "" {
		heap = "512m"
	}
	class := "org.apache.kafka.connect.cli.ConnectDistributed"
	if c.standalone() {
		class = "org.apache.kafka.connect.cli.ConnectStandalone"
	}
	args := append([]string{java, "-Xmx" + heap, release.logOption + logging}, c.JVM...)
	args = append(args, "-cp", filepath.Join(jars, "*"), class, file)
	return c.start(ctx, "java", append(args, c.Connectors...))
}

func (c *WorkerConfig) standalone() bool { return c.OffsetFile != "" }

// DevConfig describes `millrace dev`: broker, worker and REST API in one process. Zero ports are chosen.
type DevConfig struct {
	Binary    string
	Dir       string // must exist; data and log go there
	KafkaPort int
	RESTPort  int
}

// Dev is a running `millrace dev`.
type Dev struct {
	*Worker
	KafkaPort int
}

// Bootstrap is the embedded broker's address.
func (d *Dev) Bootstrap() string { return local(d.KafkaPort) }

// StartDev starts `millrace dev`.
func StartDev(ctx context.Context, c DevConfig) (*Dev, error) {
	if err := fill(&c.KafkaPort, &c.RESTPort); err != nil {
		return nil, err
	}
	w, err := (&WorkerConfig{Dir: c.Dir, Port: c.RESTPort}).start(ctx, "millrace-dev", []string{
		c.Binary, "dev", "--data", filepath.Join(c.Dir, "data"),
		"--kafka-port", strconv.Itoa(c.KafkaPort), "--rest-port", strconv.Itoa(c.RESTPort),
	})
	if err != nil {
		return nil, err
	}
	return &Dev{Worker: w, KafkaPort: c.KafkaPort}, nil
}

// BuildMillrace compiles cmd/millrace of the module at root and returns the program's path. The compiler does nothing
// when the program is up to date.
func BuildMillrace(ctx context.Context, root string) (string, error) {
	binary := filepath.Join(root, "bin", "millrace")
	cmd := command(ctx, []string{"go", "build", "-o", binary, "./cmd/millrace"})
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building millrace: %w\n%s", err, out)
	}
	return binary, nil
}

// ModuleRoot is the directory of go.mod, from anywhere below it.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := command(ctx, []string{"go", "env", "GOMOD"}).Output()
	if err != nil {
		return "", fmt.Errorf("finding go.mod: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("finding go.mod: run this inside a checkout of millrace")
	}
	return filepath.Dir(file), nil
}

func (c *WorkerConfig) withPlugins() (map[string]string, error) {
	var dirs []string
	for _, set := range c.Plugins {
		dir, err := c.Home.PluginPath(set)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 0 {
		return c.Properties, nil // what is on the class path; an empty list is refused
	}
	return merge(map[string]string{"plugin.path": strings.Join(dirs, ",")}, c.Properties), nil
}

// prepare chooses what is open and writes the properties file.
func (c *WorkerConfig) prepare(name string) (string, error) {
	if err := fill(&c.Port); err != nil {
		return "", err
	}
	if c.Group == "" {
		c.Group = "millrace"
	}
	file := filepath.Join(c.Dir, name+".properties")
	return file, writeProperties(file, c.properties())
}

func (c *WorkerConfig) start(ctx context.Context, name string, args []string) (*Worker, error) {
	w := &Worker{Port: c.Port}
	p, err := Start(ctx, Spec{
		Name: name, Dir: c.Dir, Args: args,
		Ready: func(ctx context.Context) error { return httpAnswers(ctx, w.URL()+cmp.Or(c.ReadyPath, "/connectors")) },
	})
	if err != nil {
		return nil, err
	}
	w.Process = p
	return w, nil
}

func (c *WorkerConfig) properties() map[string]string {
	all := map[string]string{
		"bootstrap.servers":                       c.Bootstrap,
		"key.converter":                           "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":                         "org.apache.kafka.connect.json.JsonConverter",
		"key.converter.schemas.enable":            "true",
		"value.converter.schemas.enable":          "true",
		"offset.flush.interval.ms":                "2000",
		"listeners":                               "http://" + local(c.Port),
		"rest.advertised.host.name":               "127.0.0.1",
		"connector.client.config.override.policy": "All",
	}
	if c.standalone() {
		all["offset.storage.file.filename"] = c.OffsetFile
	} else {
		all = merge(all, c.groupProperties())
	}
	return merge(all, c.Properties)
}

// groupProperties are those of a member of a group.
func (c *WorkerConfig) groupProperties() map[string]string {
	all := map[string]string{
		"group.id":                          c.Group,
		"offset.storage.topic":              c.Group + "-offsets",
		"offset.storage.replication.factor": "1",
		"offset.storage.partitions":         "5",
		"config.storage.topic":              c.Group + "-configs",
		"config.storage.replication.factor": "1",
		"status.storage.topic":              c.Group + "-status",
		"status.storage.replication.factor": "1",
		"status.storage.partitions":         "2",
		"exactly.once.source.support":       "enabled",
	}
	if c.Release == "2.7" { // older than exactly-once for source connectors
		delete(all, "exactly.once.source.support")
	}
	return all
}

func httpAnswers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 500))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return nil
}
