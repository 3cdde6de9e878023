// Package security proves that workers, connectors and their histories work with brokers that want to know who they
// are, configured as Java's clients are.
package security
