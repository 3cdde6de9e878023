package debezium

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // not every machine that the program runs on has zone files

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func timezoneDef() *configdef.Def {
	rules := func(name, display, what string) configdef.Key {
		return configdef.Key{Name: name, Type: configdef.List, NullDefault: true, Importance: configdef.High, Order: 1,
			Width: configdef.WidthMedium, DisplayName: display,
			Doc: "Rules, separated by commas, for what is " + what + ": source:TABLE or topic:TOPIC for all its times, " +
				"with :FIELD after it for one of them, or NAME:FIELD where the name is that of a topic or a table."}
	}
	return configdef.New(
		configdef.Key{Name: "converted.timezone", Type: configdef.String, NullDefault: true, Importance: configdef.High, Order: 1,
			Width: configdef.WidthMedium, DisplayName: "Converted Timezone", Validate: required(false),
			Doc: "The time zone that times are converted to, as a name such as America/Los_Angeles or an offset such as +08:00."},
		rules("include.list", "Include List", "converted"),
		rules("exclude.list", "Exclude List", "left as it is"),
	)
}

// timezone is TimezoneConverter: times in the rows of events, and clocks in
// their source blocks where a rule names them, change to another time zone.
type timezone struct {
	closer
	pc      connect.PluginContext
	zone    *time.Location
	now     func() time.Time // for times of day, whose offset depends on the date
	include bool             // the rules say what to convert
	exclude bool             // the rules say what to leave
	// Fields by topic, by table, and by either; an empty list means all.
	topics, tables, either map[string][]string
}

// ruleList is what Debezium takes for a list of rules, written as Java prints a list.
var ruleList = regexp.MustCompile(`^\[(source|topic|[".\w\s_]+):([".\w\s_]+(?::[".\w\s_]+)?(?:,|]$))+$`)

func newTimezone(v *configdef.Values, pc connect.PluginContext) (connect.Transform, error) {
	t := &timezone{pc: pc, now: time.Now, topics: map[string][]string{}, tables: map[string][]string{}, either: map[string][]string{}}
	include, exclude := v.List("include.list"), v.List("exclude.list")
	t.include, t.exclude = len(include) > 0, len(exclude) > 0
	if t.include && t.exclude {
		return nil, &configdef.Error{Name: "exclude.list", Message: "Both include and exclude lists are specified. Please specify only one."}
	}
	for name, list := range map[string][]string{"include": include, "exclude": exclude} {
		if len(list) > 0 && !ruleList.MatchString("["+strings.Join(list, ", ")+"]") {
			return nil, &configdef.Error{Name: name + ".list", Message: "Invalid " + name + " list format. Please specify a list of rules in the format of " +
				`"source:<tablename>:<fieldnames>", "topic:<topicname>:<fieldnames>", "<matchname>:<fieldnames>"`}
		}
		t.addRules(list)
	}
	var err error
	if t.zone, err = parseZone(v.String("converted.timezone")); err != nil {
		return nil, &configdef.Error{Name: "converted.timezone", Message: "Invalid timezone format. Please specify either a geographic timezone " +
			"(e.g. America/Los_Angeles) or a UTC offset in the format of +/-hh:mm, (e.g. +08:00)."}
	}
	return t, nil
}

func parseZone(text string) (*time.Location, error) {
	for _, layout := range []string{"-07:00", "-07:00:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			_, offset := at.Zone()
			return time.FixedZone(text, offset), nil
		}
	}
	if text == "" || text == "Local" {
		return nil, errors.New("not a time zone")
	}
	return time.LoadLocation(text)
}

// addRules reads rules. One without source or topic is as the one before it.
func (t *timezone) addRules(rules []string) {
	into := t.either
	for _, rule := range rules {
		parts := strings.Split(rule, ":")
		if prefix := strings.ToLower(parts[0]); len(parts) > 1 && (prefix == "source" || prefix == "topic") {
			into = t.tables
			if prefix == "topic" {
				into = t.topics
			}
			parts = parts[1:]
		}
		fields := into[parts[0]]
		if len(parts) > 1 {
			fields = append(fields, parts[1])
		}
		into[parts[0]] = fields
	}
}

// match finds the rules for a record.
func (t *timezone) match(topic, table string) (fields []string, ok bool) {
	for _, try := range []struct {
		rules map[string][]string
		name  string
	}{{t.topics, topic}, {t.tables, table}, {t.either, topic}, {t.either, table}} {
		if fields, ok := try.rules[try.name]; ok {
			return fields, true
		}
	}
	return nil, false
}

// choice says which fields of a struct to convert.
type choice struct {
	fields []string
	all    bool
	except bool // all but fields
}

func (c choice) has(field string) bool {
	return c.all || slices.Contains(c.fields, field) != c.except
}

