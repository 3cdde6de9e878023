//go:build real

package security

import (
	"slices"
	"testing"
)

// Each right that a worker needs for itself is denied in turn: one line says which right is missing on what and which
// setting names it, and the worker works once the right is there, by itself or started again as a service manager does.
// (TestDenied has, besides, what connectors need.)
func TestDeniedOnApacheKafka(t *testing.T) {
	b := startSecured(t)
	clients := b.clients()
	who := clients[slices.IndexFunc(clients, func(c client) bool { return c.name == "plain" })]
	t.Run("workers", func(t *testing.T) { deniedWorkers(t, b.rights, b.address(who.listener), who) })
}
