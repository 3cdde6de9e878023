package mysql

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
)

// recordedValidation is what Kafka Connect with Debezium 3.6.1 answered.
type recordedValidation struct {
	Case string
	Body json.RawMessage
}

type recordedInfos struct {
	Configs []struct {
		Value *struct {
			Name              string
			RecommendedValues []string `json:"recommended_values"`
			Errors            []string
			Visible           bool
		}
	}
}

// TestValidateAsDebezium compares the outcome for each property with recorded
// answers of PUT /connector-plugins/MySqlConnector/config/validate.
func TestValidateAsDebezium(t *testing.T) {
	text, err := os.ReadFile("../../integration/oracle/rest/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []recordedValidation
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range recorded {
		request, ok := strings.CutPrefix(r.Case, "PUT /connector-plugins/MySqlConnector/config/validate ")
		if !ok {
			continue
		}
		seen++
		compareValidation(t, request, r.Body)
	}
	if seen < 3 {
		t.Fatalf("%d recorded validations", seen)
	}
}

func compareValidation(t *testing.T, request string, body json.RawMessage) {
	t.Helper()
	var config map[string]string
	var want recordedInfos
	if err := json.Unmarshal([]byte(request), &config); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	got := mysqlProduct().validate(maps.Clone(config))
	compared := 0
	for _, c := range want.Configs {
		if c.Value == nil {
			continue
		}
		g := got.Get(c.Value.Name)
		if g == nil {
			continue // a property that every connector has
		}
		compared++
		recommended := []string{}
		for _, v := range g.RecommendedValues {
			recommended = append(recommended, v.(string))
		}
		errs := append([]string{}, g.Errors...)
		wanted := []string{}
		for _, e := range c.Value.Errors {
			if !strings.HasPrefix(e, "Error during connection validation") {
				wanted = append(wanted, e)
			}
		}
		if !reflect.DeepEqual(errs, wanted) || !reflect.DeepEqual(recommended, c.Value.RecommendedValues) || g.Visible != c.Value.Visible {
			t.Errorf("%s:\n got %q %q %v\nwant %q %q %v", c.Value.Name, errs, recommended, g.Visible, wanted, c.Value.RecommendedValues, c.Value.Visible)
		}
	}
	if compared < 120 {
		t.Errorf("only %d properties compared", compared)
	}
}

// recordedErrors is what Debezium said of a configuration with changes.
type recordedErrors struct {
	Class   string
	Changes map[string]*string
	Status  int
	Errors  map[string][]string
}

func (r *recordedErrors) String() string {
	text, err := json.Marshal(r.Changes)
	return fmt.Sprintf("%s %s %v", r.Class, text, err)
}

// product is the connector that was asked.
func (r *recordedErrors) product() *product {
	if r.Class == "MariaDbConnector" {
		return mariadbProduct()
	}
	return mysqlProduct()
}

// config is a good configuration with the changes.
func (r *recordedErrors) config(host string, port int, kafka string) map[string]string {
	c := map[string]string{
		"name": "v", "connector.class": r.product().class, "tasks.max": "1", "topic.prefix": "p", "database.hostname": host,
		"database.port": fmt.Sprint(port), "database.user": "debezium", "database.password": "dbz", "database.server.id": "77",
		"schema.history.internal.kafka.topic": "h", "schema.history.internal.kafka.bootstrap.servers": kafka,
	}
	for name, v := range r.Changes {
		delete(c, name)
		if v != nil {
			c[name] = *v
		}
	}
	return c
}

func readRecordedErrors(t *testing.T) []recordedErrors {
	t.Helper()
	text, err := os.ReadFile("../../integration/oracle/rest/validate.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedErrors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 250 {
		t.Fatalf("only %d recorded answers", len(all))
	}
	return all
}

// ofConnection says whether the errors come from the check of the connection.
func (r *recordedErrors) ofConnection() bool {
	for _, e := range r.Errors["database.hostname"] {
		if strings.Contains(e, "connect") {
			return true
		}
	}
	return false
}

// TestErrorsAreDebeziums compares the errors of configurations that cannot work. Names of older releases are taken.
func TestErrorsAreDebeziums(t *testing.T) {
	for _, r := range readRecordedErrors(t) {
		if v := r.Changes["snapshot.mode"]; r.Status != 0 || r.ofConnection() || v != nil && *v == "schema_only" {
			continue
		}
		result := r.product().validate(modernise(r.config("db", 3306, "kafka:9092"), slog.New(slog.DiscardHandler)))
		got := map[string][]string{}
		for _, v := range result.Values {
			if len(v.Errors) > 0 {
				got[v.Name] = v.Errors
			}
		}
		for name := range r.Errors {
			if result.Get(name) == nil {
				delete(r.Errors, name) // a property that every connector has
			}
		}
		if !reflect.DeepEqual(got, r.Errors) {
			t.Errorf("%s:\n got %q\nwant %q", &r, got, r.Errors)
		}
	}
}

// What Debezium's validation lets pass, or answers with an exception, and what the task would fail for is refused with the
// property's name.
func TestLateErrorsAreFoundEarly(t *testing.T) {
	for _, changes := range []map[string]string{
		{"binary.handling.mode": "x"}, {"field.name.adjustment.mode": "x"}, {"event.converting.failure.handling.mode": "x"},
		{"gtid.source.includes": "("}, {"converters": "a", "a.type": "no.Such"}, {"topic.naming.strategy": "no.Such"},
		{"schema.history.internal": "no.Such"}, {"column.mask.with.3.chars": "("}, {"column.truncate.to.x.chars": "a.b.c"},
		{"snapshot.select.statement.overrides": "a.b"}, {"database.query.timeout.ms": "-1"}, {"snapshot.mode": "custom", "snapshot.mode.custom.name": "no.Such"},
		{"column.mask.hash.NO-SUCH.with.salt.secret": "a.b.c"}, {"message.key.columns": "a.b:("},
	} {
		var r recordedErrors
		config := r.config("db", 3306, "kafka:9092")
		for name, v := range changes {
			config[name] = v
		}
		c := &connector{product: mysqlProduct()}
		var errs []string
		for _, v := range c.Validate(t.Context(), config).Values {
			errs = append(errs, v.Errors...)
		}
		text := strings.Join(errs, " ")
		named := false
		for name := range changes {
			named = named || strings.Contains(text, strings.TrimSuffix(name, ".NO-SUCH.with.salt.secret"))
		}
		if !named || strings.Contains(text, "secret") {
			t.Errorf("%v: errors %q", changes, errs)
		}
	}
}
