package herder_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/header"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/converter/text"
	"github.com/millrace/millrace/plugins/file"
	"github.com/millrace/millrace/plugins/policy"
	"github.com/millrace/millrace/plugins/predicate"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/plugins/transform"
	"github.com/millrace/millrace/worker/connconf"
)

var plain = herder.ResolverFunc(func(_ context.Context, c map[string]string) (map[string]string, time.Duration, error) {
	return maps.Clone(c), 0, nil
})

// workerProperties are those of the worker that validate.json was recorded with.
var workerProperties = map[string]string{
	"key.converter":   "org.apache.kafka.connect.json.JsonConverter",
	"value.converter": "org.apache.kafka.connect.json.JsonConverter",
}

func validator(t *testing.T) *herder.Validator {
	t.Helper()
	reg, err := registry.New(slices.Concat(file.Plugins(), transform.Plugins(), predicate.Plugins(), jsonconv.Plugins(), text.Plugins(), header.Plugins())...)
	if err != nil {
		t.Fatal(err)
	}
	return &herder.Validator{
		Registry: reg, Definitions: &connconf.Definitions{Registry: reg, TopicCreation: true, Worker: workerProperties}, Resolver: plain, Policy: policy.All(),
		Timeout: time.Minute, GroupID: "connect-cluster", Distributed: true,
	}
}

// answer is what validate.json holds of an answer of Java Connect 4.3.1.
type answer struct {
	Config     map[string]string   `json:"config"`
	Name       string              `json:"name"`
	ErrorCount int                 `json:"error_count"`
	Groups     []string            `json:"groups"`
	Names      []string            `json:"names"`
	Errors     map[string][]string `json:"errors"`
	Values     map[string]*string  `json:"values"`
	// Definitions and Visible are there for some.
	Definitions []herder.ConfigKeyInfo `json:"definitions"`
	Visible     []bool                 `json:"visible"`
}

func TestValidateAsJava(t *testing.T) {
	b, err := os.ReadFile("testdata/validate.json")
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	if err := json.Unmarshal(b, &answers); err != nil {
		t.Fatal(err)
	}
	for _, want := range answers {
		got, err := validator(t).Validate(t.Context(), want.Config, nil)
		if err != nil {
			t.Errorf("%v: %v", want.Config, err)
			continue
		}
		names, errors, values := summary(got)
		if got.Name != want.Name || got.ErrorCount != want.ErrorCount || !slices.Equal(got.Groups, want.Groups) {
			t.Errorf("%v:\ngot  %s %d %q\nwant %s %d %q", want.Config, got.Name, got.ErrorCount, got.Groups, want.Name, want.ErrorCount, want.Groups)
		}
		if !slices.Equal(names, want.Names) {
			t.Errorf("%v:\ngot  %v\nwant %v", want.Config, names, want.Names)
		}
		if !reflect.DeepEqual(errors, want.Errors) {
			t.Errorf("%v:\ngot  %q\nwant %q", want.Config, errors, want.Errors)
		}
		compareDefinitions(t, got, want)
		for k, v := range want.Values {
			if !reflect.DeepEqual(values[k], v) {
				t.Errorf("%v: %s is %q, want %q", want.Config, k, deref(values[k]), deref(v))
			}
		}
	}
}

