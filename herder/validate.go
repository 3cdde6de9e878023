package herder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/kafka"
)

// Definitions declares the properties that the runtime gives every connector.
type Definitions interface {
	// Base declares what connectors of a kind have whatever their configuration;
	// nil for a kind that is no connector.
	Base(kind connect.Kind) *configdef.Def
	// Common declares what all connectors have, for a class that is there in
	// other versions only.
	Common(class string) *configdef.Def
	// Enriched adds to Base what a configuration brings into being: properties of
	// transforms, predicates and topic creation groups
	// (ConnectorConfig.enrich).
	Enriched(kind connect.Kind, config map[string]string) (*configdef.Def, error)
	// Check adds errors that concern several of these properties at once, such
	// as topics beside topics.regex (SinkConnectorConfig.validate).
	Check(kind connect.Kind, config map[string]string, result *configdef.Result)
	// Client declares the properties of a Kafka client, which connectors override.
	Client(client connect.ClientType) *configdef.Def
}

// Validator checks connector configurations as Java's
// AbstractHerder.validateConnectorConfig does, in the same order. It keeps no
// state and runs outside the herders' loops; a connector's own checks may take
// up to Timeout.
type Validator struct {
	Registry    *registry.Registry
	Definitions Definitions
	Resolver    Resolver
	Policy      connect.OverridePolicy // connector.client.config.override.policy
	Worker      kafka.Properties       // what the worker's own clients have
	Timeout     time.Duration
	// GroupID is the workers' group.id; "" when there is none. A sink must not
	// use it as its consumer group.
	GroupID string
	// Distributed turns on the checks that only DistributedHerder has.
	Distributed bool
	// ExactlyOnce is exactly.once.source.support=enabled.
	ExactlyOnce bool
}

// Validate checks a configuration. nulls are properties that were given as
// null, which is an error for each. The error is a BadRequest when nothing can
// be said about single properties.
func (v *Validator) Validate(ctx context.Context, config map[string]string, nulls []string) (ConfigInfos, error) {
	if v.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Timeout)
		defer cancel()
	}
	resolved, _, err := v.Resolver.Resolve(ctx, config)
	if err != nil {
		return ConfigInfos{}, Errorf(BadRequest, "resolving references to config providers: %w", err)
	}
	if _, ok := config["connector.class"]; !ok {
		return ConfigInfos{}, Errorf(BadRequest, "Connector config %s contains no connector type", describe(config))
	}
	infos, err := v.validate(ctx, resolved, nulls)
	return unresolved(config, resolved, infos, err)
}

// validate checks a configuration that has a class, with secrets in place.
func (v *Validator) validate(ctx context.Context, config map[string]string, nulls []string) (ConfigInfos, error) {
	class := config["connector.class"]
	plugin, err := v.Registry.Connector(config)
	if err != nil {
		return v.missing(ctx, class, config, nulls, err)
	}
	def, err := v.Definitions.Enriched(plugin.Kind, config)
	if err != nil {
		return ConfigInfos{}, Errorf(BadRequest, "%w", err)
	}
	base := def.Validate(ctx, config)
	v.Definitions.Check(plugin.Kind, config, base)
	v.checkKind(plugin, config, base)
	converters := v.converters(ctx, config, base)
	overrides := v.overrides(plugin, config)
	own, err := v.own(ctx, plugin, config)
	if err != nil {
		return ConfigInfos{}, err
	}
	addNulls(nulls, base, own)
	v.checkFiles(config, base)
	return merge(class, generate(def, base, plugin.Def, own), overrides, converters), nil
}

const versionKey = "connector.plugin.version"

