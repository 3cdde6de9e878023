package kafka

import (
	"strings"
	"testing"
)

func TestFilesOfConnectors(t *testing.T) {
	const endpoint, jaas = ".sasl.oauthbearer.token.endpoint.url", ".sasl.jaas.config"
	strimzi := oauthLogin + ` oauth.access.token.location="/etc/shadow" oauth.ssl.truststore.location="/etc/ca.p12";`
	worker := Properties{"producer" + endpoint: "file:///run/token", "sasl.jaas.config": oauthLogin + ` oauth.access.token.location="/run/token";`}
	for name, c := range map[string]struct {
		config Properties
		opts   string
		wrong  string // the property; "" for none
	}{
		"a file":                     {Properties{"producer.override" + endpoint: "file:///etc/shadow"}, "", "producer.override" + endpoint},
		"in other letters":           {Properties{"admin.override" + endpoint: " FILE:/etc/shadow"}, "", "admin.override" + endpoint},
		"of a history":               {Properties{"schema.history.internal.consumer" + endpoint: "file:///etc/shadow"}, "", "schema.history.internal.consumer" + endpoint},
		"of Strimzi's login":         {Properties{"signal.consumer" + jaas: strimzi}, "", "signal.consumer" + jaas},
		"of an old history":          {Properties{"database.history.producer" + jaas: strimzi}, "-Dx=y", "database.history.producer" + jaas},
		"one that is allowed":        {Properties{"producer.override" + endpoint: "file:///etc/shadow"}, "-D" + allowedURLs + "=https://x,file:///etc/shadow", ""},
		"one that others are":        {Properties{"producer.override" + endpoint: "file:///etc/shadow"}, "-D" + allowedURLs + "=https://x", "producer.override" + endpoint},
		"of Strimzi's, allowed":      {Properties{"signal.consumer" + jaas: strimzi}, "-D" + allowedFiles + "=/etc/shadow", ""},
		"the worker's":               {Properties{"consumer.override" + endpoint: "file:///run/token"}, "", ""},
		"the worker's, of Strimzi's": {Properties{"consumer.override" + jaas: worker["sasl.jaas.config"]}, "", ""},
		"an end point":               {Properties{"producer.override" + endpoint: "https://idp/token"}, "", ""},
		"other properties":           {Properties{"producer.override.acks": "file:/x", "x" + jaas: plainLogin, "y" + jaas: "nonsense"}, "", ""},
	} {
		t.Setenv("KAFKA_OPTS", c.opts)
		found := StrangersFiles(worker, c.config)
		if len(found) == 0 && c.wrong == "" || len(found) == 1 && strings.HasPrefix(found[0].Error(), c.wrong+": names a file") {
			continue
		}
		t.Errorf("%s: %v, want one about %q", name, found, c.wrong)
	}
}

const plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hunter2";`

// Java's list of end points holds for all clients, once there is one.
func TestEndpointsThatAreAllowed(t *testing.T) {
	p := Properties{"sasl.mechanism": "OAUTHBEARER", "sasl.login.callback.handler.class": oauthHandler, tokenEndpoint: "https://idp/token", "sasl.jaas.config": oauthLogin + ` clientId="a" clientSecret="hunter2";`}
	for opts, allowed := range map[string]bool{"": true, "-D" + allowedURLs + "=https://idp/token": true, "-D" + allowedURLs + "=https://idp/other,https://x": false} {
		t.Setenv("KAFKA_OPTS", opts)
		_, err := saslConfig(t, p)
		if (err == nil) != allowed || err != nil && !strings.Contains(err.Error(), tokenEndpoint+": is none of the URLs") {
			t.Errorf("%s: %v", opts, err)
		}
	}
}
