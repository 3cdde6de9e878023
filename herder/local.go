package herder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/storage/state"
	"github.com/millrace/millrace/worker"
)

// Local answers what a worker knows by itself: Reader but for Health, Plugins
// and Loggers but for SetClusterLoggerLevel. Both herders embed it. It may be
// used from any goroutine; questions that need the configured connectors wait
// until Publish has been called once.
type Local struct {
	Info      ServerInfo
	Statuses  Statuses
	Registry  *registry.Registry
	Levels    Levels
	Resolver  Resolver
	Runtime   Runtime
	Validator *Validator

	view  atomic.Value // of view
	ready chan struct{}
	once  sync.Once
}

type view struct{ Snapshot }

// NewLocal completes l.
func NewLocal(l *Local) *Local {
	l.ready = make(chan struct{})
	return l
}

// Publish makes s what questions are answered from.
func (l *Local) Publish(s Snapshot) {
	l.view.Store(view{s})
	l.once.Do(func() { close(l.ready) })
}

// Ready reports whether Publish has been called.
func (l *Local) Ready() bool { return l.view.Load() != nil }

// Configs returns the newest state, waiting for the first.
func (l *Local) Configs(ctx context.Context) (Snapshot, error) {
	select {
	case <-l.ready:
		return l.view.Load().(view).Snapshot, nil
	case <-ctx.Done():
		return nil, Errorf(Unavailable, "The worker has not read its connectors' configurations yet.")
	}
}

// existing is Configs for a connector that must exist.
func (l *Local) existing(ctx context.Context, name string) (Snapshot, error) {
	s, err := l.Configs(ctx)
	if err == nil && !s.Contains(name) {
		err = ErrNotFound(name)
	}
	return s, err
}

// ServerInfo is Reader's.
func (l *Local) ServerInfo(context.Context) (ServerInfo, error) { return l.Info, nil }

// Connectors is Reader's.
func (l *Local) Connectors(ctx context.Context) ([]string, error) {
	s, err := l.Configs(ctx)
	if err != nil {
		return nil, err
	}
	return append([]string{}, s.Connectors()...), nil
}

// Connector is Reader's.
func (l *Local) Connector(ctx context.Context, name string) (ConnectorInfo, error) {
	s, err := l.existing(ctx, name)
	if err != nil {
		return ConnectorInfo{}, err
	}
	return l.Describe(name, s.Config(name), taskIDs(s, name)), nil
}

// Describe makes the answer that describes a connector.
func (l *Local) Describe(name string, config map[string]string, tasks []state.TaskID) ConnectorInfo {
	if tasks == nil {
		tasks = []state.TaskID{}
	}
	return ConnectorInfo{Name: name, Config: config, Tasks: tasks, Type: l.Type(config)}
}

func taskIDs(s Snapshot, name string) []state.TaskID {
	ids := make([]state.TaskID, s.TaskCount(name))
	for n := range ids {
		ids[n] = state.TaskID{Connector: name, Task: n}
	}
	return ids
}

// Progress tells how far the tasks of a connector are that run here.
func (l *Local) Progress(name string) ConnectorProgress {
	out := ConnectorProgress{Name: name, Tasks: []TaskProgress{}}
	running := l.Runtime.Progress(name)
	for _, n := range slices.Sorted(maps.Keys(running)) {
		p := running[n]
		out.Tasks = append(out.Tasks, TaskProgress{
			ID: n, Kind: p.Kind, State: string(p.State), Rows: p.Rows, EstimatedRows: p.EstimatedRows, Percent: math.Round(p.Percent*10) / 10,
			Tables: p.Tables, AllTables: p.AllTables, Table: p.Table, RemainingSeconds: int64(p.Remaining.Round(time.Second) / time.Second),
		})
	}
	return out
}

// Type tells whether a configuration is that of a source or a sink; unknown
// when its class is not available.
func (l *Local) Type(config map[string]string) string {
	p, err := l.Registry.Connector(config)
	if err != nil {
		return TypeUnknown
	}
	return string(p.Kind)
}

// ConnectorStatus is Reader's.
func (l *Local) ConnectorStatus(ctx context.Context, name string) (ConnectorStateInfo, error) {
	s, err := l.Configs(ctx)
	if err != nil {
		return ConnectorStateInfo{}, err
	}
	st, ok := l.Statuses.Connector(name)
	if !ok {
		return ConnectorStateInfo{}, Errorf(NotFound, "No status found for connector %s", name)
	}
	info := ConnectorStateInfo{
		Name:      name,
		Connector: ConnectorState{State: st.State, WorkerID: st.WorkerID, Trace: st.Trace, Version: versionOf(st)},
		Tasks:     []TaskState{},
		Type:      l.Type(s.Config(name)),
	}
	tasks := l.Statuses.Tasks(name)
	for _, n := range slices.Sorted(maps.Keys(tasks)) {
		info.Tasks = append(info.Tasks, taskState(n, tasks[n]))
	}
	return info, nil
}

