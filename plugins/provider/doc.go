// Package provider holds the config providers of Kafka (file, directory,
// environment) and the resolution of ${provider:path:key} in configurations.
//
// Unlike Java's, a provider that may not read a path, or is pointed at a
// directory that is none, gives an error instead of leaving the variable in
// the configuration as it stands.
package provider
