package group

import (
	"cmp"
	"slices"
	"strings"

	"github.com/millrace/millrace/storage/state"
)

// Work is a set of connectors and tasks: sorted and without duplicates.
type Work struct {
	Connectors []string
	Tasks      []state.TaskID
}

// Empty reports whether there is no work.
func (w Work) Empty() bool { return len(w.Connectors) == 0 && len(w.Tasks) == 0 }

// String lists the work as [connector task ...].
func (w Work) String() string {
	s := slices.Clone(w.Connectors)
	for _, t := range w.Tasks {
		s = append(s, t.String())
	}
	return "[" + strings.Join(s, " ") + "]"
}

// Union returns the work that is in w or in o.
func (w Work) Union(o Work) Work {
	return Work{
		Connectors: union(w.Connectors, o.Connectors, strings.Compare),
		Tasks:      union(w.Tasks, o.Tasks, CompareTasks),
	}
}

// Minus returns the work that is in w and not in o.
func (w Work) Minus(o Work) Work {
	return Work{
		Connectors: minus(w.Connectors, o.Connectors, strings.Compare),
		Tasks:      minus(w.Tasks, o.Tasks, CompareTasks),
	}
}

// Sorted returns w in order and without duplicates, for work that was not.
func (w Work) Sorted() Work {
	slices.Sort(w.Connectors)
	slices.SortFunc(w.Tasks, CompareTasks)
	return Work{slices.Compact(w.Connectors), slices.Compact(w.Tasks)}
}

// union merges sorted lists.
func union[T any](a, b []T, compare func(T, T) int) []T {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// minus drops the elements of a sorted list that another sorted list has.
func minus[T any](a, b []T, compare func(T, T) int) []T {
	if len(b) == 0 {
		return a
	}
	var out []T
	for _, x := range a {
		for len(b) > 0 && compare(b[0], x) < 0 {
			b = b[1:]
		}
		if len(b) == 0 || compare(b[0], x) != 0 {
			out = append(out, x)
		}
	}
	return out
}

// CompareTasks orders tasks by connector, then number.
func CompareTasks(a, b state.TaskID) int {
	return cmp.Or(strings.Compare(a.Connector, b.Connector), cmp.Compare(a.Task, b.Task))
}
