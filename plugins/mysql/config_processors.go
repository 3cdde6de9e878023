package mysql

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/reselect"
	"github.com/millrace/millrace/plugins/mysql/server"
)

// reselectClass is the only post processor that Debezium has.
const reselectClass = "io.debezium.processors.reselect.ReselectColumnsPostProcessor"

// ProcessorConfig is one of the property post.processors.
type ProcessorConfig struct {
	Name              string
	Include, Exclude  string
	Unavailable, Null bool
	EventKey          bool
	ErrorMode         string // warn or fail
}

func (r *reader) processors() []ProcessorConfig {
	var all []ProcessorConfig
	for _, name := range r.list("post.processors") {
		props := r.prefixed(name + ".")
		if class := props["type"]; class != reselectClass {
			r.fail(name+".type", class, "a post processor that there is: "+reselectClass)
		}
		flag := func(key string, otherwise bool) bool {
			v := strings.TrimSpace(props[key])
			return v == "" && otherwise || strings.EqualFold(v, "true")
		}
		p := ProcessorConfig{
			Name: name, Include: props["reselect.columns.include.list"], Exclude: props["reselect.columns.exclude.list"],
			Unavailable: flag("reselect.unavailable.values", true), Null: flag("reselect.null.values", true),
			EventKey: flag("reselect.use.event.key", false), ErrorMode: strings.ToLower(strings.TrimSpace(props["reselect.error.handling.mode"])),
		}
		if m := p.ErrorMode; m != "" && m != "warn" && m != "fail" {
			r.fail(name+".reselect.error.handling.mode", m, "warn or fail")
		}
		all = append(all, p)
	}
	return all
}

// processors makes the post processors.
func (c *Config) processors(s server.Config, log *slog.Logger) ([]*reselect.Processor, error) {
	var all []*reselect.Processor
	for _, p := range c.Processors {
		cfg := reselect.Config{
			Unavailable: p.Unavailable, Null: p.Null, EventKey: p.EventKey, Fail: p.ErrorMode == "fail", Server: s, Logger: log,
		}
		var err error
		if cfg.Include, err = patterns(p.Name+".reselect.columns.include.list", p.Include); err != nil {
			return nil, err
		}
		if cfg.Exclude, err = patterns(p.Name+".reselect.columns.exclude.list", p.Exclude); err != nil {
			return nil, err
		}
		if !p.Null && !p.Unavailable {
			log.Warn(fmt.Sprintf("%s reads no column again, as neither null nor unavailable values are wanted", p.Name))
		}
		all = append(all, reselect.New(cfg))
	}
	return all, nil
}
