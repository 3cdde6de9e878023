package distributed

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

var _ herder.Herder = (*Herder)(nil)

// Health is healthy once the worker has been in its group and as long as its
// loop answers.
func (h *Herder) Health(ctx context.Context) (herder.WorkerStatus, error) {
	a, err := h.ask(ctx, Ping{})
	seen := h.seen.Load()
	switch {
	case err == nil && a.Joined:
		return herder.WorkerStatus{Status: herder.StatusHealthy, Message: "Worker has completed startup and is ready to handle requests."}, nil
	case err == nil || !seen.joined:
		return herder.WorkerStatus{Status: herder.StatusStarting, Message: "Worker is still starting up." + h.hindrance()}, nil
	}
	return herder.WorkerStatus{
		Status:  herder.StatusUnhealthy,
		Message: "Worker was unable to handle this request and may be unable to handle other requests. " + err.Error(),
	}, nil
}

// hindrance says what keeps the worker out of its group.
func (h *Herder) hindrance() string {
	if p := h.problem.Load(); p != nil {
		return fmt.Sprintf(" %v.", *p)
	}
	return ""
}

// PutConnector validates a configuration, outside the loop, and has the leader
// write it.
func (h *Herder) PutConnector(ctx context.Context, req herder.PutRequest) (herder.Created, error) {
	return h.put(ctx, req, nil)
}

func (h *Herder) put(ctx context.Context, req herder.PutRequest, from map[string]string) (herder.Created, error) {
	config, err := herder.CheckName(req.Name, req.Config)
	if err != nil {
		return herder.Created{}, err
	}
	req.Config = config
	infos, err := h.Validator.Validate(ctx, config, req.Nulls)
	if err == nil {
		err = herder.ErrInvalidConfig(infos)
	}
	if err != nil {
		return herder.Created{}, err
	}
	a, err := h.ask(ctx, PutWanted{req, from})
	if err != nil {
		return herder.Created{}, err
	}
	return herder.Created{Created: a.Created, Info: h.Describe(req.Name, config, a.Tasks)}, nil
}

// PatchConnector applies a patch on the leader, whose view of the configuration
// is the newest. The configuration may change while the patched one is validated:
// then the patch is applied to the new one.
func (h *Herder) PatchConnector(ctx context.Context, name string, patch map[string]*string) (herder.ConnectorInfo, error) {
	for {
		if _, err := h.ask(ctx, LeaderWanted{"Only the leader can set connector configs."}); err != nil {
			return herder.ConnectorInfo{}, err
		}
		now, err := h.Connector(ctx, name)
		if err != nil {
			return herder.ConnectorInfo{}, err
		}
		put := herder.PutRequest{Name: name, Config: herder.Patch(now.Config, patch), Replace: true}
		created, err := h.put(ctx, put, now.Config)
		if !errors.Is(err, errChangedMeanwhile) {
			return created.Info, err
		}
	}
}

// DeleteConnector deletes a connector, also one whose class is missing.
func (h *Herder) DeleteConnector(ctx context.Context, name string) error {
	_, err := h.ask(ctx, DeleteWanted{name})
	return err
}

// PauseConnector returns when the wish is in the config topic; workers follow.
func (h *Herder) PauseConnector(ctx context.Context, name string) error {
	_, err := h.ask(ctx, TargetWanted{name, state.TargetPaused})
	return err
}

// ResumeConnector is the reverse of PauseConnector and StopConnector.
func (h *Herder) ResumeConnector(ctx context.Context, name string) error {
	_, err := h.ask(ctx, TargetWanted{name, state.TargetStarted})
	return err
}

// StopConnector removes a connector's tasks and stops it (KIP-875).
func (h *Herder) StopConnector(ctx context.Context, name string) error {
	_, err := h.ask(ctx, TargetWanted{name, state.TargetStopped})
	return err
}

// RestartConnector restarts a connector that runs here, or names the worker
// that has it.
func (h *Herder) RestartConnector(ctx context.Context, name string) error {
	_, err := h.ask(ctx, RestartWanted{name})
	return err
}

// ConnectorProgress asks the worker that runs the connector's first task.
func (h *Herder) ConnectorProgress(ctx context.Context, name string) (herder.ConnectorProgress, error) {
	tasks, err := h.Tasks(ctx, name)
	if err != nil {
		return herder.ConnectorProgress{}, err
	}
	if len(tasks) > 0 {
		if _, err := h.ask(ctx, TaskHereWanted{tasks[0].ID}); err != nil {
			return herder.ConnectorProgress{}, err
		}
	}
	return h.Local.Progress(name), nil
}

