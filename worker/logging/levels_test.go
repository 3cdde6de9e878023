package logging

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func newLevels(out *bytes.Buffer) *Levels {
	return New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug - 200}), slog.LevelInfo)
}

func TestLevelsApplyBelow(t *testing.T) {
	var out bytes.Buffer
	l := newLevels(&out)
	rest, other := l.Logger("a.rest"), l.Logger("b")
	rest.Debug("hidden")
	if changed := l.Set("a", slog.LevelDebug); !slices.Equal(changed, []string{"a", "a.rest"}) {
		t.Errorf("changed %v", changed)
	}
	rest.With("k", 1).Debug("seen")
	other.Debug("hidden")
	l.Logger("a.later").Debug("seen too")
	if s := out.String(); strings.Contains(s, "hidden") || strings.Count(s, "seen") != 2 {
		t.Errorf("log:\n%s", s)
	}
}

func TestGetAndAll(t *testing.T) {
	l := newLevels(&bytes.Buffer{})
	l.Logger("x.y")
	if _, ok := l.Get("nobody"); ok {
		t.Error("an unknown logger has a level")
	}
	if s, ok := l.Get("x.y"); !ok || s.Level != slog.LevelInfo || !s.Changed.IsZero() {
		t.Errorf("x.y: %v %v", s, ok)
	}
	l.Set(Root, slog.LevelWarn)
	for name, s := range l.All() {
		if s.Level != slog.LevelWarn || s.Changed.IsZero() {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// What has the level already, of its own or from above, is not changed.
func TestSetWhatIsSet(t *testing.T) {
	l := newLevels(&bytes.Buffer{})
	l.Logger("a.b")
	for _, c := range []struct {
		logger  string
		level   slog.Level
		changed []string
	}{
		{"a", slog.LevelInfo, nil},
		{"a.b", slog.LevelDebug, []string{"a.b"}},
		{"a.b", slog.LevelDebug, nil},
		{"a", slog.LevelDebug, []string{"a"}},
		{"a", slog.LevelWarn, []string{"a", "a.b"}},
	} {
		if changed := l.Set(c.logger, c.level); !slices.Equal(changed, c.changed) {
			t.Errorf("%s set to %s changed %v, want %v", c.logger, c.level, changed, c.changed)
		}
	}
	if _, ok := l.Get("a.c"); ok {
		t.Error("a logger is made by asking")
	}
}

func TestLevelNames(t *testing.T) {
	for _, name := range []string{"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"} {
		level, ok := ParseLevel(strings.ToLower(name))
		if !ok || LevelName(level) != name {
			t.Errorf("%s: %v %v %s", name, level, ok, LevelName(level))
		}
	}
	if level, ok := ParseLevel(" debug\n"); !ok || level != slog.LevelDebug {
		t.Error("white space makes a level unknown")
	}
	if _, ok := ParseLevel("HIGH"); ok {
		t.Error("HIGH is no level")
	}
}