// describe shows a configuration as Java does, without what may be secret.
func describe(config map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(config)) {
		value := config[k]
		if sensitive(k) {
			value = configdef.Hidden
		}
		parts = append(parts, k+"="+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func sensitive(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"password", "secret", "token", "jaas", "credential", "private", "key.pem"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// missing answers for a class that is not installed, or not in the version
// that is asked for.
func (v *Validator) missing(ctx context.Context, class string, config map[string]string, nulls []string, err error) (ConfigInfos, error) {
	var wrong *registry.VersionError
	if !errors.As(err, &wrong) || wrong.Malformed {
		return ConfigInfos{}, Errorf(BadRequest, "%w", err)
	}
	def := v.Definitions.Common(class)
	result := def.Validate(ctx, config)
	result.AddError("connector.class", err.Error())
	result.AddError(versionKey, err.Error())
	for _, x := range v.Registry.Versions(class, connectorKinds...) {
		value := result.Get(versionKey)
		value.RecommendedValues = append(value.RecommendedValues, x)
	}
	addNulls(nulls, result, nil)
	return configdef.NewInfos(class, def, result, def.Groups()), nil
}

// addNulls adds an error for each null, to the result that the answer shows:
// the connector's own if it has one for the property.
func addNulls(nulls []string, base, own *configdef.Result) {
	for _, k := range nulls {
		r := base
		if own != nil && own.Get(k) != nil {
			r = own
		}
		r.AddError(k, "Null value can not be supplied as the configuration value.")
	}
}

// checkKind adds what only workers of a cluster check.
func (v *Validator) checkKind(p *connect.Plugin, config map[string]string, result *configdef.Result) {
	switch {
	case !v.Distributed:
	case p.Kind == connect.KindSink:
		v.checkSinkGroup(config, result)
	default:
		v.checkExactlyOnce(p, config, result)
		v.checkBoundary(p, config, result)
	}
}

// checkFiles refuses what tasks will be refused, which Java finds out when they start.
func (v *Validator) checkFiles(config map[string]string, result *configdef.Result) {
	for _, wrong := range kafka.StrangersFiles(v.Worker, config) {
		if result.Get(wrong.Property) == nil {
			result.Add(&configdef.Value{Name: wrong.Property, Value: configdef.NewSecret(config[wrong.Property]), Visible: true})
		}
		result.AddError(wrong.Property, wrong.Reason)
	}
}

func (v *Validator) checkSinkGroup(config map[string]string, result *configdef.Result) {
	const override = "consumer.override.group.id"
	if id, ok := config[override]; ok {
		if result.Get(override) == nil {
			result.Add(&configdef.Value{Name: override, Value: id, Visible: true})
		}
		if id == v.GroupID {
			result.AddError(override, fmt.Sprintf("Consumer group %s conflicts with Connect worker group %s", id, v.GroupID))
		}
		return
	}
	if name := config["name"]; "connect-"+name == v.GroupID {
		result.AddError("name", fmt.Sprintf("Consumer group for sink connector named %s conflicts with Connect worker group %s", name, v.GroupID))
	}
}

// value returns a property's value if it is valid.
func value(result *configdef.Result, key string) string {
	v := result.Get(key)
	if v == nil || len(v.Errors) > 0 {
		return ""
	}
	text, _ := v.Value.(string)
	return strings.ToLower(text)
}

func (v *Validator) checkExactlyOnce(p *connect.Plugin, config map[string]string, result *configdef.Result) {
	const key = "exactly.once.support"
	if value(result, key) != "required" {
		return
	}
	if !v.ExactlyOnce {
		result.AddError(key, "This worker does not have exactly-once source support enabled.")
	}
	c, says := p.NewConnector().(connect.ExactlyOnceSupport)
	switch {
	case !says:
		result.AddError(key, "The connector does not implement the API required for preflight validation of exactly-once "+
			"source support. Please consult the documentation for the connector to determine whether it supports exactly-once "+
			"semantics, and then consider reconfiguring the connector to use the value \"requested\" "+
			"for this property (which will disable this preflight check and allow the connector to be created).")
	case !c.SupportsExactlyOnce(config):
		result.AddError(key, "The connector does not support exactly-once semantics with the provided configuration.")
	}
}

func (v *Validator) checkBoundary(p *connect.Plugin, config map[string]string, result *configdef.Result) {
	const key = "transaction.boundary"
	if value(result, key) != "connector" {
		return
	}
	if c, says := p.NewConnector().(connect.TransactionBoundaries); !says || !c.SupportsTransactionBoundaries(config) {
		result.AddError(key, "The connector does not support connector-defined transaction boundaries with the given configuration. "+
			"Please reconfigure it to use a different transaction boundary definition.")
	}
}

// own validates the connector's own properties, by itself if it can. A connector
// that does not heed the deadline is left to itself: nobody waits for it.
func (v *Validator) own(ctx context.Context, p *connect.Plugin, config map[string]string) (*configdef.Result, error) {
	c, ok := p.NewConnector().(connect.Validator)
	if !ok {
		return p.Def.Validate(ctx, config), nil
	}
	type outcome struct {
		result *configdef.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := validate(ctx, p.Class, c, config)
		done <- outcome{result, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
	}
	if o.result == nil && ctx.Err() != nil {
		return nil, Errorf(Timeout, "Request timed out. The worker is currently performing multi-property validation for the connector")
	}
	return o.result, o.err
}

// validate asks a connector, which may fail by a programming error of its own.
func validate(ctx context.Context, class string, c connect.Validator, config map[string]string) (result *configdef.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, Errorf(Internal, "%s failed while it validated its configuration: %v", class, p)
		}
	}()
	if result = c.Validate(ctx, config); result == nil {
		err = Errorf(Internal, "%s has validated nothing", class)
	}
	return result, err
}

// converters validates the properties of converters that a connector brings.
func (v *Validator) converters(ctx context.Context, config map[string]string, base *configdef.Result) ConfigInfos {
	var out ConfigInfos
	for _, c := range []struct {
		key  string
		kind connect.Kind
		typ  string
	}{
		{"header.converter", connect.KindHeaderConverter, "header"},
		{"key.converter", connect.KindConverter, "key"},
		{"value.converter", connect.KindConverter, "value"},
	} {
		class, given := config[c.key]
		if !given || faulty(base, c.key) || faulty(base, c.key+".plugin.version") {
			continue
		}
		p, err := v.Registry.FindVersion(class, registry.Wanted(config, c.key+".plugin.version"), c.kind)
		if err != nil {
			base.AddError(c.key, "Failed to load class "+class+": "+err.Error())
			continue
		}
		props := under(config, c.key+".")
		if _, ok := props["converter.type"]; !ok {
			props["converter.type"] = c.typ
		}
		out = merge("", out, prefixed(p.Def, p.Def.Validate(ctx, props), c.key+"."))
	}
	return out
}

func faulty(result *configdef.Result, key string) bool {
	v := result.Get(key)
	return v != nil && len(v.Errors) > 0
}

func under(config map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range config {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			out[name] = v
		}
	}
	return out
}

// overrides lets the policy judge a connector's overrides of client properties.
func (v *Validator) overrides(p *connect.Plugin, config map[string]string) ConfigInfos {
	source := p.Kind == connect.KindSource
	queue := strings.TrimSpace(config["errors.deadletterqueue.topic.name"]) != ""
	admin := queue // of a source connector too, which in Java cannot have one
	consumer := !source
	if source {
		ownOffsets := v.Distributed && (v.ExactlyOnce || strings.TrimSpace(config["offsets.storage.topic"]) != "")
		admin = admin || ownOffsets || len(under(config, "topic.creation.")) > 0
		consumer = ownOffsets
	}
	var out ConfigInfos
	for _, c := range []struct {
		used   bool
		prefix string
		client connect.ClientType
	}{
		{source || queue, "producer.override.", connect.ClientProducer},
		{consumer, "consumer.override.", connect.ClientConsumer},
		{admin, "admin.override.", connect.ClientAdmin},
	} {
		if !c.used {
			continue
		}
		out = merge("", out, v.override(p, config, c.prefix, c.client))
	}
	return out
}

// override judges the overrides of one client. Java gives up at a value that is
// none of its property's type; here it is an error of the property.
func (v *Validator) override(p *connect.Plugin, config map[string]string, prefix string, client connect.ClientType) ConfigInfos {
	def, over := v.Definitions.Client(client), under(config, prefix)
	refused := v.Policy.Check(config["name"], p.Class, client, over)
	result := &configdef.Result{}
	for k, text := range over {
		value := &configdef.Value{Name: k, Value: text, Visible: true}
		if key := def.Key(k); key != nil {
			parsed, err := configdef.ParseValue(k, text, key.Type)
			if err != nil {
				value.Errors = append(value.Errors, err.Error())
			}
			value.Value = parsed
		}
		if sensitive(k) {
			value.Value = configdef.NewSecret(text)
		}
		if err := refused[k]; err != nil {
			value.Errors = append(value.Errors, err.Error())
		}
		result.Add(value)
	}
	return prefixed(def, result, prefix)
}

// prefixed makes an answer of properties that stand under a prefix, in the order
// of Java's map. It counts a property with errors once (AbstractHerder.prefixedConfigInfos).
func prefixed(def *configdef.Def, result *configdef.Result, prefix string) ConfigInfos {
	var out ConfigInfos
	values := map[string]*configdef.Value{}
	for _, v := range result.Values {
		values[v.Name] = v
	}
	for _, name := range data.HashMapOrder(values) {
		var info ConfigInfo
		v := values[name]
		if k := def.Key(name); k != nil {
			key := k.Info()
			key.Name = prefix + key.Name
			info.Definition = &key
			if key.Group != nil && !slices.Contains(out.Groups, *key.Group) {
				out.Groups = append(out.Groups, *key.Group)
			}
		}
		value := v.Info()
		value.Name = prefix + value.Name
		info.Value = &value
		if len(v.Errors) > 0 {
			out.ErrorCount++
		}
		out.Configs = append(out.Configs, info)
	}
	return out
}

// generate joins the runtime's properties and the connector's own. What both
// declare keeps its place among the former and is otherwise the latter's
// (AbstractHerder.validateConnectorPluginSpecifiedConfigs and generateResult).
func generate(def *configdef.Def, base *configdef.Result, ownDef *configdef.Def, own *configdef.Result) ConfigInfos {
	var order []string
	keys := map[string]ConfigKeyInfo{}
	for _, d := range []*configdef.Def{def, ownDef} {
		for _, k := range d.Infos() {
			if _, known := keys[k.Name]; !known {
				order = append(order, k.Name)
			}
			keys[k.Name] = k
		}
	}
	var out ConfigInfos
	values := map[string]*configdef.Value{}
	for _, r := range []*configdef.Result{base, own} {
		for _, v := range r.Values {
			values[v.Name] = v
			if _, declared := keys[v.Name]; !declared {
				info := v.Info()
				out.Configs = append(out.Configs, ConfigInfo{Value: &info})
				out.ErrorCount += len(v.Errors)
			}
		}
	}
	for _, name := range order {
		key := keys[name]
		info := ConfigInfo{Definition: &key}
		if v := values[name]; v != nil {
			value := v.Info()
			info.Value = &value
			out.ErrorCount += len(v.Errors)
		}
		out.Configs = append(out.Configs, info)
	}
	out.Groups = configdef.Distinct(def.Groups(), ownDef.Groups())
	return out
}

// merge puts answers one after the other.
func merge(name string, all ...ConfigInfos) ConfigInfos {
	out := ConfigInfos{Name: name, Configs: []ConfigInfo{}}
	var groups [][]string
	for _, x := range all {
		out.ErrorCount += x.ErrorCount
		out.Configs = append(out.Configs, x.Configs...)
		groups = append(groups, x.Groups)
	}
	out.Groups = configdef.Distinct(groups...)
	return out
}

// base is Definitions.Base without nil.
func (v *Validator) base(kind connect.Kind) *configdef.Def {
	if def := v.Definitions.Base(kind); def != nil {
		return def
	}
	return configdef.New()
}
