package logging

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestRedacting(t *testing.T) {
	var out bytes.Buffer
	hide := func(s string) string { return strings.ReplaceAll(s, "secret", "[hidden]") }
	log := slog.New(Redacting{slog.NewTextHandler(&out, nil), hide}).With("with", "a secret").WithGroup("g")
	log.Info("the secret", "text", "secret", "error", errors.New("secret"), "list", []string{"secret"}, "number", 7, slog.Group("in", "x", "secret"))
	if text := out.String(); strings.Contains(text, "secret") || strings.Count(text, "[hidden]") != 6 || !strings.Contains(text, "g.number=7") {
		t.Error(text)
	}
}
