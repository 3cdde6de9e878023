package connconf

import (
	"errors"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
)

// Check adds errors that concern several properties at once
// (SinkConnectorConfig.validate).
func (d *Definitions) Check(kind connect.Kind, config map[string]string, result *configdef.Result) {
	d.checkVersions(config, result)
	if kind != connect.KindSink {
		return
	}
	topics, regex := strings.TrimSpace(config["topics"]), strings.TrimSpace(config["topics.regex"])
	switch {
	case topics != "" && regex != "":
		const message = "topics and topics.regex are mutually exclusive options, but both are set."
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	case topics == "" && regex == "":
		const message = "Must configure one of topics or topics.regex"
		result.AddError("topics", message)
		result.AddError("topics.regex", message)
	}
	if dlq := strings.TrimSpace(config["errors.deadletterqueue.topic.name"]); dlq != "" {
		checkQueue(dlq, topics, regex, result)
	}
}

// checkVersions adds the errors of plugins that are not there in the version that
// is asked for. That of a converter without a class of the connector's own says
// nothing.
func (d *Definitions) checkVersions(config map[string]string, result *configdef.Result) {
	check := func(class, version string, kind connect.Kind) {
		_, err := d.Registry.FindVersion(config[class], registry.Wanted(config, version), kind)
		var wrong *registry.VersionError
		if config[class] == "" || !errors.As(err, &wrong) {
			return
		}
		isConverter := kind == connect.KindConverter || kind == connect.KindHeaderConverter
		if !wrong.Malformed || !isConverter {
			result.AddError(class, wrong.Error())
		}
		result.AddError(version, wrong.Error())
	}
	check("key.converter", "key.converter"+versionSuffix, connect.KindConverter)
	check("value.converter", "value.converter"+versionSuffix, connect.KindConverter)
	check("header.converter", "header.converter"+versionSuffix, connect.KindHeaderConverter)
	for _, alias := range configdef.Distinct(configdef.Elements(config["transforms"])) {
		check("transforms."+alias+".type", "transforms."+alias+versionSuffix, connect.KindTransformation)
	}
	for _, alias := range configdef.Distinct(configdef.Elements(config["predicates"])) {
		check("predicates."+alias+".type", "predicates."+alias+versionSuffix, connect.KindPredicate)
	}
}
