package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/install"
)

// The user that connectors log in with; it may do everything. root has no password and is reachable from 127.0.0.1.
const (
	ConnectorUser     = "debezium"
	ConnectorPassword = "dbz"
)

// DatabaseConfig describes a database server. A zero port is chosen.
type DatabaseConfig struct {
	Home    install.Home
	Dir     string // must exist; data and log go there
	Port    int
	Options []string // further options of the server, after those set here
	Plain   bool     // Options are all there are, and nobody but root may log in

	// Server is the program to start; nil means the installed one of Home.
	Server *install.Server
}

// Database is a MySQL or MariaDB server that writes a row-based binlog.
type Database struct {
	*Process
	Port int

	class string // of the connector for this server
}

// Address is HOST:PORT.
func (d *Database) Address() string { return local(d.Port) }

// Connect opens a connection as root. The caller closes it.
func (d *Database) Connect() (*client.Conn, error) {
	return client.Connect(d.Address(), "root", "", "")
}

// Exec runs statements as root, in order, on one connection.
func (d *Database) Exec(statements ...string) error {
	conn, err := d.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	return Execute(conn, statements...)
}

// Execute runs statements in order. The error names the one that failed.
func Execute(conn *client.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.Execute(s); err != nil {
			return fmt.Errorf("%w\nin: %s", err, s)
		}
	}
	return nil
}

// KillConnections ends all connections of a user.
func (d *Database) KillConnections(user string) error {
	conn, err := d.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	ids, err := conn.Execute("SELECT id FROM information_schema.processlist WHERE user = '" + user + "'")
	if err != nil {
		return err
	}
	for i := range ids.RowNumber() {
		id, err := ids.GetInt(i, 0)
		if err != nil {
			return err
		}
		if _, err := conn.Execute(fmt.Sprintf("KILL %d", id)); err != nil && !strings.Contains(err.Error(), "Unknown thread") { // it has ended by itself
			return err
		}
	}
	return nil
}

// Connector is the configuration of one that reads the server: its topics begin with prefix, its schema history is
// in the Kafka of this address, and changes go on top. Connectors that run at the same time need database.server.id.
func (d *Database) Connector(kafka, prefix string, changes map[string]string) map[string]string {
	c := map[string]string{
		"connector.class": d.class, "tasks.max": "1", "topic.prefix": prefix,
		"database.hostname": "127.0.0.1", "database.port": strconv.Itoa(d.Port), "database.server.id": "5400",
		"database.user": ConnectorUser, "database.password": ConnectorPassword,
		"schema.history.internal.kafka.topic": prefix + "-history", "schema.history.internal.kafka.bootstrap.servers": kafka,
	}
	maps.Copy(c, changes)
	return c
}

// flavor is what differs between the two servers.
type flavor struct {
	name    string
	class   string // of the connector
	make    func(ctx context.Context, s install.Server, user, data string) error
	place   []string // what a server needs away from its usual place
	options []string // what connectors and recordings need
}

// StartMySQL starts a MySQL server with GTIDs and row events that quote their statement.
func StartMySQL(ctx context.Context, c DatabaseConfig) (*Database, error) {
	return startDatabase(ctx, c, c.Home.MySQL, flavor{
		name: "mysql", class: "io.debezium.connector.mysql.MySqlConnector",
		make: func(ctx context.Context, s install.Server, user, data string) error {
			args := append(s.Command[:len(s.Command):len(s.Command)], "--initialize-insecure", "--user="+user, "--datadir="+data)
			out, err := command(ctx, args).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w\n%s", err, out)
			}
			return os.Remove(filepath.Join(data, "auto.cnf")) // every copy gets a server UUID of its own
		},
		place: []string{"--loose-mysqlx=OFF", "--secure-file-priv="},
		options: []string{
			"--server-id=223344", "--log-bin=mysql-bin", "--gtid-mode=ON", "--enforce-gtid-consistency=ON",
			"--binlog-rows-query-log-events=ON", "--local-infile=1",
		},
	})
}

// StartMariaDB starts a MariaDB server. It has no thread cache: a thread that is used again keeps its last database's
// character set, which makes some binlog events three bytes longer than in another run.
func StartMariaDB(ctx context.Context, c DatabaseConfig) (*Database, error) {
	return startDatabase(ctx, c, c.Home.MariaDB, flavor{
		name: "mariadb", class: "io.debezium.connector.mariadb.MariaDbConnector",
		make: makeMariaDB,
		options: []string{
			"--server-id=223345", "--log-bin=mariadb-bin", "--binlog-format=ROW", "--binlog-row-image=FULL",
			"--character-set-server=utf8mb4", "--local-infile=1", "--thread-cache-size=0",
		},
	})
}

