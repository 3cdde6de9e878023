package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/millrace/millrace/herder"
)

func (s *Server) loggers(ctx context.Context, _ *request) (answer, error) {
	levels, err := s.herder.LoggerLevels(ctx)
	return answer{body: levels}, err
}

func (s *Server) logger(ctx context.Context, r *request) (answer, error) {
	level, err := s.herder.LoggerLevel(ctx, r.name("logger"))
	return answer{body: level}, err
}

// levels are those of Log4j, which Java's workers know.
var levels = map[string]bool{"OFF": true, "FATAL": true, "ERROR": true, "WARN": true, "INFO": true, "DEBUG": true, "TRACE": true, "ALL": true}

// setLogger answers PUT /admin/loggers/{logger}. With scope=cluster all workers
// follow (KIP-976); any other scope is this worker.
func (s *Server) setLogger(ctx context.Context, r *request) (answer, error) {
	var body properties
	if err := decode(r.body, `an object with "level"`, &body); err != nil {
		return answer{}, err
	}
	level := body["level"]
	switch {
	case level == nil:
		return answer{}, herder.Errorf(herder.BadRequest, "Desired 'level' parameter was not specified in request.")
	case !levels[strings.ToUpper(strings.TrimSpace(*level))]:
		return answer{}, herder.Errorf(herder.NotFound, "invalid log level '%s'.", *level)
	}
	scope := r.URL.Query().Get("scope")
	if strings.EqualFold(scope, "cluster") {
		return answer{status: http.StatusNoContent}, s.herder.SetClusterLoggerLevel(ctx, r.name("logger"), *level)
	}
	if scope != "" && !strings.EqualFold(scope, "worker") {
		s.log.Warn("a request to set a log level has an unknown scope, which is taken for worker", "scope", scope)
	}
	changed, err := s.herder.SetLoggerLevel(ctx, r.name("logger"), *level)
	return answer{body: changed}, err
}
