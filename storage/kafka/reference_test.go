package kafka

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateReference = flag.Bool("update", false, "write docs/kafka-clients.md anew")

const referenceHead = `# Properties of Kafka clients

A worker and its connectors hand their properties to Kafka clients under the names of Java's: those of the worker itself,
with the prefixes ` + "`producer.`, `consumer.` and `admin.`" + ` those of its connectors' clients, which a connector overrides with
` + "`producer.override.`, `consumer.override.` and `admin.override.`" + ` where the worker's policy allows it; and of the MySQL
connector ` + "`schema.history.internal.producer.`, `schema.history.internal.consumer.`, `signal.consumer.`" + ` and the names that
Debezium 1.x had for them. All properties of the producer, consumer and admin client of Kafka 4.3 are here. A property that
is used has Java's meaning and default, but for what is said. One that is refused stops the worker or fails the connector with the reason; one that is ignored
is told of in the log at level DEBUG.

For GSSAPI, krb5.conf is the file that ` + "`-Djava.security.krb5.conf` in `KAFKA_OPTS`" + ` names, that of ` + "`KRB5_CONFIG`" + `, or /etc/krb5.conf, with what it
includes; ` + "`-Djava.security.krb5.realm` and `-Djava.security.krb5.kdc`" + ` together win over it. The
login module is Java's Krb5LoginModule with ` + "`useKeyTab` or `useTicketCache`" + `, or with both. Key tabs, ticket caches and krb5.conf are
read anew whenever a ticket is asked for, so that nothing is to be restarted once they are put right.

OAUTHBEARER takes its tokens from an end point by client credentials, from a file, by IAM or, with the login of Strimzi's OAuth library,
by the options ` + "`oauth.*`" + ` of the login module: a token that is given (` + "`oauth.access.token`, or `.location`" + ` for a file), else an end point that is asked
by refresh token, user and password, client secret or client assertion. Where the module has none of them the environment is read
(` + "`OAUTH_CLIENT_ID`" + `). End points are not followed when they redirect. With ` + "`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=...`" + ` in ` + "`KAFKA_OPTS`" + ` no
other is asked, as in Java. A connector may not name a file for its token unless that list, ` + "`...allowed.files`" + ` or the worker's own properties do:
who may create connectors could have any file of the worker sent to a broker of theirs.

Clients without a trust store trust the one that ` + "`-Djavax.net.ssl.trustStore` and `-Djavax.net.ssl.trustStorePassword` in `KAFKA_OPTS`" + ` name, else the
authorities of the system.

This page is made from the code: ` + "`go test ./storage/kafka -run TestReference -update`" + `.

| property | producer | consumer | admin | here |
| --- | --- | --- | --- | --- |
`

func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		r := rules[name]
		what := "used"
		switch {
		case r.ignored != "":
			what = "ignored: " + r.ignored
		case r.refused != "":
			what = "refused: " + r.refused
		case r.differs != "":
			what = "used " + r.differs
			if first, _, _ := strings.Cut(r.differs, " "); !slices.Contains([]string{"by", "as", "with"}, first) {
				what = "used; " + r.differs
			}
		case name == iamMechanism:
			what = "not in Java: `OAUTHBEARER` serves `AWS_MSK_IAM` with tokens, where a broker offers no more"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, mark(r.roles&RoleProducer), mark(r.roles&RoleConsumer), mark(r.roles&RoleAdmin), what)
	}
	return b.String()
}

func mark(r Role) string {
	if r != 0 {
		return "✓"
	}
	return ""
}

// TestReference compares docs/kafka-clients.md with the rules.
func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "kafka-clients.md")
	if *updateReference {
		if err := os.WriteFile(path, []byte(reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != reference() {
		t.Errorf("%s is not what the rules say: run this test with -update", path)
	}
}