func taskState(n int, s state.Status) TaskState {
	return TaskState{ID: n, State: s.State, WorkerID: s.WorkerID, Trace: s.Trace, Version: versionOf(s)}
}

func versionOf(s state.Status) *string {
	if s.Version == "" {
		return nil
	}
	return &s.Version
}

// Tasks is Reader's.
func (l *Local) Tasks(ctx context.Context, name string) ([]TaskInfo, error) {
	s, err := l.existing(ctx, name)
	if err != nil {
		return nil, err
	}
	out := []TaskInfo{}
	for _, id := range taskIDs(s, name) {
		out = append(out, TaskInfo{id, s.TaskConfig(id)})
	}
	return out, nil
}

// TaskStatus is Reader's.
func (l *Local) TaskStatus(_ context.Context, id state.TaskID) (TaskState, error) {
	s, ok := l.Statuses.Tasks(id.Connector)[id.Task]
	if !ok {
		return TaskState{}, Errorf(NotFound, "No status found for task %s", id)
	}
	return taskState(id.Task, s), nil
}

// ActiveTopics is Reader's.
func (l *Local) ActiveTopics(_ context.Context, name string) (ActiveTopics, error) {
	topics := append([]string{}, l.Statuses.Topics(name)...)
	slices.Sort(topics)
	return ActiveTopics{name, topics}, nil
}

// ResetActiveTopics is Reader's.
func (l *Local) ResetActiveTopics(_ context.Context, name string) error {
	l.Statuses.DeleteTopics(name)
	return nil
}

// PlanRestart applies a restart request to the status of its connector.
func (l *Local) PlanRestart(ctx context.Context, r RestartRequest) (RestartPlan, error) {
	current, err := l.ConnectorStatus(ctx, r.Connector)
	if KindOf(err) == NotFound {
		err = Errorf(NotFound, "Status for connector %s not found", r.Connector)
	}
	if err != nil {
		return RestartPlan{}, err
	}
	return PlanRestart(r, current), nil
}

// connectors and all plugins in the order of GET /connector-plugins.
var (
	connectorKinds = []connect.Kind{connect.KindSink, connect.KindSource}
	listedKinds    = []connect.Kind{
		connect.KindSink, connect.KindSource, connect.KindTransformation, connect.KindPredicate,
		connect.KindConverter, connect.KindHeaderConverter,
	}
)

// Plugins is Plugins'.
func (l *Local) Plugins(_ context.Context, connectorsOnly bool) ([]PluginInfo, error) {
	kinds := listedKinds
	if connectorsOnly {
		kinds = connectorKinds
	}
	out := []PluginInfo{}
	for _, kind := range kinds {
		for _, p := range l.Registry.List(kind) {
			out = append(out, PluginInfo{Class: p.Class, Type: string(p.Kind), Version: p.Version})
		}
	}
	return out, nil
}

// PluginConfig is Plugins'. Properties that a connector declares itself come
// before those that every connector has.
func (l *Local) PluginConfig(_ context.Context, name, version string) ([]ConfigKeyInfo, error) {
	if _, err := registry.ParseRange(version); err != nil {
		return nil, Errorf(BadRequest, "Invalid version specification: %s", version)
	}
	p, err := l.Registry.FindVersion(name, version, listedKinds...)
	var missing *registry.NotFoundError
	switch {
	case errors.As(err, &missing) && l.unlisted(name):
		return nil, Errorf(BadRequest, "Invalid plugin class %s. Valid types are sink, source, converter, header_converter, transformation, predicate.", name)
	case errors.As(err, &missing):
		return nil, Errorf(NotFound, "Unknown plugin %s.", name)
	case err != nil:
		return nil, Errorf(BadRequest, "%w", err)
	}
	out := p.Def.Infos()
	known := map[string]bool{}
	for _, k := range out {
		known[k.Name] = true
	}
	for _, k := range l.Validator.base(p.Kind).Infos() {
		if k.Name == versionKey {
			newest, err := l.Registry.Find(name, p.Kind)
			if err == nil {
				k.DefaultValue = &newest.Version
			}
		}
		if !known[k.Name] {
			out = append(out, k)
		}
	}
	return out, nil
}

