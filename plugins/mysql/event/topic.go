package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// TopicConfig says how topics are named.
type TopicConfig struct {
	Strategy        string // topic.naming.strategy, "" for the default
	Prefix          string // topic.prefix
	Delimiter       string // topic.delimiter
	HeartbeatPrefix string // topic.heartbeat.prefix
	HeartbeatName   string // topic.heartbeat.name; "" for the prefix and topic.prefix
	Transaction     string // topic.transaction
	// The other properties belong to the strategies that route by a regular
	// expression: topic.regex, topic.replacement, topic.key.enforce.uniqueness,
	// topic.key.field.name, topic.key.field.regex and topic.key.field.replacement.
	Regex, Replacement       string
	KeyUnique                bool
	KeyField                 string
	KeyRegex, KeyReplacement string
}

// Topics names topics (AbstractTopicNamingStrategy and its subclasses).
type Topics struct {
	cfg TopicConfig
	// tableOnly leaves the database out: a MySQL table has no schema, which is
	// all that the strategies that begin with Schema look at.
	tableOnly bool
	unicode   bool
	route     *configdef.Regex
	keyRoute  *configdef.Regex
}

// strategies are the naming strategies that Debezium has, without their
// package. SchemaTopicNamingStrategy is what Debezium says its default is, but
// its MySQL connector behaves like DefaultTopicNamingStrategy when none is set.
func strategies() []string {
	return []string{
		"DefaultTopicNamingStrategy", "SchemaTopicNamingStrategy", "DefaultRegexTopicNamingStrategy", "SchemaRegexTopicNamingStrategy",
		"DefaultUnicodeTopicNamingStrategy", "SchemaUnicodeTopicNamingStrategy",
	}
}

const strategyPackage = "io.debezium.schema."

// maxTopicLength is Kafka's limit for the name of a topic.
const maxTopicLength = 249

// NewTopics checks the naming strategy. Errors name the property at fault.
func NewTopics(cfg TopicConfig) (*Topics, error) {
	t := &Topics{cfg: cfg}
	switch strings.TrimPrefix(cfg.Strategy, strategyPackage) {
	case "", "DefaultTopicNamingStrategy", "SchemaTopicNamingStrategy":
	case "DefaultUnicodeTopicNamingStrategy":
		t.unicode = true
	case "SchemaUnicodeTopicNamingStrategy":
		t.unicode, t.tableOnly = true, true
	case "DefaultRegexTopicNamingStrategy":
		return t, t.compile()
	case "SchemaRegexTopicNamingStrategy":
		t.tableOnly = true
		return t, t.compile()
	default:
		return nil, fmt.Errorf("topic.naming.strategy: unknown class %q; known are, in package %s: %s",
			cfg.Strategy, strategyPackage[:len(strategyPackage)-1], strings.Join(strategies(), ", "))
	}
	t.cfg.KeyUnique = false
	return t, nil
}

// compile reads the properties of routing by a regular expression.
func (t *Topics) compile() (err error) {
	if t.cfg.Regex == "" || t.cfg.Replacement == "" {
		return errors.New("topic.regex and topic.replacement are required by topic.naming.strategy " + t.cfg.Strategy)
	}
	if t.route, err = configdef.CompileRegex(t.cfg.Regex); err != nil {
		return fmt.Errorf("topic.regex: %w", err)
	}
	if strings.TrimSpace(t.cfg.KeyRegex) == "" {
		return nil
	}
	if t.cfg.KeyReplacement == "" {
		return errors.New("topic.key.field.replacement must be non-empty if topic.key.field.regex is set")
	}
	if t.keyRoute, err = configdef.CompileRegex(t.cfg.KeyRegex); err != nil {
		return fmt.Errorf("topic.key.field.regex: %w", err)
	}
	return nil
}

// Table is the topic for the changes of a table's rows.
func (t *Topics) Table(id table.ID) (string, error) {
	name := t.sanitize(t.origin(id))
	if t.route == nil || !t.route.Match(name) {
		return name, nil
	}
	routed, err := t.route.ReplaceFirst(name, t.cfg.Replacement)
	if err != nil {
		return "", fmt.Errorf("topic.replacement: %w", err)
	}
	if routed == "" {
		return name, nil
	}
	return routed, nil
}

// origin is the name of a table's topic before it is sanitized and routed.
func (t *Topics) origin(id table.ID) string {
	parts := []string{t.cfg.Prefix, id.Database, id.Name}
	if t.tableOnly {
		parts = []string{t.cfg.Prefix, id.Name}
	}
	return strings.Join(parts, t.cfg.Delimiter)
}

// keyField is the field that tells the tables of one topic apart in its keys,
// and its value for a table; "" where there is none.
func (t *Topics) keyField(id table.ID) (field, value string, err error) {
	if !t.cfg.KeyUnique {
		return "", "", nil
	}
	value = t.origin(id)
	if t.keyRoute != nil && t.keyRoute.Match(value) {
		if value, err = t.keyRoute.ReplaceFirst(value, t.cfg.KeyReplacement); err != nil {
			return "", "", fmt.Errorf("topic.key.field.replacement: %w", err)
		}
	}
	return t.cfg.KeyField, value, nil
}

// SchemaChanges is the topic for DDL statements.
func (t *Topics) SchemaChanges() string { return t.cfg.Prefix }

// Transactions is the topic for the begin and end of transactions.
func (t *Topics) Transactions() string { return t.cfg.Prefix + t.cfg.Delimiter + t.cfg.Transaction }

// Heartbeats is the topic for heartbeats.
func (t *Topics) Heartbeats() string {
	if t.cfg.HeartbeatName != "" {
		return t.cfg.HeartbeatName
	}
	return t.cfg.HeartbeatPrefix + t.cfg.Delimiter + t.cfg.Prefix
}

// sanitize replaces what Kafka does not allow in the name of a topic: by
// underscores, or by the code of each UTF-16 unit, the underscore's included.
func (t *Topics) sanitize(name string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(name)) {
		c := rune(unit)
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_' && !t.unicode:
			b.WriteRune(c)
		default:
			b.WriteString(t.replacement(unit))
		}
	}
	switch valid := b.String(); {
	case len(valid) > maxTopicLength:
		return valid[:maxTopicLength]
	case valid == ".", valid == "..":
		return strings.ReplaceAll(valid, ".", t.replacement('.'))
	default:
		return valid
	}
}

func (t *Topics) replacement(unit uint16) string {
	if t.unicode {
		return escapeUnit(unit)
	}
	return "_"
}
