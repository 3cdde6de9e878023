// Package chain applies the single message transforms of a connector to its
// records, each under its predicate (TransformationChain).
package chain

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka"
)

// Chain is the list of transforms of one task. It belongs to one goroutine.
type Chain struct {
	stages []stage
	failed int // stage that failed last
}

// stage is one transform with its predicate, if it has one.
type stage struct {
	alias, class, version string
	transform             connect.Transform
	predicate             connect.Predicate // nil for none
	condition             Link              // describes predicate
	negate                bool
}

// Error says which transform failed.
type Error struct {
	Class string // Java class of the transform or predicate
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes the chain that a connector's configuration describes. The error
// names the property at fault.
func New(config map[string]string, reg *registry.Registry, log *slog.Logger) (*Chain, error) {
	c := &Chain{}
	for _, alias := range configdef.Elements(config["transforms"]) {
		s, err := newStage(config, alias, reg, log)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.stages = append(c.stages, s)
	}
	return c, nil
}

func newStage(config map[string]string, alias string, reg *registry.Registry, log *slog.Logger) (stage, error) {
	prefix := "transforms." + alias + "."
	own := kafka.Properties(config).WithPrefix(prefix)
	p, err := reg.FindVersion(own["type"], registry.Wanted(own, "plugin.version"), connect.KindTransformation)
	if err != nil {
		return stage{}, fmt.Errorf("%stype: %w", prefix, err)
	}
	s := stage{alias: alias, class: p.Class, version: p.Version, negate: strings.EqualFold(own["negate"], "true")}
	if s.transform, err = p.NewTransform(own, connect.PluginContext{Logger: log}); err != nil {
		return stage{}, fmt.Errorf("%s*: %w", prefix, err)
	}
	if name := own["predicate"]; name != "" {
		if s.condition, err = newPredicate(config, name, reg); err != nil {
			return stage{}, errors.Join(err, s.transform.Close())
		}
		s.predicate = s.condition.Plugin.(connect.Predicate)
	}
	return s, nil
}

func newPredicate(config map[string]string, alias string, reg *registry.Registry) (Link, error) {
	prefix := "predicates." + alias + "."
	own := kafka.Properties(config).WithPrefix(prefix)
	p, err := reg.FindVersion(own["type"], registry.Wanted(own, "plugin.version"), connect.KindPredicate)
	if err != nil {
		return Link{}, fmt.Errorf("%stype: %w", prefix, err)
	}
	predicate, err := p.NewPredicate(own)
	if err != nil {
		return Link{}, fmt.Errorf("%s*: %w", prefix, err)
	}
	return Link{"predicate", alias, p.Class, p.Version, predicate}, nil
}

// Link describes a transform or predicate of a chain.
type Link struct {
	Kind                  string // transform or predicate
	Alias, Class, Version string
	Plugin                any
}

// Links lists the transforms of the chain, each followed by its predicate.
func (c *Chain) Links() []Link {
	var out []Link
	for i := range c.stages {
		s := &c.stages[i]
		out = append(out, Link{"transform", s.alias, s.class, s.version, s.transform})
		if s.predicate != nil {
			out = append(out, s.condition)
		}
	}
	return out
}

// Class is the Java class of the transform that was applied last.
func (c *Chain) Class() string {
	if c.failed >= len(c.stages) {
		return ""
	}
	return c.stages[c.failed].class
}

// Empty reports whether there is nothing to apply.
func (c *Chain) Empty() bool { return len(c.stages) == 0 }

// Apply changes a record. keep is false when a transform drops it. The error is
// an *Error; Again then goes on with the transform that failed.
func (c *Chain) Apply(a *data.Arena, r *connect.Record) (keep bool, err error) {
	c.failed = 0
	return c.Again(a, r)
}

// Again goes on with a record where Apply or Again has failed.
func (c *Chain) Again(a *data.Arena, r *connect.Record) (keep bool, err error) {
	return c.run(r, func(t connect.Transform) (bool, error) { return t.Apply(a, r) })
}

// ApplySink is Apply for a record from Kafka.
func (c *Chain) ApplySink(a *data.Arena, r *connect.SinkRecord) (keep bool, err error) {
	c.failed = 0
	return c.AgainSink(a, r)
}

// AgainSink is Again for a record from Kafka.
func (c *Chain) AgainSink(a *data.Arena, r *connect.SinkRecord) (keep bool, err error) {
	return c.run(&r.Record, func(t connect.Transform) (bool, error) {
		if s, ok := t.(connect.SinkTransform); ok {
			return s.ApplySink(a, r)
		}
		return t.Apply(a, &r.Record)
	})
}

// run applies the stages from the one that failed last.
func (c *Chain) run(r *connect.Record, apply func(connect.Transform) (bool, error)) (keep bool, err error) {
	for i := c.failed; i < len(c.stages); i++ {
		s := &c.stages[i]
		c.failed = i
		applies, err := s.applies(r)
		if err != nil {
			return false, err
		}
		if !applies {
			continue
		}
		keep, err := apply(s.transform)
		if err != nil {
			return false, &Error{s.class, err}
		}
		if !keep {
			return false, nil
		}
	}
	return true, nil
}

// applies asks the stage's predicate.
func (s *stage) applies(r *connect.Record) (bool, error) {
	if s.predicate == nil {
		return true, nil
	}
	holds, err := s.predicate.Test(r)
	if err != nil {
		return false, &Error{s.class, err}
	}
	return holds != s.negate, nil
}

// Close ends all transforms and predicates.
func (c *Chain) Close() error {
	var errs []error
	for i := range c.stages {
		errs = append(errs, c.stages[i].transform.Close())
		if p := c.stages[i].predicate; p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}
