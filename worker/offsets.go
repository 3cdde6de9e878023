package worker

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/plugins/connect"
)

// FenceZombies implements Runtime: each task's producer has a transactional id
// of its own, and initialising it anew fences off whoever holds it.
func (w *Worker) FenceZombies(ctx context.Context, name string, config map[string]string, tasks int) error {
	admin, release, err := w.admin(ctx, w.adminOf(config))
	if err != nil {
		return err
	}
	defer release()
	ids := make([]string, tasks)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%s-%d", w.cfg.Properties["group.id"], name, i)
	}
	if err := admin.Fence(ctx, ids...); err != nil {
		return fmt.Errorf("fencing off the producers of earlier tasks of connector %s: %w", name, err)
	}
	return nil
}

// Offsets implements Runtime.
func (w *Worker) Offsets(ctx context.Context, name string, config map[string]string) ([]connect.PartitionOffset, error) {
	p, err := w.cfg.Registry.Connector(config)
	if err != nil {
		return nil, err
	}
	if p.Kind == connect.KindSink {
		return w.sinkOffsets(ctx, name, config)
	}
	store, err := w.offsetsOf(ctx, name, config, false)
	if err != nil {
		return nil, err
	}
	defer store.close()
	return store.All(ctx, name)
}

// AlterOffsets implements Runtime (Worker.modifyConnectorOffsets). The connector
// is asked first; an error of its own kind, or a *BadOffsetsError, says what is
// wrong with the offsets.
func (w *Worker) AlterOffsets(ctx context.Context, name string, config map[string]string, offsets []connect.PartitionOffset, reset bool) (string, error) {
	p, err := w.cfg.Registry.Connector(config)
	if err != nil {
		return "", err
	}
	if p.Kind == connect.KindSink {
		if _, err := parseSinkOffsets(offsets); err != nil {
			return "", err
		}
	}
	if reset {
		if offsets, err = w.Offsets(ctx, name, config); err != nil {
			return "", err
		}
		for i := range offsets {
			offsets[i].Offset = nil
		}
	}
	handled := false
	if a, able := p.NewConnector().(connect.OffsetAlterer); able {
		if handled, err = a.AlterOffsets(ctx, config, offsets); err != nil {
			return "", err
		}
	}
	if p.Kind == connect.KindSink {
		err = w.alterSinkOffsets(ctx, name, config, offsets, reset)
	} else {
		err = w.alterSourceOffsets(ctx, name, config, offsets)
	}
	if err != nil {
		return "", err
	}
	done := "altered"
	if reset {
		done = "reset"
	}
	if handled {
		return "The offsets for this connector have been " + done + " successfully", nil
	}
	return "The Connect framework-managed offsets for this connector have been " + done + " successfully. However, if this connector manages offsets externally, they will need to be manually " + done + " in the system that the connector uses.", nil
}

func (w *Worker) alterSourceOffsets(ctx context.Context, name string, config map[string]string, offsets []connect.PartitionOffset) error {
	store, err := w.offsetsOf(ctx, name, config, false)
	if err != nil {
		return err
	}
	defer store.close()
	return store.Set(ctx, name, offsets...)
}
