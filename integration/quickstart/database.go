package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/millrace/millrace/integration/install"
	"github.com/millrace/millrace/integration/peer"
)

// database is the server that changes are captured from, with the user that the connector logs in with.
type database struct {
	host           string
	port           int
	user, password string
}

func (d *database) connect() (*client.Conn, error) {
	conn, err := client.Connect(net.JoinHostPort(d.host, strconv.Itoa(d.port)), d.user, d.password, "")
	if err != nil {
		return nil, fmt.Errorf("connecting to %s:%d as %s: %w", d.host, d.port, d.user, err)
	}
	return conn, nil
}

func (d *database) exec(statements ...string) error {
	conn, err := d.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	return peer.Execute(conn, statements...)
}

// findDatabase takes the first database there is and creates the captured one in it.
func (q *quickstart) findDatabase(ctx context.Context) (*database, error) {
	db, err := q.chooseServer(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := db.tables()
	if err != nil {
		return nil, err
	}
	if tables != 0 {
		return nil, fmt.Errorf("%s:%d has a database ecommerce with tables in it, which is left alone: drop it, or name another server in MYSQL_DSN", db.host, db.port)
	}
	if err := db.exec("CREATE DATABASE IF NOT EXISTS ecommerce"); err != nil {
		return nil, fmt.Errorf("creating the database ecommerce: %w", err)
	}
	q.stops = append(q.stops, func() error { return db.exec("DROP TABLE IF EXISTS ecommerce.orders") })
	return db, nil
}

// tables counts the tables of the captured database.
func (d *database) tables() (int64, error) {
	conn, err := d.connect()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	result, err := conn.Execute("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ecommerce'")
	if err != nil {
		return 0, err
	}
	return result.GetInt(0, 0)
}

func (q *quickstart) chooseServer(ctx context.Context) (*database, error) {
	if dsn := os.Getenv("MYSQL_DSN"); dsn != "" {
		db, err := parseDSN(dsn)
		if err != nil {
			return nil, err
		}
		q.say("Database: %s:%d, as MYSQL_DSN says", db.host, db.port)
		return db, nil
	}
	if port := composePort(ctx, q.root); port != 0 {
		q.say("Database: MySQL of the running docker compose, port %d", port)
		return &database{host: "127.0.0.1", port: port, user: peer.ConnectorUser, password: peer.ConnectorPassword}, nil
	}
	return q.startServer(ctx)
}

// candidate is a server program and the function that starts it.
type candidate struct {
	name  string
	find  func() (install.Server, bool)
	start func(context.Context, peer.DatabaseConfig) (*peer.Database, error)
}

// startServer starts an installed server for this run alone. One that does not start, such as a MySQL whose security
// profile keeps it from data anywhere but in its usual place, is passed over for the next.
func (q *quickstart) startServer(ctx context.Context) (*database, error) {
	found := func(find func() (install.Server, error)) func() (install.Server, bool) {
		return func() (install.Server, bool) {
			s, err := find()
			return s, err == nil
		}
	}
	for _, c := range []candidate{
		{"MySQL", q.home.SystemMySQL, peer.StartMySQL},
		{"MySQL", found(q.home.MySQL), peer.StartMySQL},
		{"MariaDB", found(q.home.MariaDB), peer.StartMariaDB},
	} {
		server, ok := c.find()
		if !ok {
			continue
		}
		db, err := q.startCandidate(ctx, c, server)
		if err == nil || ctx.Err() != nil {
			return db, err
		}
		q.say("%s does not start: %v", c.name, err)
	}
	q.say("No MySQL or MariaDB server is installed here; getting MariaDB from the distribution ...")
	if err := install.New(q.home, q.out).MariaDB(ctx); err != nil {
		return nil, fmt.Errorf("%w\nor name a server that writes a row-based binlog: MYSQL_DSN='user:password@tcp(host:3306)/' make quickstart", err)
	}
	server, err := q.home.MariaDB()
	if err != nil {
		return nil, err
	}
	return q.startCandidate(ctx, candidate{name: "MariaDB", start: peer.StartMariaDB}, server)
}

func (q *quickstart) startCandidate(ctx context.Context, c candidate, server install.Server) (*database, error) {
	dir := filepath.Join(q.dir, c.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	began := time.Now()
	db, err := c.start(ctx, peer.DatabaseConfig{Home: q.home, Dir: dir, Server: &server})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	q.stops = append(q.stops, func() error { db.Kill(); return nil }) // killed: its data is thrown away
	q.say("Database: %s, started for this run on port %d in %.1f s", c.name, db.Port, time.Since(began).Seconds())
	return &database{host: "127.0.0.1", port: db.Port, user: peer.ConnectorUser, password: peer.ConnectorPassword}, nil
}

// parseDSN reads user:password@tcp(host:port)/database, with or without tcp(), or mysql://user:password@host:port. The
// database is not used. The error never repeats the text, which holds a password.
func parseDSN(dsn string) (*database, error) {
	bad := errors.New("MYSQL_DSN must be user:password@tcp(host:port)/ or mysql://user:password@host:port")
	if strings.Contains(dsn, "://") {
		u, err := url.Parse(dsn)
		if err != nil || u.Hostname() == "" || u.User == nil {
			return nil, bad
		}
		password, _ := u.User.Password()
		return withPort(u.Hostname(), u.Port(), u.User.Username(), password)
	}
	i := strings.LastIndex(dsn, "@")
	if i < 0 {
		return nil, bad
	}
	user, password, _ := strings.Cut(dsn[:i], ":")
	address, _, _ := strings.Cut(dsn[i+1:], "/")
	address = strings.TrimSuffix(strings.TrimPrefix(address, "tcp("), ")")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	if host == "" || user == "" || strings.ContainsAny(host, "()?") {
		return nil, bad
	}
	return withPort(host, port, user, password)
}

func withPort(host, port, user, password string) (*database, error) {
	if port == "" {
		port = "3306"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("MYSQL_DSN has the port %q: want a number from 1 to 65535", port)
	}
	return &database{host: host, port: int(n), user: user, password: password}, nil
}

// composePort is the published port of the MySQL service of this checkout's docker-compose.yml, or 0 when it does not run.
func composePort(ctx context.Context, root string) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "compose", "-f", filepath.Join(root, "docker-compose.yml"),
		"ps", "--status", "running", "--format", "json", "mysql").Output()
	if err != nil {
		return 0 // no docker, or none that runs: there are other databases
	}
	return publishedPort(out)
}

// publishedPort reads what `docker compose ps --format json` prints: an object a line, or a list of them in older releases.
func publishedPort(out []byte) int {
	type container struct {
		Publishers []struct{ TargetPort, PublishedPort int }
	}
	var all []container
	if json.Unmarshal(out, &all) != nil {
		for line := range bytes.Lines(out) {
			var c container
			if json.Unmarshal(line, &c) == nil {
				all = append(all, c)
			}
		}
	}
	for _, c := range all {
		for _, p := range c.Publishers {
			if p.TargetPort == 3306 && p.PublishedPort != 0 {
				return p.PublishedPort
			}
		}
	}
	return 0
}