// unlisted reports whether a plugin is of a kind whose properties are not shown.
func (l *Local) unlisted(name string) bool {
	_, err := l.Registry.Find(name, connect.KindConfigProvider, connect.KindRestExtension, connect.KindOverridePolicy)
	return err == nil
}

// Validate is Plugins'.
func (l *Local) Validate(ctx context.Context, config map[string]string) (ConfigInfos, error) {
	return l.Validator.Validate(ctx, config, nil)
}

// LoggerLevel is Loggers'.
func (l *Local) LoggerLevel(_ context.Context, logger string) (LoggerLevel, error) {
	level, ok := l.Levels.Level(logger)
	if !ok {
		return LoggerLevel{}, Errorf(NotFound, "Logger %s not found.", logger)
	}
	return level, nil
}

// LoggerLevels is Loggers'.
func (l *Local) LoggerLevels(context.Context) (map[string]LoggerLevel, error) {
	return l.Levels.Levels(), nil
}

// SetLoggerLevel is Loggers'.
func (l *Local) SetLoggerLevel(_ context.Context, logger, level string) ([]string, error) {
	changed, valid := l.Levels.Set(logger, level)
	if !valid {
		return nil, Errorf(NotFound, "invalid log level '%s'.", level)
	}
	return append([]string{}, changed...), nil
}

// ConnectorOffsets is Offsets'.
func (l *Local) ConnectorOffsets(ctx context.Context, name string) (ConnectorOffsets, error) {
	config, err := l.resolved(ctx, name)
	if err != nil {
		return ConnectorOffsets{}, err
	}
	found, err := l.Runtime.Offsets(ctx, name, config)
	if err != nil {
		return ConnectorOffsets{}, offsetsError(fmt.Errorf("Failed to retrieve offsets for connector %s: %w", name, err))
	}
	out := ConnectorOffsets{Offsets: []ConnectorOffset{}}
	for _, o := range found {
		out.Offsets = append(out.Offsets, ConnectorOffset(o))
	}
	return out, nil
}

// ModifyOffsets changes offsets of a connector that was found to be stopped; a
// nil list resets them all.
func (l *Local) ModifyOffsets(ctx context.Context, name string, offsets []ConnectorOffset) (Message, error) {
	config, err := l.resolved(ctx, name)
	if err != nil {
		return Message{}, err
	}
	var change []connect.PartitionOffset
	for _, o := range offsets {
		change = append(change, connect.PartitionOffset(o))
	}
	text, err := l.Runtime.AlterOffsets(ctx, name, config, change, offsets == nil)
	if err != nil {
		return Message{}, offsetsError(err)
	}
	return Message{text}, nil
}

// offsetsError gives an error a kind unless it has one: the messages of
// connectors that refuse an offset are for the user as they are.
func offsetsError(err error) error {
	var e *Error
	var bad *worker.BadOffsetsError
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &bad):
		return Errorf(BadRequest, "%w", err)
	}
	return Errorf(Internal, "%w", err)
}

// resolved returns a connector's configuration with secrets in place.
func (l *Local) resolved(ctx context.Context, name string) (map[string]string, error) {
	s, err := l.existing(ctx, name)
	if err != nil {
		return nil, err
	}
	config, _, err := l.Resolver.Resolve(ctx, s.Config(name))
	if err != nil {
		return nil, Errorf(BadRequest, "resolving the configuration of connector %s: %w", name, err)
	}
	return config, nil
}

// longestName is what the group protocol can carry.
const longestName = 1<<15 - 1

// CheckName compares the name in a configuration with that of the request and
// puts it there if it is missing.
func CheckName(name string, config map[string]string) (map[string]string, error) {
	if len(name) > longestName {
		return nil, Errorf(BadRequest, "The connector's name has %d bytes; %d are the most that workers can tell each other", len(name), longestName)
	}
	if in, ok := config["name"]; ok {
		if in != name {
			return nil, ErrNameMismatch(in, name)
		}
		return config, nil
	}
	config = maps.Clone(config)
	if config == nil {
		config = map[string]string{}
	}
	config["name"] = name
	return config, nil
}

// Patch applies a patch to a configuration (ConnectUtils.patchConfig).
func Patch(config map[string]string, patch map[string]*string) map[string]string {
	out := maps.Clone(config)
	for k, v := range patch {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

// TasksMax reads tasks.max, 1 by default.
func TasksMax(config map[string]string) (int, error) {
	text, ok := config["tasks.max"]
	if !ok {
		return 1, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("tasks.max: %q is not a number of at least 1", text)
	}
	return n, nil
}
