package logging

import (
	"context"
	"fmt"
	"log/slog"
)

// Redacting passes records on to a handler after all their texts went through a
// function that hides secrets.
type Redacting struct {
	slog.Handler
	Hide func(string) string
}

// Handle implements slog.Handler.
func (h Redacting) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.Hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h Redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return Redacting{h.Handler.WithAttrs(clean), h.Hide}
}

// WithGroup implements slog.Handler.
func (h Redacting) WithGroup(name string) slog.Handler {
	return Redacting{h.Handler.WithGroup(name), h.Hide}
}

func (h Redacting) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.Hide(v.String()))
	case slog.KindGroup:
		var clean []slog.Attr
		for _, member := range v.Group() {
			clean = append(clean, h.attr(member))
		}
		a.Value = slog.GroupValue(clean...)
	case slog.KindAny:
		if text := fmt.Sprintf("%+v", v.Any()); h.Hide(text) != text {
			a.Value = slog.StringValue(h.Hide(text))
		}
	}
	return a
}
