//go:build real

package security

import (
	"slices"
	"testing"
)

// Each right that a worker, its connectors and their clients need is denied in turn: one line says who lacks which right
// on what, and everything works once the right is there: by itself, started again as a service manager does, or restarted
// as task.restart.policy says.
func TestDeniedOnApacheKafka(t *testing.T) {
	b := startSecured(t)
	clients := b.clients()
	who := clients[slices.IndexFunc(clients, func(c client) bool { return c.name == "plain" })]
	t.Run("workers", func(t *testing.T) { deniedWorkers(t, b.rights, b.address(who.listener), who) })
	t.Run("passwords", func(t *testing.T) { wrongPasswords(t, b.rights, b.address(who.listener), who) })
	t.Run("credentials", func(t *testing.T) { changedCredentials(t, b) })
	t.Run("connectors", func(t *testing.T) { deniedConnectors(t, b.rights, b.address(who.listener), who) })
	t.Run("databases", func(t *testing.T) { deniedDatabases(t, b.rights, b.address(who.listener), who) })
}
