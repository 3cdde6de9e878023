package mysql

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// The checks of this file are those of io.debezium.config.Field and of the
// configuration classes that use it, with their messages: users' tools and
// runbooks know them.

// check returns what is wrong with the value of a property, "" when nothing is.
// all gives the value or default of any property.
type check func(value string, set bool, all settings) string

// settings are the properties of a configuration with their defaults.
type settings struct {
	given    map[string]string
	defaults map[string]string
}

func (p *product) newSettings(config map[string]string) settings {
	return settings{given: config, defaults: p.declarations().defaults}
}

func (s settings) lookup(key string) (string, bool) {
	if v, ok := s.given[key]; ok {
		return v, true
	}
	v, ok := s.defaults[key]
	return v, ok
}

// validate checks every declared property of a configuration in today's names.
func (p *product) validate(config map[string]string) *configdef.Result {
	result := &configdef.Result{}
	all := p.newSettings(config)
	choices := p.choicesOf()
	checks, hidden := checks(choices), hiddenKeys()
	for _, key := range p.keys() {
		if key.Name == "internal."+legacyThreads && !p.absent[legacyThreads] {
			continue // listed by Debezium as an alias, and not validated
		}
		v := &configdef.Value{Name: key.Name, Visible: !hidden[key.Name]}
		value, set := all.lookup(key.Name)
		for _, c := range append(typeChecks(key.Type), checks[key.Name]...) {
			if problem := c(value, set, all); problem != "" {
				v.Errors = append(v.Errors, invalid(key.Name, problem))
			}
		}
		for _, choice := range choices[key.Name] {
			v.RecommendedValues = append(v.RecommendedValues, choice)
		}
		result.Add(v)
	}
	return result
}

func invalid(key, problem string) string {
	return fmt.Sprintf("The '%s' value is invalid: %s", key, problem)
}

// hiddenKeys are properties that Debezium marks as not visible to editors.
func hiddenKeys() map[string]bool {
	return map[string]bool{"schema.history.internal": true, "gtid.source.excludes": true}
}

// choices lists the values of enumerations in MySQL's connector, in the order in which Debezium
// recommends them and names them in errors.
func choices() map[string][]string {
	handling := []string{"warn", "fail", "ignore", "skip"}
	return map[string][]string{
		"database.ssl.mode":                           {"verify_identity", "disabled", "preferred", "required", "verify_ca"},
		"event.processing.failure.handling.mode":      handling,
		"event.deserialization.failure.handling.mode": handling,
		"inconsistent.schema.handling.mode":           handling,
		"incremental.snapshot.watermarking.strategy":  {"insert_delete", "insert_insert"},
		"guardrail.collections.limit.action":          {"warn", "fail"},
		"decimal.handling.mode":                       {"string", "double", "precise"},
		"snapshot.mode":                               {"always", "initial_only", "configuration_based", "when_needed", "initial", "custom", "no_data", "recovery"},
		"snapshot.query.mode":                         {"custom", "select_all"},
		"bigint.unsigned.handling.mode":               {"precise", "long"},
		"time.precision.mode":                         {"adaptive", "adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds", "connect"},
		"schema.name.adjustment.mode":                 {"none", "avro_unicode", "avro"},
		"snapshot.locking.mode":                       {"minimal", "minimal_percona", "custom", "none", "minimal_percona_no_table_locks", "extended"},
		"ddl.parser.type":                             {"default", "legacy"},
		"snapshot.tables.order.by.row.count":          {"disabled", "ascending", "descending"},
	}
}

