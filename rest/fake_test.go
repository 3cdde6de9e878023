package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/state"
)

// fake is a herder that answers everything with one result, given as the JSON
// of an answer, or one error, and remembers what it was asked.
type fake struct {
	mu     sync.Mutex
	result json.RawMessage
	err    error
	status int // of the result: 201 says that a connector was created
	asked  []string
	before func(ctx context.Context) // called first, if set
}

// set replaces what the fake answers, and forgets what it was asked.
func (f *fake) set(status int, result string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.result, f.err, f.asked = status, json.RawMessage(result), err, nil
}

func (f *fake) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "; ")
}

// answerAs reads the result as a T.
func answerAs[T any](ctx context.Context, f *fake, question string, args ...any) (T, error) {
	if f.before != nil {
		f.before(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		question += " " + string(text)
	}
	f.asked = append(f.asked, question)
	var out T
	if f.err != nil {
		return out, f.err
	}
	if _, empty := any(out).(struct{}); empty || len(f.result) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(f.result, &out); err != nil {
		return out, fmt.Errorf("the recorded result does not fit %T: %w", out, err)
	}
	return out, nil
}

func (f *fake) do(ctx context.Context, question string, args ...any) error {
	_, err := answerAs[struct{}](ctx, f, question, args...)
	return err
}

// part narrows the result to a member of the object that it is, for answers
// that the server puts together.
func (f *fake) part(names ...string) (whole json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	whole = f.result
	for _, name := range names {
		var object map[string]json.RawMessage
		if json.Unmarshal(f.result, &object) == nil && object[name] != nil {
			f.result = object[name]
		}
	}
	return whole
}

func (f *fake) restore(whole json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result = whole
}

func (f *fake) ServerInfo(ctx context.Context) (herder.ServerInfo, error) {
	return answerAs[herder.ServerInfo](ctx, f, "ServerInfo")
}

func (f *fake) Health(ctx context.Context) (herder.WorkerStatus, error) {
	return answerAs[herder.WorkerStatus](ctx, f, "Health")
}

func (f *fake) Connectors(ctx context.Context) ([]string, error) {
	names, err := answerAs[[]string](ctx, f, "Connectors")
	if err == nil || f.err != nil {
		return names, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(f.result, &object); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(object)), nil
}

func (f *fake) Connector(ctx context.Context, name string) (herder.ConnectorInfo, error) {
	defer f.restore(f.part(name, "info"))
	return answerAs[herder.ConnectorInfo](ctx, f, "Connector", name)
}

func (f *fake) ConnectorProgress(ctx context.Context, name string) (herder.ConnectorProgress, error) {
	return answerAs[herder.ConnectorProgress](ctx, f, "ConnectorProgress", name)
}

func (f *fake) SendSignal(ctx context.Context, name string, s herder.Signal) (herder.Signal, error) {
	return answerAs[herder.Signal](ctx, f, "SendSignal", name, s)
}

func (f *fake) ConnectorStatus(ctx context.Context, name string) (herder.ConnectorStateInfo, error) {
	defer f.restore(f.part(name, "status"))
	return answerAs[herder.ConnectorStateInfo](ctx, f, "ConnectorStatus", name)
}

func (f *fake) Tasks(ctx context.Context, name string) ([]herder.TaskInfo, error) {
	return answerAs[[]herder.TaskInfo](ctx, f, "Tasks", name)
}

func (f *fake) TaskStatus(ctx context.Context, id state.TaskID) (herder.TaskState, error) {
	return answerAs[herder.TaskState](ctx, f, "TaskStatus", id)
}

func (f *fake) ActiveTopics(ctx context.Context, name string) (herder.ActiveTopics, error) {
	defer f.restore(f.part(name))
	topics, err := answerAs[herder.ActiveTopics](ctx, f, "ActiveTopics", name)
	topics.Connector = name
	return topics, err
}

func (f *fake) ResetActiveTopics(ctx context.Context, name string) error {
	return f.do(ctx, "ResetActiveTopics", name)
}

func (f *fake) PutConnector(ctx context.Context, req herder.PutRequest) (herder.Created, error) {
	info, err := answerAs[herder.ConnectorInfo](ctx, f, "PutConnector", req)
	return herder.Created{Created: f.status == http.StatusCreated, Info: info}, err
}

func (f *fake) PatchConnector(ctx context.Context, name string, p map[string]*string) (herder.ConnectorInfo, error) {
	return answerAs[herder.ConnectorInfo](ctx, f, "PatchConnector", name, p)
}

func (f *fake) DeleteConnector(ctx context.Context, name string) error {
	return f.do(ctx, "DeleteConnector", name)
}

func (f *fake) PauseConnector(ctx context.Context, name string) error {
	return f.do(ctx, "PauseConnector", name)
}

func (f *fake) ResumeConnector(ctx context.Context, name string) error {
	return f.do(ctx, "ResumeConnector", name)
}

func (f *fake) StopConnector(ctx context.Context, name string) error {
	return f.do(ctx, "StopConnector", name)
}

func (f *fake) RestartConnector(ctx context.Context, name string) error {
	return f.do(ctx, "RestartConnector", name)
}

func (f *fake) RestartConnectorAndTasks(ctx context.Context, req herder.RestartRequest) (herder.ConnectorStateInfo, error) {
	return answerAs[herder.ConnectorStateInfo](ctx, f, "RestartConnectorAndTasks", req)
}

func (f *fake) RestartTask(ctx context.Context, id state.TaskID) error {
	return f.do(ctx, "RestartTask", id)
}

func (f *fake) ConnectorOffsets(ctx context.Context, name string) (herder.ConnectorOffsets, error) {
	return answerAs[herder.ConnectorOffsets](ctx, f, "ConnectorOffsets", name)
}

func (f *fake) AlterOffsets(ctx context.Context, name string, o herder.ConnectorOffsets) (herder.Message, error) {
	return answerAs[herder.Message](ctx, f, "AlterOffsets", name, o)
}

func (f *fake) ResetOffsets(ctx context.Context, name string) (herder.Message, error) {
	return answerAs[herder.Message](ctx, f, "ResetOffsets", name)
}

func (f *fake) Plugins(ctx context.Context, connectorsOnly bool) ([]herder.PluginInfo, error) {
	return answerAs[[]herder.PluginInfo](ctx, f, "Plugins", connectorsOnly)
}

func (f *fake) PluginConfig(ctx context.Context, name, version string) ([]herder.ConfigKeyInfo, error) {
	return answerAs[[]herder.ConfigKeyInfo](ctx, f, "PluginConfig", name, version)
}

func (f *fake) Validate(ctx context.Context, config map[string]string) (herder.ConfigInfos, error) {
	return answerAs[herder.ConfigInfos](ctx, f, "Validate", config)
}

func (f *fake) LoggerLevel(ctx context.Context, logger string) (herder.LoggerLevel, error) {
	return answerAs[herder.LoggerLevel](ctx, f, "LoggerLevel", logger)
}

func (f *fake) LoggerLevels(ctx context.Context) (map[string]herder.LoggerLevel, error) {
	return answerAs[map[string]herder.LoggerLevel](ctx, f, "LoggerLevels")
}

func (f *fake) SetLoggerLevel(ctx context.Context, logger, level string) ([]string, error) {
	return answerAs[[]string](ctx, f, "SetLoggerLevel", logger, level)
}

func (f *fake) SetClusterLoggerLevel(ctx context.Context, logger, level string) error {
	return f.do(ctx, "SetClusterLoggerLevel", logger, level)
}

func (f *fake) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string, sig *herder.Signature) error {
	return f.do(ctx, "PutTaskConfigs", name, configs, sig)
}

func (f *fake) FenceZombies(ctx context.Context, name string, sig *herder.Signature) error {
	return f.do(ctx, "FenceZombies", name, sig)
}

// start serves a fake on a port of its own. The log is returned as text.
func start(t *testing.T, f *fake, change func(*Config)) (*Server, *logText) {
	t.Helper()
	log := &logText{}
	cfg := Config{Listeners: []string{"http://127.0.0.1:0"}, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

// logText is a log that may be written and read at the same time.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
}

// ask sends a request as clients of Connect do: METHOD PATH [BODY], and headers
// as "Name: value".
func ask(t *testing.T, base, line string, headers ...string) reply {
	t.Helper()
	method, rest, _ := strings.Cut(line, " ")
	path, body, _ := strings.Cut(rest, " ")
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(base, "/")+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if value == "" {
			req.Header.Del(name)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return reply{res, string(text)}
}
