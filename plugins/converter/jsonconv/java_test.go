package jsonconv

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

// testdata/java.txt records what JsonConverter 4.3.1 on Jackson 2.21 makes of
// JSON that it parses and writes again: options, input and outcome, between
// tabs. Options: 1 or 0 for schemas.enable, n for NUMERIC decimals, r for
// replace.null.with.default off. Outcomes: "= bytes", "NULL", "! message",
// "!syntax" for an error of the JSON parser.
func TestRoundTripIsJavas(t *testing.T) {
	f, err := os.Open("testdata/java.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 3 {
			t.Fatalf("line %q has %d parts", lines.Text(), len(parts))
		}
		options, in, want := parts[0], parts[1], parts[2]
		c, err := New(Config{
			Schemas: options[0] == '1', CacheSize: 10,
			NumericDecimals: strings.Contains(options, "n"), ReplaceNull: !strings.Contains(options, "r"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := roundTrip(c, in); !sameOutcome(got, want) {
			t.Errorf("%s %s:\n got %s\nwant %s", options, in, got, want)
		}
	}
	if n < 80 {
		t.Errorf("only %d cases", n)
	}
}

func roundTrip(c *Converter, in string) string {
	schema, v, err := c.Parse(&data.Arena{}, "t", nil, []byte(in))
	if err == nil {
		var out []byte
		var null bool
		if out, null, err = c.Append(nil, "t", nil, schema, v); err == nil {
			if null {
				return "NULL"
			}
			return "= " + string(out)
		}
	}
	if strings.HasPrefix(err.Error(), "Converting byte[] to Kafka Connect data failed due to serialization error: ") {
		return "!syntax"
	}
	return "! " + err.Error()
}

// sameOutcome lets our errors say more than Java's.
func sameOutcome(got, want string) bool {
	return got == want || strings.HasPrefix(want, "! ") && strings.HasPrefix(got, want)
}
