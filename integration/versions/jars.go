package versions

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/millrace/millrace/integration/install"
)

//go:embed java/*.java
var sources embed.FS

// services are the classes with the interface that they implement, as Java's ServiceLoader wants to know it.
var services = map[string]string{
	source: "org.apache.kafka.connect.source.SourceConnector",
	text:   "org.apache.kafka.connect.storage.Converter",
	head:   "org.apache.kafka.connect.storage.HeaderConverter",
	mark:   "org.apache.kafka.connect.transforms.Transformation",
	always: "org.apache.kafka.connect.transforms.predicates.Predicate",
}

// Jars compiles the plugins for Java, each version into a folder of its own below dir, which is to be in plugin.path.
func Jars(ctx context.Context, home install.Home, dir string, versions ...string) error {
	kafka, err := home.Jars(install.JarsKafka)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if err := compile(ctx, filepath.Join(kafka, "*"), filepath.Join(dir, v), v); err != nil {
			return fmt.Errorf("building version %s of the plugins: %w", v, err)
		}
	}
	return nil
}

// compile fills a folder of plugin.path, whose entries are jars, with one jar.
func compile(ctx context.Context, classPath, dir, version string) error {
	build, err := os.MkdirTemp("", "millrace-javac-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(build)
	files, err := extract(build, version)
	if err != nil {
		return err
	}
	classes := filepath.Join(build, "classes")
	if err := run(ctx, "javac", append([]string{"-cp", classPath, "-d", classes}, files...)...); err != nil {
		return err
	}
	manifests := filepath.Join(classes, "META-INF", "services")
	if err := errors.Join(os.MkdirAll(manifests, 0o755), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	for class, service := range services {
		if err := os.WriteFile(filepath.Join(manifests, service), []byte(class+"\n"), 0o600); err != nil {
			return err
		}
	}
	return run(ctx, "jar", "--create", "--file", filepath.Join(dir, "plugins.jar"), "-C", classes, ".")
}

// extract writes the sources of a version to a folder.
func extract(dir, version string) (files []string, err error) {
	names, err := fs.Glob(sources, "java/*.java")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		code, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, path.Base(name))
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(code), "@VERSION@", version)), 0o600); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
