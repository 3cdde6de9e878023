package distributed

import (
	"context"

	"github.com/millrace/millrace/herder"
)

// ConfigTopic is what the herder needs of the config topic.
type ConfigTopic interface {
	// Start reads the topic to its end, calls read with the state, and from then
	// on changed with each change, one call at a time and in order.
	Start(ctx context.Context, read func(ConfigsRead), changed func(ConfigsChanged)) error
	// Write returns when it has read what it wrote, after changed was called for
	// it. fenced says that another worker is the leader. key is written by PutKey.
	Write(ctx context.Context, op Op, key Key) (fenced bool, err error)
	// Claim takes the leader's privilege to write.
	Claim(ctx context.Context) error
	// Refresh returns when everything that is in the topic now has been read and
	// changed has been called for it.
	Refresh(ctx context.Context) error
}

// Forwarder reaches other workers over their REST API with signed requests. A
// *herder.Error with the kind of the other worker's answer comes back as it is.
type Forwarder interface {
	PutTaskConfigs(ctx context.Context, workerURL, connector string, configs []map[string]string, key herder.SessionKey) error
	FenceZombies(ctx context.Context, workerURL, connector string, key herder.SessionKey) error
}
