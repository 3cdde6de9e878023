package registry

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

func source(class, version string) connect.Plugin {
	return connect.Plugin{
		Class: class, Version: version, Kind: connect.KindSource, Def: configdef.New(),
		NewConnector:  func() connect.Connector { return nil },
		NewSourceTask: func() connect.SourceTask { return nil },
	}
}

func converter(class string) connect.Plugin {
	return connect.Plugin{
		Class: class, Version: "1", Kind: connect.KindConverter, Def: configdef.New(),
		NewConverter: func(map[string]string, bool) (connect.Converter, error) { return nil, nil },
	}
}

func transform(class string) connect.Plugin {
	return connect.Plugin{
		Class: class, Version: "1", Kind: connect.KindTransformation, Def: configdef.New(),
		NewTransform: func(map[string]string, connect.PluginContext) (connect.Transform, error) { return nil, nil },
	}
}

func filled(t *testing.T) *Registry {
	t.Helper()
	r, err := New(
		source("org.apache.kafka.connect.file.FileStreamSourceConnector", "4.3.1"),
		source("io.debezium.connector.mysql.MySqlConnector", "3.6.1.Final"),
		source("io.debezium.connector.mysql.MySqlConnector", "3.6.1.Alpha2"),
		source("a.Twin", "1"), source("b.TwinConnector", "1"),
		converter("org.apache.kafka.connect.json.JsonConverter"),
		converter("org.apache.kafka.connect.converters.ByteArrayConverter"),
		converter("io.debezium.converters.ByteArrayConverter"),
		transform("org.apache.kafka.connect.transforms.Cast$Key"),
		transform("org.apache.kafka.connect.transforms.Cast$Value"),
		transform("org.apache.kafka.connect.transforms.HoistField$Value"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFind(t *testing.T) {
	r := filled(t)
	const mysql = "io.debezium.connector.mysql.MySqlConnector"
	connectors := []connect.Kind{connect.KindSource, connect.KindSink}
	tests := []struct {
		name, version string
		kinds         []connect.Kind
		class, err    string
		wantVersion   string
	}{
		{"org.apache.kafka.connect.file.FileStreamSourceConnector", Latest, connectors, "org.apache.kafka.connect.file.FileStreamSourceConnector", "", "4.3.1"},
		{"FileStreamSource", Latest, connectors, "org.apache.kafka.connect.file.FileStreamSourceConnector", "", "4.3.1"},
		{"FileStreamSourceConnector", "latest", connectors, "org.apache.kafka.connect.file.FileStreamSourceConnector", "", "4.3.1"},
		{"MySqlConnector", Latest, connectors, mysql, "", "3.6.1.Final"},
		{"MySql", "3.6.1.Alpha2", connectors, mysql, "", "3.6.1.Alpha2"},
		{"MySql", "[3.0,3.6.1)", connectors, mysql, "", "3.6.1.Alpha2"},
		{"MySql", "[4,)", connectors, "", "Plugin " + mysql + " not found that matches the version range [4,), available versions: [3.6.1.Alpha2, 3.6.1.Final]", ""},
		{"mysql.MySql", Latest, connectors, mysql, "", "3.6.1.Final"},
		{"Json", Latest, []connect.Kind{connect.KindConverter}, "org.apache.kafka.connect.json.JsonConverter", "", "1"},
		{"ByteArray", Latest, []connect.Kind{connect.KindConverter}, "", "Failed to find any class that implements Converter and which name matches ByteArray, available plugins are: io.debezium", ""},
		{"Value", Latest, nil, "", "Failed to find any class that implements a plugin and which name matches Value", ""},
		{"Nope", Latest, connectors, "", "Failed to find any class that implements Connector and which name matches Nope, available connectors are: a.Twin, b.TwinConnector, io.debezium.connector.mysql.MySqlConnector, org.apache", ""},
		{"Json", Latest, connectors, "", "Failed to find any class that implements Connector", ""},
	}
	for _, tt := range tests {
		p, err := r.FindVersion(tt.name, tt.version, tt.kinds...)
		switch {
		case tt.err != "":
			if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("FindVersion(%q, %q): error %v, want %s", tt.name, tt.version, err, tt.err)
			}
		case err != nil:
			t.Errorf("FindVersion(%q, %q): %v", tt.name, tt.version, err)
		case p.Class != tt.class || p.Version != tt.wantVersion:
			t.Errorf("FindVersion(%q, %q) = %s %s", tt.name, tt.version, p.Class, p.Version)
		}
	}
}

func TestAmbiguousConnector(t *testing.T) {
	r, err := New(source("a.Twin", "1"), source("b.Twin", "1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Connector(map[string]string{"connector.class": "Twin"})
	if err == nil || !strings.HasPrefix(err.Error(), "More than one connector matches alias Twin.") {
		t.Errorf("error %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	r := filled(t)
	if err := r.Add(source("a.Twin", "1")); err == nil {
		t.Error("a plugin was accepted twice")
	}
	bad := source("x.Y", "1")
	bad.NewSourceTask = nil
	if err := r.Add(bad); err == nil {
		t.Error("a source without tasks was accepted")
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"1-alpha", "1-beta2", "1.0-rc1", "1.0-SNAPSHOT", "1.0.Final", "1.0-sp1", "1.0.1", "1.2", "1.10", "2.0.0.Alpha1", "2.0.0.Beta1", "2"}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := CompareVersions(a, b); got != want {
				t.Errorf("CompareVersions(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
	for _, same := range [][2]string{{"1", "1.0.0"}, {"1.0", "1.0.Final"}, {"1.0.ga", "1"}, {"1.0-rc1", "1.0.CR1"}} {
		if CompareVersions(same[0], same[1]) != 0 {
			t.Errorf("%s and %s should be the same version", same[0], same[1])
		}
	}
}

func TestWanted(t *testing.T) {
	const key = "connector.plugin.version"
	for _, c := range []struct {
		config map[string]string
		want   string
	}{{nil, Latest}, {map[string]string{key: "1.0"}, "1.0"}, {map[string]string{key: ""}, ""}} {
		if got := Wanted(c.config, key); got != c.want {
			t.Errorf("%v: %q", c.config, got)
		}
	}
}
