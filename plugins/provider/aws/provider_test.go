package aws

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/provider/aws/awstest"
)

func open(t *testing.T, f *awstest.Fake, class string, params map[string]string) connect.ConfigProvider {
	t.Helper()
	config := map[string]string{"region": "eu-west-1", "endpoint": f.URL}
	maps.Copy(config, params)
	for _, p := range Plugins() {
		if p.Class == pkg+class {
			made, err := p.NewConfigProvider(config)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
	}
	t.Fatalf("there is no %s", class)
	return nil
}

// The provider of Amazon's examples for MSK Connect, as they set it up.
func TestProviderOfAmazonsExamples(t *testing.T) {
	f := awstest.Start(t)
	f.Secrets = map[string]string{"MySecret-1234": `{"dbusername":"u","dbpassword":"hunter2"}`, "team/a+b": `{"k":"v"}`, "raw": "hunter2"}
	provider := func(params map[string]string) connect.ConfigProvider {
		for _, p := range Plugins() {
			if p.Class == custenborderClass {
				params["endpoint"] = f.URL
				made, err := p.NewConfigProvider(params)
				if err != nil {
					t.Fatal(err)
				}
				return made
			}
		}
		t.Fatal("it is not there")
		return nil
	}
	for name, c := range map[string]struct {
		params map[string]string
		path   string
		keys   []string
		want   map[string]string
		ttl    time.Duration
		err    string
	}{
		"fields":             {map[string]string{"aws.region": "us-east-1"}, "MySecret-1234", []string{"dbusername", "dbpassword", "x"}, map[string]string{"dbusername": "u", "dbpassword": "hunter2"}, 0, ""},
		"a prefix and a ttl": {map[string]string{"aws.region": "us-east-1", "secret.prefix": "team/", "secret.ttl.ms": "60000"}, "a+b", []string{"k"}, map[string]string{"k": "v"}, time.Minute, ""},
		"keys of its own":    {map[string]string{"aws.region": "us-east-1", "aws.access.key": "AKIDTEST", "aws.secret.key": "hunter2"}, "team/a+b", nil, map[string]string{"k": "v"}, 0, ""},
		"a missing secret":   {map[string]string{"aws.region": "us-east-1"}, "gone", []string{"x"}, nil, 0, `there is no secret "gone"`},
		"no JSON":            {map[string]string{"aws.region": "us-east-1"}, "raw", []string{"x"}, nil, 0, "is not a JSON object"},
	} {
		if c.params["aws.access.key"] != "" {
			t.Setenv("AWS_ACCESS_KEY_ID", "of the environment")
		} else {
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
		}
		got, ttl, err := provider(c.params).Get(t.Context(), c.path, c.keys)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hunter2") || connect.ClassOf(err) != connect.ClassConfig {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || ttl != c.ttl || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v %v %v", name, got, ttl, err)
		}
	}
}

