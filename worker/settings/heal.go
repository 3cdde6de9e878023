package settings

import (
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// classes of errors that task.restart.policy may name.
func classes() []connect.Class {
	return []connect.Class{connect.ClassRetriable, connect.ClassConfig, connect.ClassData, connect.ClassFatal}
}

// restartPolicy declares task.restart.policy.
func restartPolicy() configdef.Key {
	k := with("task.restart.policy", configdef.List, "none",
		"After which classes of errors a failed task is restarted by its worker: none, all, or some of retriable, config, data, fatal.")
	k.Validate = configdef.ValidatorFunc("none, all, or some of retriable, config, data, fatal", func(name string, value any, _ *configdef.Values) error {
		names, _ := value.([]string)
		if _, err := policyOf(names); err != nil {
			return configdef.Invalid(name, value, err.Error())
		}
		return nil
	})
	return k
}

func policyOf(names []string) (map[connect.Class]bool, error) {
	out := map[connect.Class]bool{}
	for _, name := range names {
		switch {
		case name == "none" && len(names) == 1:
		case name == "all" && len(names) == 1:
			for _, c := range classes() {
				out[c] = true
			}
		case slices.Contains(classes(), connect.Class(name)):
			out[connect.Class(name)] = true
		case name == "none" || name == "all":
			return nil, fmt.Errorf("%q stands alone", name)
		default:
			return nil, fmt.Errorf("%q is none of none, all, retriable, config, data, fatal", name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("it is empty; none restarts no task")
	}
	return out, nil
}

func heal(v *configdef.Values) herder.HealPolicy {
	which, err := policyOf(v.List("task.restart.policy"))
	if err != nil {
		panic(err) // restartPolicy has passed it
	}
	return herder.HealPolicy{
		Classes: which, First: v.Duration("task.restart.backoff.ms"), Longest: v.Duration("task.restart.backoff.max.ms"),
		Attempts: v.Int("task.restart.max.attempts"), Reset: v.Duration("task.restart.reset.ms"),
	}
}
