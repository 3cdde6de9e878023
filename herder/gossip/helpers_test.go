package gossip

import (
	"bytes"
	"context"
	"sync"
	"testing"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// sharedLock guards what tests and the goroutines of workers share.
var sharedLock sync.Mutex

// lockedWriter writes to a buffer from many goroutines.
type lockedWriter struct{ to *bytes.Buffer }

func (w lockedWriter) Write(b []byte) (int, error) {
	sharedLock.Lock()
	defer sharedLock.Unlock()
	return w.to.Write(b)
}
