package rest

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/herder"
)

// topics answers GET /connectors/{connector}/topics (KIP-558).
func (s *Server) topics(ctx context.Context, r *request) (answer, error) {
	if err := s.tracked(false); err != nil {
		return answer{}, err
	}
	found, err := s.herder.ActiveTopics(ctx, r.connector())
	return answer{body: map[string]herder.ActiveTopics{found.Connector: found}}, err
}

func (s *Server) resetTopics(ctx context.Context, r *request) (answer, error) {
	if err := s.tracked(true); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted}, s.herder.ResetActiveTopics(ctx, r.connector())
}

func (s *Server) tracked(reset bool) error {
	switch {
	case s.cfg.NoTopicTracking:
		return herder.Errorf(herder.Forbidden, "Topic tracking is disabled.")
	case reset && s.cfg.NoTopicReset:
		return herder.Errorf(herder.Forbidden, "Topic tracking reset is disabled.")
	}
	return nil
}
