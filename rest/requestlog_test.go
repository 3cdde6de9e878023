package rest

import (
	"net/url"
	"testing"
)

// Parameters that no resource has may hold anything: their values stay out of the log.
func TestShownURI(t *testing.T) {
	for given, want := range map[string]string{
		"/connectors":                                   "/connectors",
		"/connectors?expand=info&expand=status":         "/connectors?expand=info&expand=status",
		"/connectors?access_token=S&expand=info":        "/connectors?access_token=[hidden]&expand=info",
		"/connectors/a%20b/restart?includeTasks=true&S": "/connectors/a%20b/restart?includeTasks=true&S",
		"/x?password=S=S&token=":                        "/x?password=[hidden]&token=[hidden]",
		"http://ann:S@host/x?forward=true":              "/x?forward=true",
	} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := shownURI(u); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}
