package mysql

import (
	"encoding/json"
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