// checks lists the checks of each property beyond that of its type, in
// Debezium's order; choices are the values of enumerations.
func checks(choices map[string][]string) map[string][]check {
	precision := oneOf(choices["time.precision.mode"])
	c := map[string][]check{
		"topic.prefix":              {required, topicName},
		"database.hostname":         {hostname, required},
		"database.port":             {integer},
		"database.user":             {required},
		"database.server.id":        {positive("long"), required},
		"max.queue.size":            {queueSize, largerThanBatch},
		"skipped.operations":        {skippedOperations},
		"column.exclude.list":       {notWith("column.include.list"), regexList},
		"table.exclude.list":        {notWith("table.include.list"), regexList},
		"database.exclude.list":     {notWith("database.include.list"), regexList},
		"message.key.columns":       {notEmpty, keyColumns},
		"snapshot.mode.custom.name": {customMode},
		"gtid.source.excludes":      {gtidExcludes},
		"signal.data.collection":    {oneSignalTable},
		"custom.metric.tags":        {listOfMap},
		"time.precision.mode":       {precision, precision, notAdaptive},
		"snapshot.locking.mode":     {lockingMode(choices["snapshot.locking.mode"]), oneOf(choices["snapshot.locking.mode"])},
		"snapshot.mode":             {orOld("never", oneOf(choices["snapshot.mode"]))},
		// Debezium checks these once for their type and once more.
		"errors.max.retries":       {integer},
		"connect.keep.alive":       {boolean},
		"tombstones.on.delete":     {boolean},
		"extended.headers.enabled": {boolean},
		"database.jdbc.driver":     {className},
		"table.include.list":       {regexList},
	}
	for name, valid := range choices {
		if _, own := c[name]; !own {
			c[name] = []check{oneOf(valid)}
		}
	}
	for kind, names := range map[string][]string{
		"integer": {"connect.timeout.ms", "connect.keep.alive.interval.ms", "max.batch.size", "poll.interval.ms", "snapshot.max.threads",
			"snapshot.max.threads.multiplier", "signal.poll.interval.ms"},
		"long": {"retriable.restart.connector.wait.ms", "connection.validation.timeout.ms", "executor.shutdown.timeout.ms"},
	} {
		for _, name := range names {
			c[name] = append(c[name], positive(kind))
		}
	}
	for kind, names := range map[string][]string{
		"An non-negative integer is expected": {"binlog.buffer.size", "snapshot.fetch.size", "incremental.snapshot.chunk.size", "query.fetch.size",
			"guardrail.collections.max", "heartbeat.interval.ms"},
		"A non-negative long value is expected": {"binlog.net.write.timeout", "binlog.net.read.timeout", "min.row.count.to.stream.results",
			"max.queue.size.in.bytes", "snapshot.delay.ms", "streaming.delay.ms"},
	} {
		for _, name := range names {
			c[name] = append(c[name], atLeast(0, kind))
		}
	}
	for _, name := range []string{"snapshot.include.collection.list", "table.include.list", "column.include.list", "database.include.list",
		"column.propagate.source.type", "datatype.propagate.source.type"} {
		c[name] = append(c[name], regexList)
	}
	for _, name := range []string{"openlineage.integration.job.tags", "openlineage.integration.job.owners"} {
		c[name] = append(c[name], listOfMap)
	}
	return c
}

func typeChecks(t configdef.Type) []check {
	switch t {
	case configdef.Boolean:
		return []check{boolean}
	case configdef.Int:
		return []check{integer}
	case configdef.Long:
		return []check{longInteger}
	case configdef.Class:
		return []check{className}
	}
	return nil
}

func required(value string, _ bool, _ settings) string {
	if strings.TrimSpace(value) == "" {
		return "A value is required"
	}
	return ""
}

func boolean(value string, set bool, _ settings) string {
	switch v := strings.TrimSpace(value); {
	case !set, strings.EqualFold(v, "true"), strings.EqualFold(v, "false"):
		return ""
	}
	return "Either 'true' or 'false' is expected"
}

func integer(value string, set bool, _ settings) string {
	if _, err := strconv.ParseInt(value, 10, 32); set && err != nil {
		return "An integer is expected"
	}
	return ""
}

func longInteger(value string, set bool, _ settings) string {
	if _, err := strconv.ParseInt(value, 10, 64); set && err != nil {
		return "A long value is expected"
	}
	return ""
}

var classNamePattern = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*(\.[\pL_$][\pL\pN_$]*)*$`)

func className(value string, set bool, _ settings) string {
	if set && !classNamePattern.MatchString(value) {
		return "A Java class name is expected"
	}
	return ""
}

func positive(kind string) check {
	most := int64(math.MaxInt64)
	if kind == "integer" {
		most = math.MaxInt32
	}
	return func(value string, set bool, _ settings) string {
		if n, err := strconv.ParseInt(value, 10, 64); set && (err != nil || n <= 0 || n > most) {
			return "A positive, non-zero " + kind + " value is expected"
		}
		return ""
	}
}

func atLeast(least int64, problem string) check {
	return func(value string, set bool, _ settings) string {
		if n, err := strconv.ParseInt(value, 10, 64); set && (err != nil || n < least) {
			return problem
		}
		return ""
	}
}

func oneOf(valid []string) check {
	return func(value string, set bool, _ settings) string {
		v := strings.ToLower(strings.TrimSpace(value))
		for _, choice := range valid {
			if set && v == choice {
				return ""
			}
		}
		return "Value must be one of " + strings.Join(valid, ", ")
	}
}

// notAdaptive refuses a mode that other Debezium connectors have.
func notAdaptive(value string, _ bool, _ settings) string {
	if value == "adaptive" {
		return "The 'adaptive' time.precision.mode is no longer supported"
	}
	return ""
}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.\-]+$`)

