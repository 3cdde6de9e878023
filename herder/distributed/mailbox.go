package distributed

import "sync"

// mailbox is an unbounded queue with one reader. Senders never wait, so that
// the loop, the group member and the stores can send to each other freely.
type mailbox struct {
	mu     sync.Mutex
	queue  []any
	signal chan struct{} // holds one token while the queue may not be empty
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

func (m *mailbox) put(x any) {
	m.mu.Lock()
	m.queue = append(m.queue, x)
	m.mu.Unlock()
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// take returns everything that has come, in order.
func (m *mailbox) take() []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.queue
	m.queue = nil
	return all
}
