package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// route is a path with what its methods do. A path segment in braces stands for
// any text, decoded by request.name; a slash at the end makes no difference.
type route struct {
	path    string
	methods methods
}

// operation is what a method of a path does, and what it takes to be allowed to.
type operation struct {
	do   handler
	need need
}

type methods map[string]operation

const (
	get    = http.MethodGet
	put    = http.MethodPut
	post   = http.MethodPost
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// api is everything that Kafka Connect 4.3 serves to users and to other workers,
// and two of ours: /connectors/{connector}/progress and .../signals.
func (s *Server) api() []route {
	return []route{
		{"/", methods{get: {s.serverInfo, readsSome}}},
		{"/health", methods{get: {s.health, open}}},

		{"/connectors", methods{get: {s.listConnectors, readsSome}, post: {s.createConnector, editsSome}}},
		{"/connectors/{connector}", methods{get: {s.connector, reads}, remove: {s.deleteConnector, edits}}},
		{"/connectors/{connector}/config", methods{get: {s.connectorConfig, reads}, put: {s.putConfig, edits}, patch: {s.patchConfig, edits}}},
		{"/connectors/{connector}/status", methods{get: {s.connectorStatus, reads}}},
		{"/connectors/{connector}/progress", methods{get: {s.progress, reads}}},
		{"/connectors/{connector}/signals", methods{post: {s.sendSignal, edits}}},
		{"/connectors/{connector}/restart", methods{post: {s.restartConnector, operates}}},
		{"/connectors/{connector}/pause", methods{put: {s.pauseConnector, operates}}},
		{"/connectors/{connector}/resume", methods{put: {s.resumeConnector, operates}}},
		{"/connectors/{connector}/stop", methods{put: {s.stopConnector, operates}}},
		{"/connectors/{connector}/tasks", methods{get: {s.tasks, reads}, post: {s.putTaskConfigs, signed}}},
		{"/connectors/{connector}/tasks/{task}/status", methods{get: {s.taskStatus, reads}}},
		{"/connectors/{connector}/tasks/{task}/restart", methods{post: {s.restartTask, operates}}},
		{"/connectors/{connector}/topics", methods{get: {s.topics, reads}}},
		{"/connectors/{connector}/topics/reset", methods{put: {s.resetTopics, operates}}},
		{"/connectors/{connector}/offsets", methods{get: {s.offsets, reads}, patch: {s.alterOffsets, edits}, remove: {s.resetOffsets, edits}}},
		{"/connectors/{connector}/fence", methods{put: {s.fenceZombies, signed}}},

		{"/connector-plugins", methods{get: {s.listPlugins, readsSome}}},
		{"/connector-plugins/{plugin}/config", methods{get: {s.pluginConfig, readsSome}}},
		{"/connector-plugins/{plugin}/config/validate", methods{put: {s.validateConfig, editsSome}}},
	}
}

// adminAPI is on the admin listeners, or with the rest when there are none.
func (s *Server) adminAPI() []route {
	return []route{
		{"/admin/loggers", methods{get: {s.loggers, readsAll}}},
		{"/admin/loggers/{logger}", methods{get: {s.logger, readsAll}, put: {s.setLogger, editsAll}}},
	}
}

// mainHandler serves the listeners: the API and, when they are not elsewhere,
// the admin resources.
func (s *Server) mainHandler() http.Handler {
	routes := s.api()
	shared := len(s.cfg.AdminListeners) == 0
	if shared && !s.cfg.NoAdmin {
		routes = append(routes, s.adminAPI()...)
	}
	m := s.router(routes, s.auth)
	if shared && s.cfg.Metrics != nil {
		m.Handle("/metrics", s.protect(s.auth, readsAll, s.cfg.Metrics)).Methods(get, http.MethodHead)
	}
	var h http.Handler = m
	h = s.cors.wrap(withHeaders(s.headers, h))
	return s.logged(canonical(h))
}

// adminHandler serves the admin listeners. As in Java neither extensions nor
// CORS apply to them; access rules do, which Java does not have.
func (s *Server) adminHandler() http.Handler {
	m := s.router(s.adminAPI(), nil)
	if s.cfg.Metrics != nil {
		m.Handle("/metrics", s.protect(nil, readsAll, s.cfg.Metrics)).Methods(get, http.MethodHead)
	}
	if s.cfg.Debug == nil {
		return s.logged(canonical(m))
	}
	api, debug := canonical(m), s.protect(nil, editsAll, s.cfg.Debug)
	return s.logged(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/") { // whose paths may end in a slash
			debug.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
}

func (s *Server) router(routes []route, auth authenticator) *mux.Router {
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	m.NotFoundHandler = s.bare(errNoResource)
	m.MethodNotAllowedHandler = s.bare(errNoMethod)
	for _, r := range routes {
		m.Handle(r.path, &resource{s, r.methods, auth})
	}
	return m
}

// allowed lists the methods of a resource for an Allow header.
func (m methods) allowed() string {
	names := []string{http.MethodOptions}
	for name := range m {
		names = append(names, name)
		if name == get {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
