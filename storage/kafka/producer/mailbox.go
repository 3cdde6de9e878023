package producer

import "sync"

// event is what reaches the sender: *batch, *request or one of the types below.
type event any

type (
	topicWanted    struct{ t *Topic }         // find the partitions of a topic
	topicDropped   struct{ t *Topic }         // nobody waits for the topic
	metadataWanted struct{}                   // look for changes now
	idleWanted     struct{ idle chan<- none } // close idle when nothing is on its way
	closeWanted    struct{}
	connDown       struct { // a connection has ended and answers nothing more
		c   *conn
		err error
	}
	metadataDone struct {
		topics []topicMetadata
		err    error
	}
	identityDone struct {
		id  identity
		err error
	}
)

type none = struct{}

// mailbox brings events to the sender. Posting never blocks.
type mailbox struct {
	mu     sync.Mutex
	items  []event
	closed bool
	wake   chan none // one slot
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan none, 1)} }

// post reports false when the sender has ended and will not take e.
func (m *mailbox) post(e event) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.items = append(m.items, e)
	m.mu.Unlock()
	select {
	case m.wake <- none{}:
	default:
	}
	return true
}

// take returns what was posted and uses the memory of emptied next.
func (m *mailbox) take(emptied []event) []event {
	clear(emptied)
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = emptied[:0]
	return items
}

// close returns what was posted last; nothing more is taken.
func (m *mailbox) close() []event {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.items
}
