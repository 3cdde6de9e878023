package settings

import (
	"fmt"
	"strings"
	"testing"
)

func TestGossipIsOffUnlessAsked(t *testing.T) {
	d, err := ReadDistributed(minimal())
	if err != nil || d.Gossip.On || d.Gossip.Bind != "0.0.0.0:7946" {
		t.Errorf("%+v, %v", d.Gossip, err)
	}
	d, err = ReadDistributed(minimal("gossip.join", "a:7946, b:7946", "gossip.secret", "plain to see"))
	if err != nil || !d.Gossip.On || len(d.Gossip.Join) != 2 || d.Gossip.Secret.Reveal() != "plain to see" {
		t.Errorf("%+v, %v", d.Gossip, err)
	}
	if text := fmt.Sprintf("%+v %v", d.Gossip, d.Gossip.Secret); strings.Contains(text, "plain to see") {
		t.Errorf("the secret shows: %s", text)
	}
}

func TestGossipMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, value, more, want string }{
		{"gossip.bnid", ":7946", "", "gossip.bnid is unknown"},
		{"gossip.secret", "x", "gossip.secret.file", "exclude each other"},
	} {
		p := minimal(c.name, c.value)
		if c.more != "" {
			p[c.more] = "/f"
		}
		if _, err := ReadDistributed(p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
