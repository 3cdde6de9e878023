// Package logging gives each part of a worker a named logger whose level can be
// changed while it runs, as /admin/loggers does (KIP-495, KIP-976).
package logging

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Root is the name of the logger above all others.
const Root = "root"

// Levels of log4j, as the REST API names them, with slog's nearest.
var levelNames = [...]struct {
	name  string
	level slog.Level
}{
	{"OFF", slog.LevelError + 100},
	{"FATAL", slog.LevelError + 4},
	{"ERROR", slog.LevelError},
	{"WARN", slog.LevelWarn},
	{"INFO", slog.LevelInfo},
	{"DEBUG", slog.LevelDebug},
	{"TRACE", slog.LevelDebug - 4},
	{"ALL", slog.LevelDebug - 100},
}

// ParseLevel reads a level's name, in any case.
func ParseLevel(name string) (slog.Level, bool) {
	name = strings.TrimSpace(name)
	for _, l := range levelNames {
		if strings.EqualFold(l.name, name) {
			return l.level, true
		}
	}
	return 0, false
}

// LevelName is the REST API's name of a level.
func LevelName(level slog.Level) string {
	for _, l := range levelNames {
		if level >= l.level {
			return l.name
		}
	}
	return "ALL"
}

// Setting is the level of a logger and when it was last changed; the zero time
// for never.
type Setting struct {
	Level   slog.Level
	Changed time.Time
}

// Levels hands out named loggers and keeps their levels. It is safe for
// concurrent use. A logger without a level of its own has that of the nearest
// logger above it: a.b.c, a.b, a, root.
type Levels struct {
	handler slog.Handler
	now     func() time.Time

	mu     sync.RWMutex // guards the maps
	set    map[string]Setting
	active map[string]*slog.LevelVar // loggers handed out
}

// New makes Levels whose loggers write to handler; handler must not filter by
// level itself.
func New(handler slog.Handler, root slog.Level) *Levels {
	return &Levels{
		handler: handler, now: time.Now,
		set: map[string]Setting{Root: {Level: root}}, active: map[string]*slog.LevelVar{Root: levelVar(root)},
	}
}

func levelVar(level slog.Level) *slog.LevelVar {
	v := &slog.LevelVar{}
	v.Set(level)
	return v
}

// Logger returns the logger of a name, such as
// org.apache.kafka.connect.runtime.rest.
func (l *Levels) Logger(name string) *slog.Logger {
	return slog.New(&handler{Handler: l.handler, level: l.variable(name)}).With("logger", name)
}

func (l *Levels) variable(name string) *slog.LevelVar {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.active[name]
	if v == nil {
		v = levelVar(l.effective(name).Level)
		l.active[name] = v
	}
	return v
}

// effective is the setting that a logger has; the lock is held.
func (l *Levels) effective(name string) Setting {
	for n := name; ; {
		if s, ok := l.set[n]; ok {
			return s
		}
		dot := strings.LastIndexByte(n, '.')
		if dot < 0 {
			return l.set[Root]
		}
		n = n[:dot]
	}
}

// Get returns a logger's setting. ok is false for one that neither has a level
// nor was handed out.
func (l *Levels) Get(name string) (s Setting, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s, ok = l.set[name]; ok {
		return s, true
	}
	_, ok = l.active[name]
	return l.effective(name), ok
}

// All returns the settings of all loggers that were handed out or set.
func (l *Levels) All() map[string]Setting {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := maps.Clone(l.set)
	for name := range l.active {
		all[name] = l.effective(name)
	}
	return all
}

// Set sets the level of a logger and of all known ones below it, and returns
// the names of those it changed, in order: not of those that have the level
// already. For the root logger that is all (Loggers.setLevel).
func (l *Levels) Set(name string, level slog.Level) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := map[string]bool{name: true}
	for _, known := range [...]func(func(string) bool){maps.Keys(l.set), maps.Keys(l.active)} {
		for n := range known {
			if name == Root || strings.HasPrefix(n, name+".") {
				changed[n] = true
			}
		}
	}
	for n := range changed {
		if l.effective(n).Level == level {
			delete(changed, n)
		}
	}
	for n := range changed {
		l.set[n] = Setting{Level: level, Changed: l.now()}
		if v := l.active[n]; v != nil {
			v.Set(level)
		}
	}
	return slices.SortedFunc(maps.Keys(changed), cmp.Compare)
}

// handler filters by the level of its logger.
type handler struct {
	slog.Handler
	level *slog.LevelVar
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.level}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.level}
}