// SendSignal asks the worker that runs the connector's first task.
func (h *Herder) SendSignal(ctx context.Context, name string, s herder.Signal) (herder.Signal, error) {
	tasks, err := h.Tasks(ctx, name)
	if err != nil {
		return herder.Signal{}, err
	}
	if len(tasks) > 0 {
		if _, err := h.ask(ctx, TaskHereWanted{tasks[0].ID}); err != nil {
			return herder.Signal{}, err
		}
	}
	return h.Signal(ctx, name, s)
}

// RestartTask restarts a task that runs here, or names the worker that has it.
func (h *Herder) RestartTask(ctx context.Context, id state.TaskID) error {
	_, err := h.ask(ctx, TaskRestartWanted{id})
	return err
}

// RestartConnectorAndTasks has all workers restart what a request selects.
func (h *Herder) RestartConnectorAndTasks(ctx context.Context, req herder.RestartRequest) (herder.ConnectorStateInfo, error) {
	if _, err := h.ask(ctx, PlanWanted{req}); err != nil {
		return herder.ConnectorStateInfo{}, err
	}
	plan, err := h.PlanRestart(ctx, req)
	return plan.State, err
}

// AlterOffsets changes offsets of a stopped connector on the leader.
func (h *Herder) AlterOffsets(ctx context.Context, name string, offsets herder.ConnectorOffsets) (herder.Message, error) {
	if len(offsets.Offsets) == 0 {
		return herder.Message{}, herder.Errorf(herder.BadRequest, "Partitions / offsets need to be provided for an alter offsets request")
	}
	return h.modifyOffsets(ctx, name, offsets.Offsets)
}

// ResetOffsets removes all offsets of a stopped connector on the leader.
func (h *Herder) ResetOffsets(ctx context.Context, name string) (herder.Message, error) {
	return h.modifyOffsets(ctx, name, nil)
}

// modifyOffsets fences off the tasks of an exactly-once source first, and then
// looks again whether the connector is still stopped.
func (h *Herder) modifyOffsets(ctx context.Context, name string, offsets []herder.ConnectorOffset) (herder.Message, error) {
	if _, err := h.ask(ctx, ModifyWanted{name}); err != nil {
		return herder.Message{}, err
	}
	info, err := h.Connector(ctx, name)
	if err != nil {
		return herder.Message{}, err
	}
	if h.cfg.ExactlyOnce && info.Type == herder.TypeSource {
		if _, err := h.ask(ctx, FenceWanted{name, true}); err != nil {
			return herder.Message{}, herder.Errorf(herder.KindOf(err), "Failed to perform zombie fencing for source connector prior to modifying offsets: %w", err)
		}
		if _, err := h.ask(ctx, ModifyWanted{name}); err != nil {
			return herder.Message{}, err
		}
	}
	return h.ModifyOffsets(ctx, name, offsets)
}

// SetClusterLoggerLevel writes the level to the config topic (KIP-976).
func (h *Herder) SetClusterLoggerLevel(ctx context.Context, logger, level string) error {
	_, err := h.ask(ctx, LevelWanted{logger, level})
	return err
}

// PutTaskConfigs takes a connector's task configurations from its owner.
func (h *Herder) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string, sig *herder.Signature) error {
	if err := h.verify(sig); err != nil {
		return err
	}
	_, err := h.ask(ctx, TasksWanted{name, configs})
	return err
}

// FenceZombies serves the owner of a task of an exactly-once source connector.
func (h *Herder) FenceZombies(ctx context.Context, name string, sig *herder.Signature) error {
	if err := h.verify(sig); err != nil {
		return err
	}
	s, err := h.Local.Configs(ctx)
	if err != nil {
		return err
	}
	_, err = h.ask(ctx, FenceWanted{name, h.Type(s.Config(name)) == herder.TypeSource})
	return err
}

// verify checks the signature of a request from another worker
// (DistributedHerder.requestNotSignedProperly).
func (h *Herder) verify(sig *herder.Signature) error {
	if h.seen.Load().protocol != group.Sessioned {
		return nil
	}
	key := h.key.Load()
	switch {
	case sig == nil:
		return herder.Errorf(herder.BadRequest, "Internal request missing required signature")
	case !slices.Contains(h.cfg.VerificationAlgorithms, sig.Algorithm):
		return herder.Errorf(herder.BadRequest, "This worker does not support the '%s' key signing algorithm used by other workers. "+
			"This worker is currently configured to use: %v. "+
			"Check that all workers' configuration files permit the same set of signature algorithms, "+
			"and correct any misconfigured worker and restart it.", sig.Algorithm, h.cfg.VerificationAlgorithms)
	case key == nil:
		return herder.Errorf(herder.Unavailable, "This worker is still starting up and has not been able to read a session key from the config topic yet")
	case !sig.Valid(key.Bytes):
		return herder.Errorf(herder.Forbidden, "Internal request contained invalid signature.")
	}
	return nil
}
