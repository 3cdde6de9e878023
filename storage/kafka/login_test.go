package kafka

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLoginPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p loginPauses
		waits := func(addr string, want time.Duration) {
			t.Helper()
			began := time.Now()
			p.wait(addr)
			if took := time.Since(began); took != want {
				t.Errorf("a login to %s waits %s, want %s", addr, took, want)
			}
		}
		waits("a", 0)
		p.heard("a", false)
		time.Sleep(300 * time.Millisecond)
		waits("b", 0)
		waits("a", 700*time.Millisecond)
		waits("a", 0)
		p.heard("a", false)
		p.heard("a", true)
		waits("a", 0)
	})
}
