package config

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/storage/state"
)

var (
	errUnknownKey = errors.New("unknown key")
	errTaskKey    = errors.New("the key does not end in a task number")
	errNull       = errors.New("the value is unexpectedly null")
)

// writeTimeout bounds one write with the reading back of it, as Java does.
const writeTimeout = 30 * time.Second

// Listener is told of changes, one call at a time and in the order of the topic,
// also of states that differ from those before only in their offset or in a
// task count: then there are no changes. It must not call the store's writing
// methods, which wait for it.
type Listener func(after *State, changes []Change)

// Store keeps the configuration of a cluster. Kafka and Memory implement it;
// methods may be called from any goroutine. Each write returns when the store has
// read back what it wrote and the listener was told.
type Store interface {
	// Start reads what there is and returns it. From then on changes go to the
	// listener.
	Start(ctx context.Context, listener Listener) (*State, error)
	// State is the newest state.
	State() *State
	// Refresh returns when all that is stored now has been read.
	Refresh(ctx context.Context) error
	// Claim takes the right to write from any other worker; it does nothing
	// where the store does not need it.
	Claim(ctx context.Context) error

	// PutConnector sets a configuration and, unless target is "", the target state.
	PutConnector(ctx context.Context, name string, config map[string]string, target state.Target) error
	RemoveConnector(ctx context.Context, name string) error
	// PutTasks sets the configurations of all tasks of a connector.
	PutTasks(ctx context.Context, connector string, configs []map[string]string) error
	PutTarget(ctx context.Context, connector string, target state.Target) error
	PutTaskCount(ctx context.Context, connector string, tasks int) error
	PutSessionKey(ctx context.Context, key SessionKey) error
	PutRestart(ctx context.Context, r Restart) error
	PutLoggerLevel(ctx context.Context, logger, level string) error

	Close()
}
