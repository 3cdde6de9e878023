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

type methods map[string]handler

const (
	get    = http.MethodGet
	put    = http.MethodPut
	post   = http.MethodPost
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// api is everything that Kafka Connect 4.3 serves to users and to other workers,
// and /connectors/{connector}/progress.
func (s *Server) api() []route {
	return []route{
		{"/", methods{get: s.serverInfo}},
		{"/health", methods{get: s.health}},

		{"/connectors", methods{get: s.listConnectors, post: s.createConnector}},
		{"/connectors/{connector}", methods{get: s.connector, remove: s.deleteConnector}},
		{"/connectors/{connector}/config", methods{get: s.connectorConfig, put: s.putConfig, patch: s.patchConfig}},
		{"/connectors/{connector}/status", methods{get: s.connectorStatus}},
		{"/connectors/{connector}/progress", methods{get: s.progress}},
		{"/connectors/{connector}/restart", methods{post: s.restartConnector}},
		{"/connectors/{connector}/pause", methods{put: s.pauseConnector}},
		{"/connectors/{connector}/resume", methods{put: s.resumeConnector}},
		{"/connectors/{connector}/stop", methods{put: s.stopConnector}},
		{"/connectors/{connector}/tasks", methods{get: s.tasks, post: s.putTaskConfigs}},
		{"/connectors/{connector}/tasks/{task}/status", methods{get: s.taskStatus}},
		{"/connectors/{connector}/tasks/{task}/restart", methods{post: s.restartTask}},
		{"/connectors/{connector}/topics", methods{get: s.topics}},
		{"/connectors/{connector}/topics/reset", methods{put: s.resetTopics}},
		{"/connectors/{connector}/offsets", methods{get: s.offsets, patch: s.alterOffsets, remove: s.resetOffsets}},
		{"/connectors/{connector}/fence", methods{put: s.fenceZombies}},

		{"/connector-plugins", methods{get: s.listPlugins}},
		{"/connector-plugins/{plugin}/config", methods{get: s.pluginConfig}},
		{"/connector-plugins/{plugin}/config/validate", methods{put: s.validateConfig}},
	}
}

// adminAPI is on the admin listeners, or with the rest when there are none.
func (s *Server) adminAPI() []route {
	return []route{
		{"/admin/loggers", methods{get: s.loggers}},
		{"/admin/loggers/{logger}", methods{get: s.logger, put: s.setLogger}},
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
		m.Handle("/metrics", protect(s.auth, s.cfg.Metrics)).Methods(get, http.MethodHead)
	}
	var h http.Handler = m
	h = s.cors.wrap(withHeaders(s.headers, h))
	return s.logged(canonical(h))
}

// adminHandler serves the admin listeners. As in Java neither extensions nor
// CORS apply to them.
func (s *Server) adminHandler() http.Handler {
	m := s.router(s.adminAPI(), nil)
	if s.cfg.Metrics != nil {
		m.Handle("/metrics", s.cfg.Metrics).Methods(get, http.MethodHead)
	}
	if s.cfg.Debug == nil {
		return s.logged(canonical(m))
	}
	api := canonical(m)
	return s.logged(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/") { // whose paths may end in a slash
			s.cfg.Debug.ServeHTTP(w, r)
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
