package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/millrace/millrace/integration/install"
)

// machine describes this machine and the versions of what is measured, in a sentence or two.
func (b *bench) machine() string {
	parts := []string{
		fmt.Sprintf("%s, %d CPUs, %s", processor(), runtime.NumCPU(), ram()),
		fmt.Sprintf("%s %s %s", runtime.GOOS, firstLine("/proc/sys/kernel/osrelease"), runtime.GOARCH),
		"millrace at " + b.revision() + " with " + runtime.Version(),
		"Apache Kafka " + b.jar(install.JarsKafka, "connect-runtime-"),
		"Debezium " + b.jar(install.JarsDebezium, "debezium-connector-mysql-"),
		"Java " + b.java(),
		"MySQL " + b.databaseVersion(),
	}
	return strings.Join(parts, "; ") + "; everything on this machine; " + time.Now().Format(time.DateOnly)
}

func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func ram() string {
	var kib float64
	if _, err := fmt.Sscanf(firstLine("/proc/meminfo"), "MemTotal: %f kB", &kib); err != nil {
		return "memory unknown"
	}
	return fmt.Sprintf("%.0f GiB", kib/(1<<20))
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// revision is the commit of the checkout, marked when files differ from it.
func (b *bench) revision() string {
	out, err := exec.Command("git", "-C", b.root, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "an unknown commit"
	}
	return string(bytes.TrimSpace(out))
}

// jar is the version in the name of a jar.
func (b *bench) jar(set, prefix string) string {
	dir, err := b.home.Jars(set)
	if err != nil {
		return "unknown"
	}
	found, err := filepath.Glob(filepath.Join(dir, prefix+"*.jar"))
	if err != nil || len(found) == 0 {
		return "unknown"
	}
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), prefix), ".jar")
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

func (b *bench) java() string {
	java, err := b.home.Java()
	if err != nil {
		return "unknown"
	}
	out, err := exec.Command(java, "-version").CombinedOutput()
	if m := quoted.FindSubmatch(out); err == nil && m != nil {
		return string(m[1])
	}
	return "unknown"
}

func (b *bench) databaseVersion() string {
	conn, err := b.mysql.Connect()
	if err != nil {
		return "unknown"
	}
	defer conn.Close()
	result, err := conn.Execute("SELECT VERSION()")
	if err != nil {
		return "unknown"
	}
	version, err := result.GetString(0, 0)
	if err != nil {
		return "unknown"
	}
	return version
}
