//go:build servers

package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// The quickstart ends by itself with the expected events: with a server that it starts, and with one that is named to it;
// also when its usual ports are taken.
func TestQuickstart(t *testing.T) {
	program := filepath.Join(rig.Dir(t), "quickstart")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./integration/quickstart")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("own server", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		port := taken.Addr().(*net.TCPAddr).Port
		out := runQuickstart(t, program, "MYSQL_DSN=", fmt.Sprintf("-rest-port=%d", port))
		if want := fmt.Sprintf("Port %d is in use", port); !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	})
	t.Run("MYSQL_DSN", func(t *testing.T) {
		db := rig.MariaDB(t)
		dsn := fmt.Sprintf("MYSQL_DSN=%s:%s@tcp(%s)/", peer.ConnectorUser, peer.ConnectorPassword, db.Address())
		runQuickstart(t, program, dsn)
		if err := db.Exec("DROP DATABASE ecommerce"); err != nil {
			t.Error(err)
		}
	})
}

func runQuickstart(t *testing.T, program, dsn string, args ...string) string {
	t.Helper()
	port, err := peer.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "-once", fmt.Sprintf("-kafka-port=%d", port))...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), dsn)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"ecommerce-server\n", "CREATE TABLE orders", "ecommerce-server.ecommerce.orders\n",
		`"order_date": 1629108672000`, `"order_date": 1629112333000`, `"order_date": 1629115994000`, "A too sensible microphone",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	return string(out)
}
