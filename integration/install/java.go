package install

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// poms pin the versions of every jar: the broker, the workers and the connectors that millrace is compared with.
//
//go:embed pom/*.xml
var poms embed.FS

// Sets of jars, each the name of a file in pom/.
const (
	JarsKafka        = "kafka"     // broker, tools and Connect worker of the current release
	JarsKafkaOld     = "kafka-2.7" // an old Connect worker
	JarsDebeziumOld  = "mysql-1.6" // the MySQL connector of that worker's time
	JarsDebezium     = "mysql"
	JarsDebeziumMari = "mariadb"
)

// Java finds the Java launcher: below $JAVA_HOME, or in the path.
func (h Home) Java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java"), nil
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", &MissingError{Part: "Java", Looked: "$JAVA_HOME and PATH", Setup: "java"}
	}
	return java, nil
}

// Jars is the directory with a set of jars.
func (h Home) Jars(set string) (string, error) {
	dir := h.path("jars", set)
	if !exists(dir) {
		return "", &MissingError{Part: "the jars of pom/" + set + ".xml", Looked: dir, Setup: "java"}
	}
	return dir, nil
}

// PluginPath is a directory for plugin.path that holds the named set of jars alone.
func (h Home) PluginPath(set string) (string, error) {
	dir, err := h.Jars(set)
	if err != nil {
		return "", err
	}
	link := h.path("plugins", set, set)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(dir, link); err != nil && !os.IsExist(err) {
		return "", err
	}
	return filepath.Dir(link), nil
}

// Java installs a Java runtime and Maven, and fetches every set of jars.
func (i *Installer) Java(ctx context.Context) error {
	tools := func() bool { return inPath("java") && inPath("mvn") }
	err := i.step("Java and Maven", tools, func() error {
		return i.system(ctx, "default-jre-headless", "maven")
	})
	if err != nil {
		return err
	}
	for _, set := range []string{JarsKafka, JarsDebezium, JarsDebeziumMari, JarsKafkaOld, JarsDebeziumOld} {
		if err := i.jars(ctx, set); err != nil {
			return err
		}
	}
	return nil
}

// jars fetches a pom file's dependencies with all they need.
func (i *Installer) jars(ctx context.Context, set string) error {
	dir := i.home.path("jars", set)
	return i.step("jars: "+set, func() bool { return exists(dir) }, func() error {
		pom, err := poms.ReadFile("pom/" + set + ".xml")
		if err != nil {
			return err
		}
		work, err := os.MkdirTemp("", "millrace-pom-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		file := filepath.Join(work, "pom.xml")
		if err := os.WriteFile(file, pom, 0o644); err != nil {
			return err
		}
		return replace(dir, func(fresh string) error {
			_, err := run(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+fresh)
			return err
		})
	})
}

// requirements are the Python packages of the scenario players, and a client of the REST API.
var requirements = [...]string{"confluent-kafka[avro,json,protobuf]", "cryptography", "kafka-connect-py==1.0.0", "pymysql", "pyyaml", "requests"}

// Python finds the interpreter that the scenario players run with.
func (h Home) Python() (string, error) {
	python := h.path("python", "bin", "python")
	if !exists(python) {
		return "", &MissingError{Part: "the players' Python", Looked: python, Setup: "python"}
	}
	return python, nil
}

// Python makes the virtual environment of the scenario players.
func (i *Installer) Python(ctx context.Context) error {
	venv := func() bool { return exec.CommandContext(ctx, "python3", "-c", "import venv, ensurepip").Run() == nil }
	err := i.step("Python's venv", venv, func() error { return i.system(ctx, "python3-venv") })
	if err != nil {
		return err
	}
	done, wanted := i.home.path("python", "complete"), strings.Join(requirements[:], "\n")
	there := func() bool {
		have, err := os.ReadFile(done)
		return err == nil && string(have) == wanted
	}
	return i.step("the players' Python packages", there, func() error {
		dir := i.home.path("python") // made in place: a virtual environment cannot be moved
		python := filepath.Join(dir, "bin", "python")
		if !exists(python) {
			if _, err := run(ctx, "python3", "-m", "venv", dir); err != nil {
				return err
			}
		}
		pip := append([]string{"-m", "pip", "install", "-q"}, requirements[:]...)
		if _, err := run(ctx, python, pip...); err != nil {
			return fmt.Errorf("fetching Python packages: %w", err)
		}
		return os.WriteFile(done, []byte(wanted), 0o644)
	})
}
