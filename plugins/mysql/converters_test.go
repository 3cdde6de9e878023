package mysql

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
)

func parsedEvents(t *testing.T, more map[string]string) (event.Config, error) {
	t.Helper()
	config := example1x()
	for k, v := range more {
		config[k] = v
	}
	c, err := mysqlProduct().parse(config, slog.New(slog.DiscardHandler))
	if err != nil {
		return event.Config{}, err
	}
	return c.eventConfig(nil, position.MySQL, 0, "run", slog.New(slog.DiscardHandler))
}

// TestConverters checks that the property converters is not ignored.
func TestConverters(t *testing.T) {
	e, err := parsedEvents(t, map[string]string{
		"converters": "boolean", "boolean.type": "io.debezium.connector.binlog.converters.TinyIntOneToBooleanConverter", "boolean.selector": ".*",
	})
	if err != nil || len(e.Value.Custom) != 1 {
		t.Errorf("%d converters, %v", len(e.Value.Custom), err)
	}
	for want, more := range map[string]map[string]string{
		"mine.type: there is no converter": {"converters": "mine", "mine.type": "com.example.Mine"},
		"mine.type":                        {"converters": "mine"},
	} {
		if _, err := parsedEvents(t, more); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", more, err, want)
		}
	}
}

// TestNamesOfGeneration1 checks that a configuration of 1.x gets the schema names of 1.x.
func TestNamesOfGeneration1(t *testing.T) {
	e, err := parsedEvents(t, nil)
	if err != nil || e.SchemaNames != event.AdjustAvro1 {
		t.Errorf("adjustment %v, %v", e.SchemaNames, err)
	}
	e, err = parsedEvents(t, map[string]string{"topic.naming.strategy": "io.debezium.schema.DefaultRegexTopicNamingStrategy", "topic.regex": "a", "topic.replacement": "b"})
	if err != nil || e.Topics.Regex != "a" || e.Topics.Replacement != "b" || !e.Topics.KeyUnique || e.Topics.KeyField != "__dbz__physicalTableIdentifier" {
		t.Errorf("topics %+v, %v", e.Topics, err)
	}
}
