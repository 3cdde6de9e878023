package rds_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/mysql/rds"
	"github.com/millrace/millrace/storage/kafka/iamtest"
)

func keys(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
}

// A token is what a database of the region accepts for this user, and nothing else.
func TestTokensAreAccepted(t *testing.T) {
	keys(t)
	for name, c := range map[string]struct {
		cfg         rds.Config
		environment string
		region      string
	}{
		"instance":    {cfg: rds.Config{Host: "db.c9akciq32.eu-west-1.rds.amazonaws.com"}, region: "eu-west-1"},
		"cluster":     {cfg: rds.Config{Host: "shop.cluster-c9akciq32.us-east-2.rds.amazonaws.com", Port: 3307}, region: "us-east-2"},
		"proxy":       {cfg: rds.Config{Host: "p.proxy-c9akciq32.ap-south-1.rds.amazonaws.com."}, region: "ap-south-1"},
		"china":       {cfg: rds.Config{Host: "db.c9.cn-north-1.rds.amazonaws.com.cn"}, environment: "eu-west-3", region: "cn-north-1"},
		"named":       {cfg: rds.Config{Host: "db.c9.eu-west-1.rds.amazonaws.com", Region: "eu-west-2"}, region: "eu-west-2"},
		"environment": {cfg: rds.Config{Host: "db.example.com"}, environment: "eu-west-3", region: "eu-west-3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_REGION", c.environment)
			c.cfg.User = "ann + bob"
			tokens, err := rds.New(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			token, err := tokens.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			port := 3306
			if c.cfg.Port > 0 {
				port = c.cfg.Port
			}
			good := iamtest.RDS{Endpoint: net.JoinHostPort(c.cfg.Host, strconv.Itoa(port)), Region: c.region, Keys: map[string]string{"AKID": "secret"}}
			if err := good.Verify("ann + bob", token); err != nil {
				t.Error(err)
			}
			if err := good.Verify("eve", token); err == nil {
				t.Error("it is accepted for another user")
			}
			for what, change := range map[string]func(*iamtest.RDS){
				"another host":   func(r *iamtest.RDS) { r.Endpoint = "other:3306" },
				"another region": func(r *iamtest.RDS) { r.Region = "sa-east-1" },
				"another secret": func(r *iamtest.RDS) { r.Keys = map[string]string{"AKID": "other"} },
				"an unknown key": func(r *iamtest.RDS) { r.Keys = nil },
				"a later hour":   func(r *iamtest.RDS) { r.Now = func() time.Time { return time.Now().Add(16 * time.Minute) } },
				"an hour before": func(r *iamtest.RDS) { r.Now = func() time.Time { return time.Now().Add(-time.Hour) } },
			} {
				bad := good
				change(&bad)
				if bad.Verify("ann + bob", token) == nil {
					t.Errorf("it is accepted for %s", what)
				}
			}
		})
	}
}

func TestRegionUnknown(t *testing.T) {
	keys(t)
	_, err := rds.New(rds.Config{Host: "db.example.com", User: "u"})
	if err == nil || !strings.HasPrefix(err.Error(), "database.iam.region: ") || !strings.Contains(err.Error(), "db.example.com") {
		t.Error(err)
	}
}
