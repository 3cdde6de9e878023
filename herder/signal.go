package herder

import (
	"bytes"
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

// Signal hands a signal to the first task of a connector, which runs here if it
// runs at all.
func (l *Local) Signal(ctx context.Context, name string, s Signal) (Signal, error) {
	configs, err := l.existing(ctx, name)
	if err != nil {
		return Signal{}, err
	}
	if target := configs.Target(name); target != state.TargetStarted {
		return Signal{}, Errorf(Conflict, "Connector %s is %s and takes no signals; resume it first", name, target)
	}
	if configs.TaskCount(name) == 0 {
		return Signal{}, Errorf(Conflict, "Connector %s has no task yet that takes signals", name)
	}
	if s.Type == "" {
		return Signal{}, Errorf(BadRequest, "A signal needs a type")
	}
	data := string(bytes.TrimSpace(s.Data))
	if data != "" && data != "null" && data[0] != '{' {
		return Signal{}, Errorf(BadRequest, "The data of a signal must be an object")
	}
	if data == "null" {
		data = ""
	}
	if s.ID == "" {
		s.ID = uuid.NewString()
	}
	err = l.Runtime.Signal(state.TaskID{Connector: name}, connect.Signal{ID: s.ID, Type: s.Type, Data: data})
	return Signal{ID: s.ID, Type: s.Type}, signalError(name, err)
}

// signalError gives an error a kind.
func signalError(name string, err error) error {
	var idle *worker.NotRunningError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &idle), errors.Is(err, connect.ErrTooManySignals):
		return Errorf(Conflict, "Connector %s does not take the signal: %w", name, err)
	}
	return Errorf(BadRequest, "Connector %s does not take the signal: %w", name, err)
}