const nameProblem = " has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)"

func topicName(value string, set bool, _ settings) string {
	if set && !namePattern.MatchString(value) {
		return value + nameProblem
	}
	return ""
}

func hostname(value string, _ bool, _ settings) string {
	if strings.TrimSpace(value) != "" && !namePattern.MatchString(value) {
		return value + nameProblem
	}
	return ""
}

func queueSize(value string, _ bool, _ settings) string {
	if n, err := strconv.Atoi(value); err == nil && n <= 0 {
		return "A positive queue size is required"
	}
	return ""
}

func largerThanBatch(value string, _ bool, all settings) string {
	batch, _ := all.lookup("max.batch.size")
	b, errBatch := strconv.ParseInt(batch, 10, 32)
	n, err := strconv.ParseInt(value, 10, 32)
	if err == nil && errBatch == nil && n <= b {
		return "Must be larger than the maximum batch size"
	}
	return ""
}

func skippedOperations(value string, set bool, _ settings) string {
	if !set || value == "none" {
		return ""
	}
	none, some := false, false
	for op := range strings.SplitSeq(value, ",") {
		switch strings.TrimSpace(op) {
		case "none":
			none = true
		case "r", "c", "u", "d", "t":
			some = true
		default:
			return "Invalid operation"
		}
	}
	if none && some {
		return "'none' cannot be specified with other skipped operation types"
	}
	return ""
}

func notWith(include string) check {
	return func(value string, _ bool, all settings) string {
		if in, _ := all.lookup(include); in != "" && value != "" {
			return strconv.Quote(include) + " is already specified"
		}
		return ""
	}
}

func gtidExcludes(_ string, set bool, all settings) string {
	if _, includes := all.lookup("gtid.source.includes"); includes && set {
		return "Cannot specify GTID excludes when includes are provided."
	}
	return ""
}

var keyColumnsPattern = regexp.MustCompile(`^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$`)

func notEmpty(value string, set bool, _ settings) string {
	if set && value == "" {
		return "Must not be empty"
	}
	return ""
}

func keyColumns(value string, set bool, _ settings) string {
	for part := range strings.SplitSeq(strings.TrimRight(value, ";"), ";") {
		if set && !keyColumnsPattern.MatchString(part) {
			return part + " has an invalid format (expecting '" + keyColumnsPattern.String() + "')"
		}
	}
	return ""
}

// orOld lets a value of older releases pass that no longer is among the choices.
func orOld(old string, c check) check {
	return func(value string, set bool, all settings) string {
		if strings.EqualFold(strings.TrimSpace(value), old) {
			return ""
		}
		return c(value, set, all)
	}
}

// customMode asks for the class of a mode that is a class.
func customMode(value string, _ bool, all settings) string {
	if mode, _ := all.lookup("snapshot.mode"); strings.EqualFold(mode, "custom") && value == "" {
		return "snapshot.mode.custom.name cannot be empty when snapshot.mode 'custom' is defined"
	}
	return ""
}

func lockingMode(valid []string) check {
	listed := oneOf(valid)
	return func(value string, set bool, all settings) string {
		if listed(value, set, all) != "" {
			return "Must be a valid snapshot.locking.mode value"
		}
		return ""
	}
}

func oneSignalTable(value string, set bool, _ settings) string {
	if set && strings.Contains(value, ",") {
		return "For single task connector only one signal data collection is permitted."
	}
	return ""
}

func listOfMap(value string, _ bool, _ settings) string {
	if strings.TrimSpace(value) == "" {
		return ""
	}
	for pair := range strings.SplitSeq(value, ",") {
		if len(strings.Split(pair, "=")) != 2 {
			return "A equivalent-separated map of valid key/value pairs is expected, for example: k1=v1,k2=v2"
		}
	}
	return ""
}

func regexList(value string, set bool, _ settings) string {
	if !set {
		return ""
	}
	_, err := table.ParsePatterns(value)
	if err == nil {
		return ""
	}
	var pattern *table.PatternError
	if errors.As(err, &pattern) {
		err = pattern.Err
	}
	return "A comma-separated list of valid regular expressions is expected, but " + err.Error()
}