func TestSecretsAndParameters(t *testing.T) {
	f := awstest.Start(t)
	arn := "arn:aws:secretsmanager:eu-west-1:1:secret:/db/admin-x"
	f.Secrets = map[string]string{"db": `{"user":"u","password":"p w","port":3306,"tls":true,"none":null}`, arn: `{"k":"v"}`, "raw": "not { JSON", "nested": `{"a":{"b":"hush"}}`}
	f.Parameters = map[string]string{"/db/user": "ssm-u"}
	fail := map[string]string{"NotFoundStrategy": "fail"}
	for name, c := range map[string]struct {
		class, path string
		params      map[string]string
		keys        []string
		want        map[string]string
		ttl         time.Duration
		err         string
		errClass    connect.Class
	}{
		"fields":                  {class: "SecretsManagerConfigProvider", path: "db", keys: []string{"user", "password", "port", "tls"}, want: map[string]string{"user": "u", "password": "p w", "port": "3306", "tls": "true"}},
		"an encoded ARN":          {class: "SecretsManagerConfigProvider", path: "arn%3Aaws%3Asecretsmanager%3Aeu-west-1%3A1%3Asecret%3A%2Fdb%2Fadmin-x", keys: []string{"k"}, want: map[string]string{"k": "v"}},
		"the shortest ttl":        {class: "SecretsManagerConfigProvider", path: "db", keys: []string{"user?ttl=9000", "password?ttl=5000"}, want: map[string]string{"user?ttl=9000": "u", "password?ttl=5000": "p w"}, ttl: 5 * time.Second},
		"a bad ttl":               {class: "SecretsManagerConfigProvider", path: "db", keys: []string{"user?ttl=soon"}, err: `"soon", not a number of milliseconds`},
		"a ttl without end":       {class: "SecretsManagerConfigProvider", path: "db", keys: []string{"user?ttl=18446744073710"}, err: `"18446744073710", not a number of milliseconds`},
		"a whole secret":          {class: "SecretsManagerConfigProvider", keys: []string{"raw?ttl=1000"}, want: map[string]string{"raw?ttl=1000": "not { JSON"}, ttl: time.Second},
		"encoded":                 {class: "SecretsManagerConfigProvider", params: map[string]string{"RawSecretEncoding": "base64"}, keys: []string{"raw"}, want: map[string]string{"raw": "bm90IHsgSlNPTg=="}},
		"not JSON":                {class: "SecretsManagerConfigProvider", path: "raw", keys: []string{"x"}, err: `the secret "raw" is not a JSON object`, errClass: connect.ClassConfig},
		"nested":                  {class: "SecretsManagerConfigProvider", path: "nested", keys: []string{"a"}, err: "nested values are not supported", errClass: connect.ClassConfig},
		"a missing key":           {class: "SecretsManagerConfigProvider", path: "db", keys: []string{"none", "nobody"}, want: map[string]string{"none": "", "nobody": ""}},
		"a missing key fails":     {class: "SecretsManagerConfigProvider", params: fail, path: "db", keys: []string{"nobody"}, err: `no key "nobody" in the secret "db"`, errClass: connect.ClassConfig},
		"a missing secret":        {class: "SecretsManagerConfigProvider", path: "gone", keys: []string{"x"}, want: map[string]string{"x": ""}},
		"a missing secret fails":  {class: "SecretsManagerConfigProvider", params: fail, path: "gone", keys: []string{"x"}, err: `no secret "gone"`, errClass: connect.ClassConfig},
		"a parameter":             {class: "SsmParamStoreConfigProvider", keys: []string{"/db/user?ttl=3000"}, want: map[string]string{"/db/user?ttl=3000": "ssm-u"}, ttl: 3 * time.Second},
		"a missing parameter":     {class: "SsmParamStoreConfigProvider", keys: []string{"/x"}, want: map[string]string{"/x": ""}},
		"a missing one fails":     {class: "SsmParamStoreConfigProvider", params: fail, keys: []string{"/x"}, err: `no parameter "/x"`, errClass: connect.ClassConfig},
		"nothing is asked for":    {class: "SsmParamStoreConfigProvider", want: map[string]string{}},
		"not an object's address": {class: "S3ImportConfigProvider", keys: []string{"bucket-only"}, err: "it should be BUCKET/KEY", errClass: connect.ClassConfig},
		"a missing object":        {class: "S3ImportConfigProvider", params: map[string]string{"local_dir": t.TempDir()}, keys: []string{"b/none.jks"}, err: "reading s3://b/none.jks", errClass: connect.ClassConfig},
	} {
		t.Run(name, func(t *testing.T) {
			got, ttl, err := open(t, f, c.class, c.params).Get(t.Context(), c.path, c.keys)
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) || connect.ClassOf(err) != c.errClass {
					t.Errorf("got %v of class %q, want %q of class %q", err, connect.ClassOf(err), c.err, c.errClass)
				}
				if err != nil && (strings.Contains(err.Error(), "not { JSON") || strings.Contains(err.Error(), "hush")) {
					t.Errorf("the error shows the secret: %v", err)
				}
			case err != nil || !reflect.DeepEqual(got, c.want) || ttl != c.ttl:
				t.Errorf("got %v for %v, %v; want %v for %v", got, ttl, err, c.want, c.ttl)
			}
		})
	}
}

func TestImports(t *testing.T) {
	f := awstest.Start(t)
	f.Objects["certs/deep/trust.jks"] = "one"
	dir := t.TempDir()
	p := open(t, f, "S3ImportConfigProvider", map[string]string{"local_dir": dir})
	for range 2 { // the second time it is there already, whatever S3 holds by now
		got, ttl, err := p.Get(t.Context(), "us-west-2", []string{"certs/deep/trust.jks"})
		want := filepath.Join(dir, "trust.jks")
		if err != nil || ttl != 0 || got["certs/deep/trust.jks"] != want {
			t.Fatalf("got %v, %v, %v", got, ttl, err)
		}
		if text, err := os.ReadFile(want); err != nil || string(text) != "one" {
			t.Errorf("the copy holds %q, %v", text, err)
		}
		f.Change(func() { f.Objects["certs/deep/trust.jks"] = "two" })
	}
	if info, err := os.Stat(filepath.Join(dir, "trust.jks")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy is open to others: %v, %v", info.Mode(), err)
	}
}

func TestOutagesMayPass(t *testing.T) {
	f := awstest.Start(t)
	f.Broken = true
	_, _, err := open(t, f, "SecretsManagerConfigProvider", nil).Get(t.Context(), "db", []string{"x"})
	if connect.ClassOf(err) != connect.ClassRetriable {
		t.Errorf("%v is of class %q", err, connect.ClassOf(err))
	}
}

func TestWithoutARegion(t *testing.T) {
	f := awstest.Start(t)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	_, _, err := open(t, f, "SsmParamStoreConfigProvider", map[string]string{"region": ""}).Get(t.Context(), "", []string{"/x"})
	if err == nil || !strings.Contains(err.Error(), "region: no region is known") {
		t.Error(err)
	}
}
