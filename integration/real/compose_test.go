//go:build real

package real

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// Where there is no container runtime, the command line and the health check of each service of docker-compose.yml run
// as processes of this machine, with its host names and ports put in place of the containers'. The workers are built by
// the Dockerfile's own command and take the connector of examples/ as a user would post it.
func TestComposeServices(t *testing.T) {
	file := readCompose(t)
	checkCompose(t, file)
	place := &places{}
	kafka := startComposeKafka(t, file.Services["kafka"], place)
	database := startComposeMySQL(t, file, place)
	program := buildImage(t)
	var workers []string
	for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
		place.add(name+":7946", rig.FreePort(t))
	}
	for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
		workers = append(workers, startComposeWorker(t, file.Services[name], name, program, place))
	}

	body, err := os.ReadFile(filepath.Join(rig.Root(t), "examples", "ecommerce.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := place.apply(string(body))
	text = strings.Replace(text, `"database.hostname": "mysql"`, `"database.hostname": "127.0.0.1"`, 1)
	text = strings.Replace(text, `"database.port": "3306"`, fmt.Sprintf(`"database.port": "%d"`, database.Port), 1)
	rig.Call(t, http.MethodPost, workers[1]+"/connectors", text, http.StatusCreated)
	for _, w := range workers {
		rig.Eventually(t, w+" lists the connector", func() error {
			var names []string
			if err := json.Unmarshal(rig.Call(t, http.MethodGet, w+"/connectors", "", http.StatusOK), &names); err != nil {
				return err
			}
			if !slices.Equal(names, []string{"ecommerce"}) {
				return fmt.Errorf("it lists %v", names)
			}
			return nil
		})
	}
	if err := database.Exec("CREATE TABLE ecommerce.orders (id INT PRIMARY KEY)", "INSERT INTO ecommerce.orders VALUES (1),(2)"); err != nil {
		t.Fatal(err)
	}
	rig.WaitRecords(t, kafka.Bootstrap(), "ecommerce-server.ecommerce.orders", 2)
}

// checkCompose holds what no process can show: images have tags, and nothing starts before what it needs is healthy.
func checkCompose(t *testing.T, f composeFile) {
	t.Helper()
	if len(f.Services) != 5 {
		t.Errorf("%d services; want Kafka, MySQL and three workers", len(f.Services))
	}
	for name, s := range f.Services {
		if s.Build == "" && !strings.Contains(s.Image, ":") {
			t.Errorf("%s: the image %q has no tag", name, s.Image)
		}
		if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
			t.Errorf("%s: health check %v; want CMD and a command", name, s.Healthcheck.Test)
		}
		for other, d := range s.DependsOn {
			if _, ok := f.Services[other]; !ok || d.Condition != "service_healthy" {
				t.Errorf("%s depends on %s (%s)", name, other, d.Condition)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
	}
}

// places maps containers' addresses to this machine's.
type places struct{ pairs []string }

func (p *places) add(container string, port int) {
	p.pairs = append(p.pairs, container, fmt.Sprintf("127.0.0.1:%d", port))
}

func (p *places) apply(s string) string { return strings.NewReplacer(p.pairs...).Replace(s) }

func (p *places) applyAll(list []string) []string {
	var all []string
	for _, s := range list {
		all = append(all, p.apply(s))
	}
	return all
}

func startComposeKafka(t *testing.T, s composeService, place *places) *peer.Kafka {
	t.Helper()
	var ports [3]int
	for i, inside := range []int{9092, 9093, 9094} {
		ports[i] = rig.FreePort(t)
		place.add(fmt.Sprintf("kafka:%d", inside), ports[i])
		place.add(fmt.Sprintf("localhost:%d", inside), ports[i])
	}
	properties := kafkaProperties(s.Environment)
	for key, value := range properties { // a listener without a host listens everywhere
		properties[key] = place.apply(strings.ReplaceAll(value, "://:", "://localhost:"))
	}
	home := rig.Home(t)
	k, err := peer.StartKafka(t.Context(), peer.KafkaConfig{
		Home: home, Dir: rig.Dir(t), Port: ports[0], ControllerPort: ports[1], Properties: properties, Plain: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	rig.KillAtEnd(t, k.Process)
	java, err := home.Java()
	if err != nil {
		t.Fatal(err)
	}
	jars, err := home.Jars(install.JarsKafka)
	if err != nil {
		t.Fatal(err)
	}
	test := place.applyAll(s.Healthcheck.Test[1:])
	if test[0] != "/opt/kafka/bin/kafka-topics.sh" {
		t.Fatalf("Kafka's health check runs %s, which this test cannot", test[0])
	}
	healthy(t, append([]string{java, "-cp", filepath.Join(jars, "*"), "org.apache.kafka.tools.TopicCommand"}, test[1:]...))
	return k
}

func startComposeMySQL(t *testing.T, f composeFile, place *places) *peer.Database {
	t.Helper()
	s, home := f.Services["mysql"], rig.Home(t)
	db, err := peer.StartMySQL(t.Context(), peer.DatabaseConfig{Home: home, Dir: rig.Dir(t), Options: s.Command, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	rig.KillAtEnd(t, db.Process)
	place.add("mysql:3306", db.Port)
	client, err := home.MySQLClient()
	if err != nil {
		t.Fatal(err)
	}
	test := s.Healthcheck.Test[1:]
	if test[0] != "mysql" {
		t.Fatalf("MySQL's health check runs %s, which this test cannot", test[0])
	}
	check := append(append(client, test[1:]...), fmt.Sprintf("--port=%d", db.Port))
	if err := exec.CommandContext(t.Context(), check[0], check[1:]...).Run(); err == nil {
		t.Error("MySQL is healthy before its script has run")
	}
	for _, c := range s.Configs { // what the image does with files in docker-entrypoint-initdb.d
		for _, statement := range strings.Split(f.Configs[c.Source].Content, ";\n") {
			if statement = strings.TrimSpace(statement); statement == "" {
				continue
			}
			if err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	healthy(t, check)
	return db
}

// buildImage runs the Dockerfile's build command and returns the program. It checks what else the image consists of.
func buildImage(t *testing.T) string {
	t.Helper()
	all := readDockerfile(t)
	if user := last(t, all, "USER").args; user == "0" || strings.HasPrefix(user, "root") || strings.HasPrefix(user, "0:") {
		t.Errorf("the image runs as %s", user)
	}
	if got := last(t, all, "FROM").args; got != "scratch" {
		t.Errorf("the image is based on %s, so the program's own health check and libraries prove nothing", got)
	}
	if got := last(t, all, "ENTRYPOINT").list(t); !slices.Equal(got, []string{"/millrace"}) {
		t.Errorf("entry point %v", got)
	}
	out := rig.Dir(t)
	build := strings.ReplaceAll(last(t, all, "RUN").args, "/out/", out+"/")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", build)
	cmd.Dir = rig.Root(t)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, text)
	}
	program := filepath.Join(out, "millrace")
	if text, _ := exec.CommandContext(t.Context(), "ldd", program).CombinedOutput(); !bytes.Contains(text, []byte("not a dynamic executable")) {
		t.Errorf("the program is not static, but nothing else is in the image: %s", text)
	}
	return program
}

func startComposeWorker(t *testing.T, s composeService, name, program string, place *places) string {
	t.Helper()
	source, target, ok := strings.Cut(strings.TrimSuffix(s.Volumes[0], ":ro"), ":")
	if !ok || !slices.Contains(s.Command, target) {
		t.Fatalf("%s: the command %v does not read the mounted %s", name, s.Command, target)
	}
	text, err := os.ReadFile(filepath.Join(rig.Root(t), source))
	if err != nil {
		t.Fatal(err)
	}
	dir, port := rig.Dir(t), rig.FreePort(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	own := strings.Replace(place.apply(string(text)), "listeners=http://:8083", "listeners=http://"+address, 1)
	own = strings.Replace(own, "gossip.bind=0.0.0.0:7946", "gossip.bind="+place.apply(name+":7946"), 1)
	properties := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(properties, []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{program}
	for _, a := range s.Command {
		args = append(args, strings.ReplaceAll(a, target, properties))
	}
	check := []string{program}
	for _, a := range s.Healthcheck.Test[2:] {
		check = append(check, strings.ReplaceAll(a, "127.0.0.1:8083", address))
	}
	if s.Healthcheck.Test[1] != "/millrace" {
		t.Fatalf("%s: the health check runs %s, which is not in the image", name, s.Healthcheck.Test[1])
	}
	p, err := peer.Start(t.Context(), peer.Spec{
		Name: name, Dir: dir, Args: args,
		Ready: func(ctx context.Context) error {
			out, err := exec.CommandContext(ctx, check[0], check[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	rig.StopAtEnd(t, p)
	return "http://" + address
}

func healthy(t *testing.T, args []string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Errorf("health check %v: %v\n%s", args, err, out)
	}
}
