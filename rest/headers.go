package rest

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// headerRule adds a header to every answer.
type headerRule struct {
	add    bool // to those that are there; otherwise instead of them
	name   string
	value  string
	date   time.Duration // with isDate, the value is the time of the answer plus this
	isDate bool
}

// parseHeaderRules reads response.http.headers.config: rules separated by
// commas, in quotes if they hold a comma, of the form
//
//	set|add|setDate|addDate name: value
//
// where the value of a date is milliseconds from now (Jetty's HeaderFilter).
func parseHeaderRules(text string) ([]headerRule, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.TrimLeadingSpace = true
	fields, err := reader.Read()
	if err != nil {
		return nil, headerError(text, "the quotes do not match")
	}
	var rules []headerRule
	for _, field := range fields {
		if strings.TrimSpace(field) == "" {
			continue
		}
		rule, err := parseHeaderRule(field)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseHeaderRule(text string) (headerRule, error) {
	action, pair, _ := strings.Cut(strings.TrimSpace(text), " ")
	name, value, found := strings.Cut(pair, ":")
	r := headerRule{name: strings.TrimSpace(name), value: strings.TrimSpace(value)}
	switch strings.ToLower(action) {
	case "set":
	case "add":
		r.add = true
	case "setdate":
		r.isDate = true
	case "adddate":
		r.add, r.isDate = true, true
	default:
		return r, headerError(text, "a rule begins with set, add, setDate or addDate")
	}
	if !found || r.name == "" || strings.ContainsAny(r.name, " \t\r\n") {
		return r, headerError(text, "a rule has the form: action name: value")
	}
	if r.isDate {
		ms, err := strconv.ParseInt(r.value, 10, 64)
		if err != nil {
			return r, headerError(text, "the value of a date is a number of milliseconds")
		}
		r.date = time.Duration(ms) * time.Millisecond
	}
	return r, nil
}

func headerError(rule, reason string) error {
	return invalid("response.http.headers.config", fmt.Sprintf("%q: %s", rule, reason))
}

// withHeaders applies rules to every answer of next.
func withHeaders(rules []headerRule, next http.Handler) http.Handler {
	if len(rules) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, rule := range rules {
			value := rule.value
			if rule.isDate {
				value = time.Now().Add(rule.date).UTC().Format(http.TimeFormat)
			}
			if rule.add {
				w.Header().Add(rule.name, value)
			} else {
				w.Header().Set(rule.name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}
