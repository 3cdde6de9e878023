// Package registry maps Java class names and their aliases to implementations.
//
// A Registry is a value: the binary fills one from plugins/install, a test
// fills its own. It never knows a concrete plugin.
package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
)

// Registry holds plugins. Fill it with Add before others use it; from then on
// it is read-only and safe for concurrent use.
type Registry struct {
	plugins []*connect.Plugin // sorted by kind, class, version
	aliases map[string][]string
}

// New makes a registry of the given plugins.
func New(plugins ...connect.Plugin) (*Registry, error) {
	r := &Registry{}
	return r, r.Add(plugins...)
}

// Add adds plugins. The same class, kind and version may be added once.
func (r *Registry) Add(plugins ...connect.Plugin) error {
	for _, p := range plugins {
		if err := check(p); err != nil {
			return err
		}
		if slices.ContainsFunc(r.plugins, func(q *connect.Plugin) bool { return comparePlugins(q, &p) == 0 }) {
			return fmt.Errorf("plugin %s %s is registered twice as %s", p.Class, p.Version, p.Kind)
		}
		r.plugins = append(r.plugins, &p)
	}
	slices.SortStableFunc(r.plugins, comparePlugins)
	r.aliases = aliases(r.plugins)
	return nil
}

func comparePlugins(a, b *connect.Plugin) int {
	return cmp.Or(
		cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)),
		cmp.Compare(a.Class, b.Class),
		CompareVersions(a.Version, b.Version),
	)
}

// kindRank is the order in which the REST API lists kinds.
func kindRank(k connect.Kind) int {
	return slices.Index([]connect.Kind{
		connect.KindSink, connect.KindSource, connect.KindTransformation, connect.KindPredicate,
		connect.KindConverter, connect.KindHeaderConverter, connect.KindConfigProvider,
		connect.KindRestExtension, connect.KindOverridePolicy,
	}, k)
}

func check(p connect.Plugin) error {
	complete := map[connect.Kind]bool{
		connect.KindSource:          p.NewConnector != nil && p.NewSourceTask != nil,
		connect.KindSink:            p.NewConnector != nil && p.NewSinkTask != nil,
		connect.KindConverter:       p.NewConverter != nil,
		connect.KindHeaderConverter: p.NewHeaderConverter != nil,
		connect.KindTransformation:  p.NewTransform != nil,
		connect.KindPredicate:       p.NewPredicate != nil,
		connect.KindConfigProvider:  p.NewConfigProvider != nil,
		connect.KindOverridePolicy:  p.NewOverridePolicy != nil,
	}
	switch {
	case p.Class == "" || p.Def == nil:
		return fmt.Errorf("plugin %q has no class name or no declaration of its properties", p.Class)
	case !complete[p.Kind]:
		return fmt.Errorf("plugin %s: a constructor that kind %q needs is missing", p.Class, p.Kind)
	}
	return nil
}

// List returns the plugins of the given kinds, all of them when none is named,
// sorted as GET /connector-plugins lists them.
func (r *Registry) List(kinds ...connect.Kind) []*connect.Plugin {
	var out []*connect.Plugin
	for _, p := range r.plugins {
		if len(kinds) == 0 || slices.Contains(kinds, p.Kind) {
			out = append(out, p)
		}
	}
	return out
}

// NotFoundError says that no plugin answers to a name.
type NotFoundError struct {
	Name      string
	What      string // "Connector", "Converter"...
	Available []string
}

func (e *NotFoundError) Error() string {
	what := "plugins"
	if e.What == "Connector" {
		what = "connectors"
	}
	return fmt.Sprintf("Failed to find any class that implements %s and which name matches %s, available %s are: %s",
		e.What, e.Name, what, strings.Join(e.Available, ", "))
}

// Find returns the newest plugin of one of the given kinds (of any kind when
// none is named) whose class name or alias is name.
func (r *Registry) Find(name string, kinds ...connect.Kind) (*connect.Plugin, error) {
	return r.FindVersion(name, Latest, kinds...)
}

// VersionError says that a plugin is there, but not in the version that is asked
// for, or that none can be asked for like that.
type VersionError struct {
	Err error
	// Malformed tells that it is no version, nor a range of versions.
	Malformed bool
}