func compareDefinitions(t *testing.T, got herder.ConfigInfos, want answer) {
	t.Helper()
	for i := range want.Definitions {
		if i >= len(got.Configs) {
			t.Fatalf("%v: only %d definitions", want.Config, i)
		}
		d, w := got.Configs[i].Definition, want.Definitions[i]
		if strings.HasPrefix(w.Name, "transforms.") && d != nil {
			w.Documentation = d.Documentation // the transform's own words
		}
		if d == nil || !reflect.DeepEqual(*d, w) {
			t.Errorf("%v:\ngot  %+v\nwant %+v", want.Config, d, w)
		}
		if v := got.Configs[i].Value; v == nil || v.Visible != want.Visible[i] {
			t.Errorf("%v: %s is visible: %t", want.Config, w.Name, !want.Visible[i])
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func summary(infos herder.ConfigInfos) (names []string, errors map[string][]string, values map[string]*string) {
	errors, values = map[string][]string{}, map[string]*string{}
	for _, c := range infos.Configs {
		name := ""
		if c.Definition != nil {
			name = c.Definition.Name
		}
		if c.Value != nil {
			name = c.Value.Name
			values[name] = c.Value.Value
			if len(c.Value.Errors) > 0 {
				errors[name] = c.Value.Errors
			}
		}
		names = append(names, name)
	}
	return names, errors, values
}

func TestValidateFurther(t *testing.T) {
	source := func(more ...string) map[string]string {
		c := map[string]string{"connector.class": "FileStreamSource", "name": "s", "topic": "x"}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	sink := func(name string, more ...string) map[string]string {
		c := map[string]string{"connector.class": "FileStreamSink", "name": name, "topics": "x", "file": "f"}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	for _, x := range []struct {
		what   string
		config map[string]string
		nulls  []string
		errors map[string][]string
	}{
		{"a null", source(), []string{"batch.size"}, map[string][]string{"batch.size": nil}},
		{"a sink in the workers' group", sink("cluster"), nil,
			map[string][]string{"name": {"Consumer group for sink connector named cluster conflicts with Connect worker group connect-cluster"}}},
		{"a sink told to be in the workers' group", sink("s", "consumer.override.group.id", "connect-cluster"), nil,
			map[string][]string{"consumer.override.group.id": {"Consumer group connect-cluster conflicts with Connect worker group connect-cluster"}}},
		{"a sink told to be in another group", sink("cluster", "consumer.override.group.id", "other"), nil, map[string][]string{}},
		{"boundaries by the connector", source("transaction.boundary", "connector"), nil,
			map[string][]string{"transaction.boundary": {"The connector does not support connector-defined transaction boundaries with the given configuration. " +
				"Please reconfigure it to use a different transaction boundary definition."}}},
		{"a version that is not there", source("connector.plugin.version", "9.9"), nil,
			map[string][]string{"connector.class": nil, "connector.plugin.version": nil}},
		{"a regular expression that is none", map[string]string{"connector.class": "FileStreamSink", "name": "s", "topics.regex": "["}, nil,
			map[string][]string{"topics.regex": {"Invalid value [ for configuration topics.regex: Invalid regex: Unclosed character class near index 0\n[\n^"}}},
		{"a topic without a name", sink("s", "topics", "a,,b"), nil, map[string][]string{"topics": {"Configuration 'topics' values must not be empty."}}},
		{"an offsets topic without a name", source("offsets.storage.topic", " "), nil,
			map[string][]string{"offsets.storage.topic": {"Invalid value  for configuration offsets.storage.topic: String must be non-empty"}}},
		{"a class with a part to choose", source("transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.InsertField"), nil,
			map[string][]string{"transforms.a.type": {"This class is abstract and cannot be created. Did you mean " +
				"org.apache.kafka.connect.transforms.InsertField$Key, org.apache.kafka.connect.transforms.InsertField$Value?"}}},
		{"a converter as a transform", source("transforms", "a", "transforms.a.type", "org.apache.kafka.connect.json.JsonConverter"), nil,
			map[string][]string{"transforms.a.type": {"Class class org.apache.kafka.connect.json.JsonConverter does not implement the Transformation interface"}}},
		{"a connector as a converter", source("value.converter", "org.apache.kafka.connect.file.FileStreamSinkConnector"), nil,
			map[string][]string{"value.converter": {"Class class org.apache.kafka.connect.file.FileStreamSinkConnector does not implement the Converter interface"}}},
		{"topics that cannot be created", source("topic.creation.default.replication.factor", "0", "topic.creation.default.partitions", "-2",
			"topic.creation.groups", "g", "topic.creation.g.include", "a,["), nil,
			map[string][]string{
				"topic.creation.default.replication.factor": {"Invalid value 0 for configuration topic.creation.default.replication.factor: " +
					"Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"},
				"topic.creation.default.partitions": {"Invalid value -2 for configuration topic.creation.default.partitions: Number of partitions must be positive, or -1 to use the broker's default"},
				"topic.creation.g.include":          {"Invalid value [a, [] for configuration topic.creation.g.include: Syntax error in regular expression: Unclosed character class near index 0\n[\n^"},
			}},
		{"a converter's own property", source("value.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.cache.size", "many"), nil,
			map[string][]string{"value.converter.schemas.cache.size": nil}},
	} {
		infos, err := validator(t).Validate(t.Context(), x.config, x.nulls)
		if err != nil {
			t.Errorf("%s: %v", x.what, err)
			continue
		}
		_, errors, _ := summary(infos)
		for k, want := range x.errors {
			if want == nil && len(errors[k]) > 0 {
				x.errors[k] = errors[k] // any text will do
			}
		}
		if !reflect.DeepEqual(errors, x.errors) {
			t.Errorf("%s: %q", x.what, errors)
		}
	}
}

func TestOverridesAreJudged(t *testing.T) {
	v := validator(t)
	v.Policy = policy.None()
	infos, err := v.Validate(t.Context(), map[string]string{
		"connector.class": "FileStreamSource", "name": "s", "topic": "x",
		"producer.override.acks": "1", "producer.override.sasl.jaas.config": "hunter2", "consumer.override.group.id": "unused",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, errors, values := summary(infos)
	if len(errors["producer.override.acks"]) != 1 || infos.ErrorCount != 2 || slices.Contains(names, "consumer.override.group.id") {
		t.Errorf("%d errors %q of %v", infos.ErrorCount, errors, names)
	}
	if s := deref(values["producer.override.sasl.jaas.config"]); strings.Contains(s, "hunter2") {
		t.Errorf("a secret is shown: %s", s)
	}
}

// Overrides are described as Java's clients describe their properties, and must be of their types.
func TestOverridesAreDescribed(t *testing.T) {
	infos, err := validator(t).Validate(t.Context(), map[string]string{
		"connector.class": "FileStreamSink", "name": "s", "topics": "x", "file": "f", "errors.deadletterqueue.topic.name": "q",
		"producer.override.linger.ms": "soon", "producer.override.acks": "1", "producer.override.no.such": "kept",
		"consumer.override.bootstrap.servers": " a:1 , b:2", "admin.override.retries": " 7 ", "admin.override.ssl.key.password": "hunter2",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, errors, values := summary(infos)
	wrong := map[string][]string{"producer.override.linger.ms": {"Invalid value soon for configuration linger.ms: Not a number of type LONG"}}
	if !reflect.DeepEqual(errors, wrong) || infos.ErrorCount != 1 {
		t.Errorf("%d errors %q", infos.ErrorCount, errors)
	}
	for name, want := range map[string]string{
		"producer.override.no.such": "kept", "consumer.override.bootstrap.servers": "a:1,b:2", "admin.override.retries": "7", "admin.override.ssl.key.password": "[hidden]",
	} {
		if got := deref(values[name]); got != want {
			t.Errorf("%s is shown as %s, want %s", name, got, want)
		}
	}
	for _, c := range infos.Configs {
		d := c.Definition
		switch c.Value.Name {
		case "producer.override.no.such":
			if d != nil {
				t.Errorf("what no client has is described: %+v", d)
			}
		case "producer.override.acks":
			if d == nil || d.Name != "producer.override.acks" || d.DisplayName != "acks" || d.Type != "STRING" || deref(d.DefaultValue) != "all" || d.OrderInGroup != -1 || d.Required {
				t.Errorf("%+v", d)
			}
		}
	}
	for client, least := range map[connect.ClientType]int{connect.ClientProducer: 100, connect.ClientConsumer: 100, connect.ClientAdmin: 80} {
		if n := len(validator(t).Definitions.Client(client).Keys()); n < least {
			t.Errorf("%s: %d properties are described", client, n)
		}
	}
}

// No answer shows what a config provider has given, in any of the forms that errors show values in.
func TestNoAnswerShowsWhatProvidersGive(t *testing.T) {
	given := map[string]string{"${p:short}": "1234", "${p:start}": "hunter", "${p:long}": "hunter22", "${p:lines}": "rhubarb\ncustard \"pie\""}
	v := validator(t)
	v.Resolver = herder.ResolverFunc(func(_ context.Context, c map[string]string) (map[string]string, time.Duration, error) {
		out := maps.Clone(c)
		for k, value := range c {
			if s, ok := given[value]; ok {
				out[k] = s
			}
		}
		return out, 0, nil
	})
	for range 20 { // the order of a map decides what is hidden first
		_, err := v.Validate(t.Context(), map[string]string{"pin": "${p:short}", "name": "${p:long}"}, nil)
		if err == nil || err.Error() != "Connector config {name=${p:long}, pin=${p:short}} contains no connector type" {
			t.Fatal(err)
		}
		infos, err := v.Validate(t.Context(), map[string]string{
			"name": "x", "connector.class": "FileStreamSource", "file": "${p:start}", "errors.retry.timeout": "${p:lines}", "topic": "t", "tasks.max": "${p:long}", "batch.size": "${p:start}",
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(infos)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"hunter", "22", "rhubarb", "custard"} {
			if strings.Contains(string(text), part) {
				t.Fatalf("%q is shown: %s", part, text)
			}
		}
	}
}

// Groups that are named twice, or as the default, are defined once; and a request of a megabyte does not keep the worker busy.
func TestManyAliases(t *testing.T) {
	var names []string
	config := map[string]string{
		"connector.class": "FileStreamSource", "name": "s", "topic": "t",
		"topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "1", "topic.creation.groups": "a,default,a", "topic.creation.a.include": "x",
	}
	for i := range 10_000 {
		name := fmt.Sprint("t", i)
		names = append(names, name)
		config["transforms."+name+".type"] = "org.apache.kafka.connect.transforms.Flatten$Key"
	}
	config["transforms"] = strings.Join(names, ",")
	infos, err := validator(t).Validate(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ := summary(infos)
	count := map[string]int{}
	for _, name := range got {
		count[name]++
	}
	for _, name := range []string{"topic.creation.a.include", "topic.creation.default.partitions", "transforms.t9999.type"} {
		if count[name] != 1 {
			t.Errorf("%s is defined %d times", name, count[name])
		}
	}
}

func TestUnusableConfigurations(t *testing.T) {
	for want, config := range map[string]map[string]string{
		"Failed to find any class that implements Connector and which name matches Nope": {"connector.class": "Nope"},
		"Connector config {x=y} contains no connector type":                              {"x": "y"},
	} {
		_, err := validator(t).Validate(t.Context(), config, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || herder.KindOf(err) != herder.BadRequest {
			t.Errorf("%v: %v", config, err)
		}
	}
}

// ownWay is a connector that validates by itself.
type ownWay struct {
	connect.Connector
	validate func(ctx context.Context) *configdef.Result
}

func (o ownWay) Validate(ctx context.Context, _ map[string]string) *configdef.Result {
	return o.validate(ctx)
}

// Whatever a connector does while it validates, the request is answered.
func TestConnectorsThatValidateBadly(t *testing.T) {
	for _, x := range []struct {
		name     string
		validate func(ctx context.Context) *configdef.Result
		kind     herder.Kind
		message  string
	}{
		{"takes an hour", func(context.Context) *configdef.Result { time.Sleep(time.Hour); return nil }, herder.Timeout, "Request timed out"},
		{"ends with the deadline", func(ctx context.Context) *configdef.Result { <-ctx.Done(); return nil }, herder.Timeout, "Request timed out"},
		{"fails", func(context.Context) *configdef.Result { panic("a mistake") }, herder.Internal, "a mistake"},
		{"says nothing", func(context.Context) *configdef.Result { return nil }, herder.Internal, "validated nothing"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg, err := registry.New(connect.Plugin{
					Class: "org.example.Own", Version: "1.0", Kind: connect.KindSource, Def: configdef.New(),
					NewConnector: func() connect.Connector { return ownWay{validate: x.validate} }, NewSourceTask: func() connect.SourceTask { return nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				v := &herder.Validator{Registry: reg, Definitions: &connconf.Definitions{Registry: reg, Worker: workerProperties}, Resolver: plain, Policy: policy.All(), Timeout: time.Minute}
				_, err = v.Validate(t.Context(), map[string]string{"connector.class": "org.example.Own", "name": "x"}, nil)
				if err == nil || herder.KindOf(err) != x.kind || !strings.Contains(err.Error(), x.message) {
					t.Errorf("%v", err)
				}
				time.Sleep(2 * time.Hour) // the connector's, too, comes to its end
			})
		})
	}
}

// A source connector's dead letter queue is described and checked where a configuration names one, and only there.
func TestDeadLetterQueueOfSources(t *testing.T) {
	const q = "errors.deadletterqueue."
	config := func(pairs ...string) map[string]string {
		c := map[string]string{"connector.class": "FileStreamSource", "name": "s", "topic": "x"}
		for i := 0; i < len(pairs); i += 2 {
			c[pairs[i]] = pairs[i+1]
		}
		return c
	}
	for _, c := range []struct {
		pairs []string
		want  map[string]string // part of the error of each property
	}{
		{nil, nil},
		{[]string{q + "topic.name", "dead"}, nil},
		{[]string{q + "topic.name", " dead ", q + "topic.replication.factor", "-1", q + "context.headers.enable", "true", "errors.tolerance", "all"}, nil},
		{[]string{q + "topic.name", ""}, nil},
		{[]string{q + "topic.name", "dead letters"}, map[string]string{q + "topic.name": "Illegal topic name: it may hold"}},
		{[]string{q + "topic.name", ".."}, map[string]string{q + "topic.name": "Illegal topic name"}},
		{[]string{q + "topic.name", strings.Repeat("d", 250)}, map[string]string{q + "topic.name": "249"}},
		{[]string{q + "topic.replication.factor", "0"}, map[string]string{q + "topic.replication.factor": "Replication factor must be positive"}},
		{[]string{q + "topic.replication.factor", "three"}, map[string]string{q + "topic.replication.factor": "Not a number of type SHORT"}},
		{[]string{q + "topic.replication.factor", "70000", q + "context.headers.enable", "perhaps"}, map[string]string{
			q + "topic.replication.factor": "Not a number of type SHORT", q + "context.headers.enable": "Expected value to be either true or false"}},
	} {
		infos, err := validator(t).Validate(t.Context(), config(c.pairs...), nil)
		if err != nil {
			t.Fatal(err)
		}
		names, errors, _ := summary(infos)
		described := slices.Contains(names, q+"topic.name") && slices.Contains(names, q+"topic.replication.factor") && slices.Contains(names, q+"context.headers.enable")
		if described != (c.pairs != nil) {
			t.Errorf("%v: the properties of the queue are shown: %t", c.pairs, described)
		}
		if infos.ErrorCount != len(c.want) {
			t.Errorf("%v: errors %q, want %q", c.pairs, errors, c.want)
		}
		for name, part := range c.want {
			if len(errors[name]) != 1 || !strings.Contains(errors[name][0], part) {
				t.Errorf("%v: %s has errors %q, want one with %q", c.pairs, name, errors[name], part)
			}
		}
	}
	v := validator(t)
	v.Policy = policy.None()
	infos, err := v.Validate(t.Context(), config(q+"topic.name", "dead", "admin.override.retries", "7"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, errors, _ := summary(infos); len(errors["admin.override.retries"]) != 1 {
		t.Errorf("the client that creates the queue may be overridden: %q", errors)
	}
}
