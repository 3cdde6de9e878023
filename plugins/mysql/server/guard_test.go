package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/server/servertest"
)

// answerOK answers every command.
func answerOK(c *servertest.Conn) {
	for {
		if _, _, err := c.Command(); err != nil || c.OK() != nil {
			return
		}
	}
}

// askFor starts a server that asks for passwords in clear text, and remembers them.
func askFor(t *testing.T, secure bool) (*servertest.Server, *[]string) {
	t.Helper()
	got := new([]string)
	cfg := servertest.Config{Serve: answerOK, Password: func(user, password string) *servertest.Refusal {
		*got = append(*got, user+" "+password)
		return nil
	}}
	if secure {
		cfg.TLS = selfSigned(t, "localhost").server
	}
	return servertest.Start(t, cfg), got
}

// No server gets a password to read over a connection without TLS.
func TestPasswordsAreNotSentInClearText(t *testing.T) {
	for _, mode := range []TLSMode{TLSDisabled, TLSPreferred} {
		s, got := askFor(t, false)
		_, err := Connect(t.Context(), Config{Host: "127.0.0.1", Port: s.Port(), User: "u", Password: "hunter2", TLSMode: mode})
		if KindOf(err) != KindTLSRequired || !strings.Contains(err.Error(), "set database.ssl.mode to required") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", mode, err)
		}
		s.Close()
		if len(*got) != 0 {
			t.Errorf("%s: the server got %q", mode, *got)
		}
	}
	s, got := askFor(t, true)
	c, err := Connect(t.Context(), Config{Host: "127.0.0.1", Port: s.Port(), User: "u", Password: "hunter2", TLSMode: TLSRequired})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.Close()
	if len(*got) != 1 || (*got)[0] != "u hunter2" {
		t.Errorf("over TLS the server got %q", *got)
	}
}

// Each connection gets a token of its own, over TLS or not at all.
func TestTokens(t *testing.T) {
	n := 0
	cfg := Config{Host: "127.0.0.1", User: "u", Password: "not used", Token: func(context.Context) (string, error) {
		n++
		return "token " + strconv.Itoa(n), nil
	}}
	s, got := askFor(t, true)
	cfg.Port = s.Port()
	for range 3 {
		c, err := Connect(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	s.Close()
	if want := "u token 1,u token 2,u token 3"; strings.Join(*got, ",") != want {
		t.Errorf("the server got %q", *got)
	}
	plain, got := askFor(t, false)
	cfg.Port = plain.Port()
	for mode, kind := range map[TLSMode]Kind{TLSPreferred: KindTLS, TLSRequired: KindTLS, TLSDisabled: KindTLSRequired} {
		cfg.TLSMode = mode
		if _, err := Connect(t.Context(), cfg); KindOf(err) != kind {
			t.Errorf("%s, without TLS: %v", mode, err)
		}
	}
	plain.Close()
	if len(*got) != 0 {
		t.Errorf("without TLS the server got %q", *got)
	}
	cfg.TLSMode, cfg.Token = TLSRequired, func(context.Context) (string, error) { return "", errors.New("no credentials") }
	if _, err := Connect(t.Context(), cfg); KindOf(err) != KindLogin || !strings.Contains(err.Error(), "database.iam.auth: no token") {
		t.Errorf("without credentials: %v", err)
	}
}
