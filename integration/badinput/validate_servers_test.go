//go:build servers

package badinput

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/integration/peer"
	"github.com/millrace/millrace/integration/rig"
)

// validationCase is a configuration that is refused, with the errors of its properties in Debezium's words. Where want
// has a text that ends in "...", the error begins with it.
type validationCase struct {
	user    string // "all" when empty
	changes map[string]string
	want    map[string][]string
}

func validationCases() map[string]validationCase {
	missing := func(keys ...string) (changes map[string]string, want map[string][]string) {
		changes, want = map[string]string{}, map[string][]string{}
		for _, k := range keys {
			changes[k], want[k] = "-", []string{invalid(k, "A value is required")}
		}
		return changes, want
	}
	absent, absentErrors := missing("database.hostname", "database.user", "database.server.id", "topic.prefix")
	const cannotConnect = "Error during connection validation: io.debezium.DebeziumException: Failed to establish connection with the database: "
	return map[string]validationCase{
		"missing keys": {changes: absent, want: absentErrors},
		"no topic of the history": {
			changes: map[string]string{"schema.history.internal.kafka.topic": "-"},
			want:    map[string][]string{"database.hostname": {"invalid connector configuration: schema.history.internal.kafka.topic..."}},
		},
		"no brokers of the history": {
			changes: map[string]string{"schema.history.internal.kafka.bootstrap.servers": "-"},
			want:    map[string][]string{"database.hostname": {"invalid connector configuration: schema.history.internal.kafka.bootstrap.servers..."}},
		},
		"wrong types": {
			changes: map[string]string{
				"database.port": "x", "max.batch.size": "1.5", "tombstones.on.delete": "maybe", "snapshot.mode": "sometimes",
				"table.include.list": "shop.[", "database.server.id": "minus",
			},
			want: map[string][]string{ // some of them twice, as Debezium says them
				"database.port":        {invalid("database.port", "An integer is expected"), invalid("database.port", "An integer is expected")},
				"max.batch.size":       {invalid("max.batch.size", "An integer is expected"), invalid("max.batch.size", "A positive, non-zero integer value is expected")},
				"tombstones.on.delete": {invalid("tombstones.on.delete", "Either 'true' or 'false' is expected"), invalid("tombstones.on.delete", "Either 'true' or 'false' is expected")},
				"snapshot.mode":        {invalid("snapshot.mode", "Value must be one of ...")},
				"table.include.list":   {invalid("table.include.list", "A comma-separated list of valid regular expressions is expected, but Unclosed character class near index 5..."), invalid("table.include.list", "A comma-separated list of valid regular expressions is expected, but Unclosed character class near index 5...")},
				"database.server.id":   {invalid("database.server.id", "A long value is expected"), invalid("database.server.id", "A positive, non-zero long value is expected")},
			},
		},
		"wrong password": {
			changes: map[string]string{"database.password": secret + "x"},
			want:    map[string][]string{"database.hostname": {"Unable to connect: Access denied for user 'all'@'..."}},
		},
		"no such user": {
			user: "nobody",
			want: map[string][]string{"database.hostname": {"Unable to connect: Access denied for user 'nobody'@'..."}},
		},
		"nothing listens": {
			changes: map[string]string{"database.port": "1"},
			want:    map[string][]string{"database.hostname": {cannotConnect}},
		},
		"unknown host": {
			changes: map[string]string{"database.hostname": "no-such-host.invalid"},
			want:    map[string][]string{"database.hostname": {cannotConnect}},
		},
	}
}

func invalid(key, why string) string { return "The '" + key + "' value is invalid: " + why }

// A configuration that cannot work is refused with the same errors by validation and by creation.
func TestInvalidConfigurations(t *testing.T) {
	db, b := rig.MySQL(t), newBed(t)
	shop(t, db)
	for name, c := range validationCases() {
		t.Run(name, func(t *testing.T) { b.checkInvalid(t, db, c) })
	}
	t.Run("no class", func(t *testing.T) {
		status, text := b.ask(t, http.MethodPost, "/connectors", map[string]any{"name": "n", "config": b.connector("n", db, "all", map[string]string{"connector.class": "-"})})
		if status != http.StatusBadRequest {
			t.Errorf("status %d", status)
		}
		wantTexts(t, text, "contains no connector type")
	})
	for path, ask := range map[string]func(config map[string]string) (int, string){
		"creation": func(c map[string]string) (int, string) {
			return b.ask(t, http.MethodPost, "/connectors", map[string]any{"name": "n", "config": c})
		},
		"validation": func(c map[string]string) (int, string) {
			return b.ask(t, http.MethodPut, "/connector-plugins/NopeConnector/config/validate", c)
		},
	} {
		t.Run("unknown class, "+path, func(t *testing.T) {
			status, text := ask(b.connector("n", db, "all", map[string]string{"connector.class": "NopeConnector"}))
			if status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
			wantTexts(t, text, "Failed to find any class that implements Connector and which name matches NopeConnector", "available connectors are: ", mysqlClass)
		})
	}
}

func (b *bed) checkInvalid(t *testing.T, db *peer.Database, c validationCase) {
	user := c.user
	if user == "" {
		user = "all"
	}
	config := b.connector("invalid", db, user, c.changes)
	status, text := b.ask(t, http.MethodPut, "/connector-plugins/MySqlConnector/config/validate", config)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	checkErrors(t, text, c.want)
	status, text = b.ask(t, http.MethodPost, "/connectors", map[string]any{"name": "invalid", "config": config})
	if status != http.StatusBadRequest {
		t.Errorf("creation: status %d: %s", status, text)
	}
	wantTexts(t, text, "Connector configuration is invalid and contains the following ")
	var answer struct{ Message string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	for _, messages := range c.want {
		for _, m := range messages {
			wantTexts(t, answer.Message, strings.TrimSuffix(m, "..."))
		}
	}
}

// checkErrors compares the errors of all properties in the answer of a validation.
func checkErrors(t *testing.T, text string, want map[string][]string) {
	t.Helper()
	var answer struct {
		ErrorCount int `json:"error_count"`
		Configs    []struct {
			Value struct {
				Name   string
				Errors []string
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	rest, count := maps.Clone(want), 0
	for _, c := range answer.Configs {
		v := c.Value
		if !slices.EqualFunc(v.Errors, want[v.Name], sameOrBegins) {
			t.Errorf("%s: errors %q; want %q", v.Name, v.Errors, want[v.Name])
		}
		count += len(v.Errors)
		delete(rest, v.Name)
	}
	if len(rest) > 0 {
		t.Errorf("the answer lacks the properties of %v", rest)
	}
	if answer.ErrorCount != count {
		t.Errorf("error_count is %d with %d errors", answer.ErrorCount, count)
	}
}

func sameOrBegins(got, want string) bool {
	if begin, ok := strings.CutSuffix(want, "..."); ok {
		return strings.HasPrefix(got, begin)
	}
	return got == want
}