func startDatabase(ctx context.Context, c DatabaseConfig, find func() (install.Server, error), f flavor) (*Database, error) {
	server := c.Server
	if server == nil {
		s, err := find()
		if err != nil {
			return nil, err
		}
		server = &s
	}
	if err := fill(&c.Port); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(c.Dir, "data")
	if err := newData(ctx, c.Home, *server, f, me.Username, data); err != nil {
		return nil, fmt.Errorf("making the data directory of %s: %w", f.name, err)
	}
	temporary := filepath.Join(c.Dir, "tmp") // of its own: MariaDB deletes the temporary tables that it finds at its start
	if err := os.MkdirAll(temporary, 0o700); err != nil {
		return nil, err
	}
	args := append(server.Command[:len(server.Command):len(server.Command)], // the socket lies in the data directory: an absolute path may be too long
		"--user="+me.Username, "--datadir="+data, "--tmpdir="+temporary, "--socket=sock", "--pid-file="+filepath.Join(c.Dir, "pid"),
		fmt.Sprintf("--port=%d", c.Port), "--bind-address=127.0.0.1")
	args = append(args, f.place...)
	if !c.Plain {
		args = append(args, f.options...)
	}
	args = append(args, c.Options...)
	d := &Database{Port: c.Port, class: f.class}
	d.Process, err = Start(ctx, Spec{
		Name: f.name, Dir: c.Dir, Args: args,
		Ready: func(context.Context) error { return d.Exec("SELECT 1") },
	})
	if err != nil {
		return nil, err
	}
	if c.Plain {
		return d, nil
	}
	err = d.Exec(
		fmt.Sprintf("CREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED BY '%s'", ConnectorUser, ConnectorPassword),
		fmt.Sprintf("GRANT ALL PRIVILEGES ON *.* TO '%s'@'%%' WITH GRANT OPTION", ConnectorUser))
	if err != nil {
		d.Kill()
		return nil, fmt.Errorf("creating the connector's user: %w", err)
	}
	return d, nil
}

// newData makes a data directory, unless it is there, as a copy of one that is made once per server version: making
// one takes seconds, copying it less than a tenth of a second.
func newData(ctx context.Context, home install.Home, s install.Server, f flavor, user, data string) error {
	if _, err := os.Stat(data); err == nil {
		return nil
	}
	version, err := serverVersion(ctx, s)
	if err != nil {
		return err
	}
	pattern := filepath.Join(string(home), "data", f.name+"-"+version)
	if _, err := os.Stat(pattern); errors.Is(err, fs.ErrNotExist) {
		if err := makePattern(ctx, s, f, user, pattern); err != nil {
			return err
		}
	}
	return os.CopyFS(data, os.DirFS(pattern))
}

// makePattern makes the data directory beside its place and moves it there whole: another process may do the same.
func makePattern(ctx context.Context, s install.Server, f flavor, user, pattern string) error {
	if err := os.MkdirAll(filepath.Dir(pattern), 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(pattern), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := f.make(ctx, s, user, filepath.Join(fresh, "data")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(fresh, "data"), pattern); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

var versionText = regexp.MustCompile(`Ver (\S+)`)

func serverVersion(ctx context.Context, s install.Server) (string, error) {
	out, err := command(ctx, append(s.Command[:len(s.Command):len(s.Command)], "--version")).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking the server's version: %w\n%s", err, out)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("no version in %q", out)
	}
	return string(m[1]), nil
}

// makeMariaDB does what mariadb-install-db does, with a server that may only be unpacked.
func makeMariaDB(ctx context.Context, s install.Server, user, data string) error {
	if err := os.MkdirAll(filepath.Join(data, "mysql"), 0o700); err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("USE mysql;\nSET @auth_root_socket=NULL, @current_hostname='localhost', @skip_auth_anonymous=1;\n")
	for _, name := range []string{"system_tables", "performance_tables", "system_tables_data"} {
		text, err := systemScript(s.Share, name)
		if err != nil {
			return err
		}
		script.Write(text)
		script.WriteString("\n")
	}
	cmd := command(ctx, append(s.Command[:len(s.Command):len(s.Command)], "--bootstrap", "--user="+user, "--datadir="+data, "--tmpdir="+data,
		"--log-warnings=0", "--enforce-storage-engine=", "--max-allowed-packet=8M", "--net-buffer-length=16K"))
	cmd.Stdin = strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// systemScript reads a script of system tables, which newer releases name after MariaDB.
func systemScript(share, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(share, "mariadb_"+name+".sql"))
	if errors.Is(err, fs.ErrNotExist) {
		return os.ReadFile(filepath.Join(share, "mysql_"+name+".sql"))
	}
	return text, err
}
