//go:build !unix

package gossip

import "time"

// cpuTime is not known here: all workers count as equally busy.
func cpuTime() time.Duration { return 0 }
