//go:build servers

package chaos

import (
	"testing"

	"github.com/millrace/millrace/integration/rig"
)

// TestDelivery kills workers only: the broker is part of the test.
func TestDelivery(t *testing.T) {
	newDelivery(t, rig.FakeKafka(t)).keepsItsPromise(t, rig.Random(t), killsWanted(t))
}