func (e *VersionError) Error() string { return e.Err.Error() }
func (e *VersionError) Unwrap() error { return e.Err }

// JavaClass is Java's exception for this.
func (e *VersionError) JavaClass() string {
	return "org.apache.kafka.connect.runtime.isolation.VersionedPluginLoadingException"
}

// FindVersion is Find for a version as ParseRange reads it. Its errors are a
// NotFoundError, a VersionError and one for a name that means several connectors.
func (r *Registry) FindVersion(name, version string, kinds ...connect.Kind) (*connect.Plugin, error) {
	all, err := r.versions(name, kinds)
	if err != nil {
		return nil, err
	}
	want, err := ParseRange(version)
	if err != nil {
		return nil, &VersionError{err, true}
	}
	for _, p := range slices.Backward(all) {
		if want.Contains(p.Version) {
			return p, nil
		}
	}
	return nil, &VersionError{Err: fmt.Errorf("Plugin %s not found that matches the version range %s, available versions: %s",
		all[0].Class, want, versionTexts(r.ofClass(all[0].Class, nil)))}
}

// versions finds all versions of what name stands for, oldest first.
func (r *Registry) versions(name string, kinds []connect.Kind) ([]*connect.Plugin, error) {
	class := name
	if full := r.aliases[name]; len(full) == 1 {
		class = full[0]
	}
	if found := r.ofClass(class, kinds); len(found) > 0 {
		return found, nil
	}
	return r.bySuffix(name, kinds)
}

func (r *Registry) ofClass(class string, kinds []connect.Kind) []*connect.Plugin {
	var found []*connect.Plugin
	for _, p := range r.List(kinds...) {
		if p.Class == class {
			found = append(found, p)
		}
	}
	return found
}

// bySuffix is the second way to find a connector: by the end of its class name,
// with or without "Connector". It tells when several answer to the name.
func (r *Registry) bySuffix(name string, kinds []connect.Kind) ([]*connect.Plugin, error) {
	var classes []string
	for _, p := range r.List(kinds...) {
		isConnector := p.Kind == connect.KindSource || p.Kind == connect.KindSink
		match := strings.HasSuffix(p.Class, "."+name) || strings.HasSuffix(p.Class, "."+name+"Connector")
		if isConnector && match && !slices.Contains(classes, p.Class) {
			classes = append(classes, p.Class)
		}
	}
	switch len(classes) {
	case 0:
		return nil, r.notFound(name, kinds)
	case 1:
		return r.ofClass(classes[0], kinds), nil
	}
	return nil, fmt.Errorf("More than one connector matches alias %s. Please use full package and class name instead. Classes found: %s",
		name, strings.Join(classes, ", "))
}

func (r *Registry) notFound(name string, kinds []connect.Kind) error {
	e := &NotFoundError{Name: name, What: "a plugin"}
	if len(kinds) > 0 {
		e.What = interfaceName(kinds)
	}
	for _, p := range r.List(kinds...) {
		if n := len(e.Available); n == 0 || e.Available[n-1] != p.Class {
			e.Available = append(e.Available, p.Class)
		}
	}
	return e
}

// interfaceName is the Java interface that plugins of these kinds implement.
func interfaceName(kinds []connect.Kind) string {
	switch k := kinds[0]; {
	case k == connect.KindSource && slices.Contains(kinds, connect.KindSink), k == connect.KindSink && slices.Contains(kinds, connect.KindSource):
		return "Connector"
	default:
		return simpleKind(k)
	}
}

// Connector finds the source or sink connector of a configuration.
func (r *Registry) Connector(config map[string]string) (*connect.Plugin, error) {
	return r.FindVersion(config["connector.class"], Wanted(config, "connector.plugin.version"), connect.KindSource, connect.KindSink)
}

// Versions lists the versions of a plugin, oldest first; empty when there is none.
func (r *Registry) Versions(name string, kinds ...connect.Kind) []string {
	all, err := r.versions(name, kinds)
	if err != nil {
		return nil
	}
	out := make([]string, len(all))
	for i, p := range all {
		out[i] = p.Version
	}
	return out
}

func versionTexts(all []*connect.Plugin) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.Version
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
