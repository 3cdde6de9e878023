package provider

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/configdef"
)

// Redactor knows what config providers have given, and takes it out of texts that
// people see. It may be used from any goroutine; the zero value knows nothing.
type Redactor struct {
	mu     sync.RWMutex
	values map[string]bool
	hide   *strings.Replacer // of all values; nil when there are none
}

// shortest is how long a value is at least that is hidden: shorter ones, such as a
// number of tasks, stand everywhere.
const shortest = 5

// Note takes values that must not be seen. Words that say nothing are passed over.
func (r *Redactor) Note(values map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.values)
	for _, v := range values {
		if v = strings.TrimSpace(v); len(v) >= shortest && v != "false" {
			if r.values == nil {
				r.values = map[string]bool{}
			}
			r.values[v] = true
			if quoted := strconv.Quote(v); len(quoted) > len(v)+2 { // as errors show it
				r.values[quoted[1:len(quoted)-1]] = true
			}
		}
	}
	if len(r.values) == before {
		return
	}
	// A longer value first, or the end of it would be left where it begins with another.
	longest := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) }
	var pairs []string
	for _, v := range slices.SortedFunc(maps.Keys(r.values), longest) {
		pairs = append(pairs, v, configdef.Hidden)
	}
	r.hide = strings.NewReplacer(pairs...)
}

// Redact hides all known values in a text.
func (r *Redactor) Redact(text string) string {
	r.mu.RLock()
	hide := r.hide
	r.mu.RUnlock()
	if hide == nil {
		return text
	}
	return hide.Replace(text)
}
