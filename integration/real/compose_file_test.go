//go:build real

package real

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/millrace/millrace/integration/rig"
)

// composeFile is what these tests read of docker-compose.yml.
type composeFile struct {
	Services map[string]composeService
	Configs  map[string]struct{ Content string }
}

type composeService struct {
	Image, Build, Hostname string
	Command                []string
	Environment            map[string]string
	Volumes, Ports         []string
	Configs                []struct{ Source, Target string }
	Healthcheck            struct{ Test []string }
	DependsOn              map[string]struct{ Condition string } `yaml:"depends_on"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rig.Root(t), "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var f composeFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// kafkaProperties turns the environment of Apache Kafka's image into broker properties, by the image's rule.
func kafkaProperties(environment map[string]string) map[string]string {
	rule := strings.NewReplacer("___", "-", "__", "_", "_", ".")
	properties := make(map[string]string)
	for name, value := range environment {
		if key, ok := strings.CutPrefix(name, "KAFKA_"); ok {
			properties[strings.ToLower(rule.Replace(key))] = value
		}
	}
	return properties
}

// instruction is one line of a Dockerfile, joined where it was continued.
type instruction struct {
	name, args string
}

// list reads the JSON form of an instruction.
func (i instruction) list(t *testing.T) []string {
	t.Helper()
	var all []string
	if err := json.Unmarshal([]byte(i.args), &all); err != nil {
		t.Fatalf("%s %s: not in JSON form: %v", i.name, i.args, err)
	}
	return all
}

func readDockerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rig.Root(t), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var all []instruction
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		all = append(all, instruction{strings.ToUpper(name), strings.TrimSpace(args)})
	}
	return all
}

// last finds the last instruction of a name, which is the one that holds for the image.
func last(t *testing.T, all []instruction, name string) instruction {
	t.Helper()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].name == name {
			return all[i]
		}
	}
	t.Fatalf("the Dockerfile has no %s", name)
	return instruction{}
}

func TestKafkaProperties(t *testing.T) {
	got := kafkaProperties(map[string]string{"KAFKA_NODE_ID": "1", "KAFKA_A__B___C": "x", "OTHER": "y"})
	if len(got) != 2 || got["node.id"] != "1" || got["a_b-c"] != "x" {
		t.Errorf("%v", got)
	}
}
