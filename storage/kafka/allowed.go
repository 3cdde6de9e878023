package kafka

import (
	"fmt"
	"slices"
	"strings"
)

// Java system properties that list what a login may ask for tokens
// (BrokerSecurityConfigs of Kafka 4): URLs of end points, file: URLs among them, and
// files.
const (
	allowedURLs  = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
	allowedFiles = "org.apache.kafka.sasl.oauthbearer.allowed.files"
)

// endpointAllowed refuses an end point that is not among those that KAFKA_OPTS lists, if
// it lists any. Java takes no list for an empty one.
func endpointAllowed(url string) error {
	if list := splitList(javaOption(allowedURLs)); len(list) > 0 && !slices.Contains(list, url) {
		return propertyError(tokenEndpoint, "is none of the URLs that -D%s in KAFKA_OPTS lists", allowedURLs)
	}
	return nil
}

// StrangersFiles refuses properties of a connector, under whatever prefix, that have a
// Kafka client log in with the content of a file: the broker may be the stranger's own,
// and so who may create connectors could read any file of the worker. What the worker's
// properties say too, and what KAFKA_OPTS allows, is no stranger's.
func StrangersFiles(worker, connector Properties) []*PropertyError {
	var problems []*PropertyError
	for _, name := range connector.Names() {
		value := strings.TrimSpace(connector[name])
		option := allowedFiles
		var files []string
		switch {
		case ends(name, tokenEndpoint) && strings.HasPrefix(strings.ToLower(value), "file:"):
			option, files = allowedURLs, []string{value}
		case ends(name, "sasl.jaas.config"):
			files = filesOfLogin(value)
		}
		files = slices.DeleteFunc(files, func(f string) bool { return slices.Contains(splitList(javaOption(option)), f) })
		if len(files) > 0 && !says(worker, name, value) {
			problems = append(problems, &PropertyError{Property: name, Reason: fmt.Sprintf(
				"names a file for its token, which a connector may only if -D%s=%s is in the worker's KAFKA_OPTS", option, strings.Join(files, ","))})
		}
	}
	return problems
}

// filesOfLogin are those that a login module of Strimzi's reads.
func filesOfLogin(text string) []string {
	modules, err := ParseLoginModules(text)
	if err != nil {
		return nil // so will the client say
	}
	var files []string
	for _, m := range modules {
		for name, value := range m.Options {
			if strings.HasPrefix(name, strimziPrefix) && strings.HasSuffix(name, ".location") && !strings.Contains(name, ".ssl.") {
				files = append(files, value)
			}
		}
	}
	slices.Sort(files)
	return files
}

// ends reports whether a property is called name, behind any prefix.
func ends(property, name string) bool {
	return property == name || strings.HasSuffix(property, "."+name)
}

// says reports whether the worker gives a property of the same kind the same value.
func says(worker Properties, name, value string) bool {
	for own, theirs := range worker {
		for _, kind := range []string{tokenEndpoint, "sasl.jaas.config"} {
			if ends(own, kind) && ends(name, kind) && strings.TrimSpace(theirs) == value {
				return true
			}
		}
	}
	return false
}
