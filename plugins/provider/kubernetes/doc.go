// Package kubernetes holds config providers for Secrets and ConfigMaps of the
// Kubernetes cluster that the worker runs in, with the class names and variables of
// Strimzi's kafka-kubernetes-config-provider:
//
//	${secrets:NAMESPACE/NAME:KEY}
//	${secrets:NAME:*.crt}
//
// The namespace may be left out for that of the pod. A key with * stands for all keys
// that it matches; their values follow one another, in the order of the keys, on lines
// of their own.
package kubernetes
