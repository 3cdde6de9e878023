package mysql

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func mariadbExample() map[string]string {
	return map[string]string{
		"name": "m", "connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "topic.prefix": "m",
		"database.hostname": "db", "database.user": "u", "database.server.id": "7",
		"schema.history.internal.kafka.topic": "h", "schema.history.internal.kafka.bootstrap.servers": "kafka:9092",
	}
}

func TestMariaDBConnector(t *testing.T) {
	plugins := Plugins()
	i := slices.IndexFunc(plugins, func(p connect.Plugin) bool { return p.Class == "io.debezium.connector.mariadb.MariaDbConnector" })
	if i < 0 {
		t.Fatal("there is no connector for MariaDB")
	}
	if got := plugins[i].TaskClass; got != "io.debezium.connector.mariadb.MariaDbConnectorTask" {
		t.Errorf("task class %s", got)
	}
	c, err := mariadbProduct().parse(mariadbExample(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.Connector != "mariadb" || c.Version != "3.5.0.Final" {
		t.Errorf("records come from %s %s", c.Connector, c.Version)
	}
}

// MariaDB's connector takes the switch for schema changes for that of comments.
func TestMariaDBComments(t *testing.T) {
	for changes, want := range map[string]bool{"true": true, "false": false} {
		config := mariadbExample()
		config["include.schema.changes"], config["include.schema.comments"] = changes, "true"
		c, err := mariadbProduct().parse(config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if c.Events.SchemaComments != want {
			t.Errorf("include.schema.changes=%s: comments %t", changes, c.Events.SchemaComments)
		}
		if c, err = mysqlProduct().parse(config, slog.New(slog.DiscardHandler)); err != nil || !c.Events.SchemaComments {
			t.Errorf("MySQL's connector lost its comments: %v", err)
		}
	}
}

func TestMariaDBSSLModes(t *testing.T) {
	for mode, want := range map[string]string{"": "disabled", "disable": "disabled", "TRUST": "required", "verify-ca": "verify_ca", "verify-full": "verify_identity"} {
		config := mariadbExample()
		if mode != "" {
			config["database.ssl.mode"] = mode
		}
		c, err := mariadbProduct().parse(config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if c.Server.SSLMode != want {
			t.Errorf("%q became %q, want %q", mode, c.Server.SSLMode, want)
		}
	}
	config := mariadbExample()
	config["database.ssl.mode"] = "verify_ca"
	if v := mariadbProduct().validate(config).Get("database.ssl.mode"); len(v.Errors) != 1 {
		t.Errorf("MySQL's name of a mode gave the errors %q", v.Errors)
	}
}

// The properties that a connector lacks leave no gap in their group's order.
func TestMariaDBKeys(t *testing.T) {
	next := map[string]int{}
	for _, k := range mariadbProduct().keys() {
		next[k.Group]++
		if k.Order != next[k.Group] {
			t.Errorf("%s has order %d in group %s, want %d", k.Name, k.Order, k.Group, next[k.Group])
		}
		if k.Group == "MySQL" || k.Name == "database.jdbc.driver" {
			t.Errorf("%s in group %s is none of MariaDB's", k.Name, k.Group)
		}
	}
	if mysqlKeys := mysqlProduct().keys(); len(mysqlKeys) != len(mariadbProduct().keys())+8 || *find(mysqlKeys, "database.ssl.mode").Default != "preferred" {
		t.Error("MySQL's properties have changed with MariaDB's")
	}
}

func find(keys []configdef.Key, name string) configdef.Key {
	return keys[slices.IndexFunc(keys, func(k configdef.Key) bool { return k.Name == name })]
}