// Apply implements connect.Transform.
func (t *timezone) Apply(a *data.Arena, r *connect.Record) (bool, error) {
	if !isEnvelope(r) {
		return true, nil
	}
	event := r.Value.Struct()
	fields, matched := t.match(r.Topic, member(member(event, "source").Struct(), "table").Str())
	switch {
	case t.include && !matched, t.exclude && matched && len(fields) == 0:
		return true, nil
	case len(fields) == 0 || !matched:
		return true, t.convert(a, r, choice{all: true}, choice{all: true}, nil)
	}
	var before, after, source []string
	for _, f := range fields {
		part, name, ok := strings.Cut(f, ".")
		switch {
		case ok && part == "source":
			source = append(source, name)
		case ok && part == "before":
			before = append(before, name)
		case ok && part == "after":
			after = append(after, name)
		default:
			before, after = append(before, f), append(after, f)
		}
	}
	var inSource *choice
	if len(source) > 0 {
		inSource = &choice{fields: source, except: t.exclude}
	}
	return true, t.convert(a, r, choice{fields: before, except: t.exclude}, choice{fields: after, except: t.exclude}, inSource)
}

func (t *timezone) convert(a *data.Arena, r *connect.Record, before, after choice, source *choice) error {
	event := copyStruct(a, r.Value.Struct())
	for _, part := range []struct {
		name string
		c    *choice
	}{{"before", &before}, {"after", &after}, {"source", source}} {
		row := member(event, part.name).Struct()
		if row == nil || part.c == nil {
			continue
		}
		out := copyStruct(a, row)
		for i, f := range row.Schema().Fields() {
			if !part.c.has(f.Name) || part.name == "source" && clockUnits(f.Name) == 0 {
				continue
			}
			v := orDefault(row, i)
			if v.IsNull() {
				continue
			}
			converted, err := t.field(f, v, part.name == "source")
			if err != nil {
				return dataError("field %s.%s in a record of topic %s: %w", part.name, f.Name, r.Topic, err)
			}
			out.Set(i, converted)
		}
		event.Set(event.Schema().FieldIndex(part.name), data.StructOf(out))
	}
	r.Value = data.StructOf(event)
	return nil
}

func (t *timezone) field(f data.Field, v data.Value, inSource bool) (data.Value, error) {
	switch f.Schema.Name() {
	case "io.debezium.time.ZonedTimestamp":
		return t.zoned(v.Str())
	case "io.debezium.time.ZonedTime":
		return t.zonedTime(v.Str())
	case "io.debezium.time.MicroTimestamp":
		return data.Int64(t.local(v.Int(), 1_000_000)), nil
	case "io.debezium.time.NanoTimestamp":
		return data.Int64(t.local(v.Int(), 1_000_000_000)), nil
	case "io.debezium.time.Timestamp", data.TimestampName:
		return data.Int64(t.local(v.Int(), 1_000)), nil
	case "":
		if units := clockUnits(f.Name); inSource && units > 0 && v.Kind() == data.KindInt64 {
			_, offset := unixIn(v.Int(), units).In(t.zone).Zone()
			return data.Int64(v.Int() + int64(offset)*units), nil
		}
	case "io.debezium.time.Date", "io.debezium.time.MicroTime", "io.debezium.time.NanoTime", "io.debezium.time.Time", data.DateName, data.TimeName:
		t.pc.Log().Warn("Skipping conversion for unsupported logical type", "type", f.Schema.Name(), "field", f.Name)
	}
	return v, nil
}

func clockUnits(name string) int64 {
	switch name {
	case "ts_ms":
		return 1_000
	case "ts_us":
		return 1_000_000
	case "ts_ns":
		return 1_000_000_000
	}
	return 0
}

// unixIn is a time given in a number of units of which units make a second.
func unixIn(n, units int64) time.Time {
	sec, rest := n/units, n%units
	return time.Unix(sec, rest*(1_000_000_000/units)).UTC()
}

// local takes a time in UTC for one in the zone, and gives that in UTC.
func (t *timezone) local(n, units int64) int64 {
	return n - int64(t.offsetOfLocal(unixIn(n, units)))*units
}

// offsetOfLocal is the zone's offset when its clocks show what at shows.
func (t *timezone) offsetOfLocal(at time.Time) int {
	_, offset := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), t.zone).Zone()
	return offset
}

func (t *timezone) zoned(text string) (data.Value, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return data.Value{}, fmt.Errorf("not a zoned timestamp: %q", text)
	}
	at = at.In(time.FixedZone("", t.offsetOfLocal(at)))
	return data.String(at.Format(time.RFC3339Nano)), nil
}

func (t *timezone) zonedTime(text string) (data.Value, error) {
	const layout = "15:04:05.999999999Z07:00"
	at, err := time.Parse(layout, text)
	if err != nil {
		return data.Value{}, fmt.Errorf("not a zoned time: %q", text)
	}
	_, offset := t.now().In(t.zone).Zone()
	return data.String(at.In(time.FixedZone("", offset)).Format(layout)), nil
}
