package rest

import (
	"context"
	"net/http"
)

func (s *Server) tasks(ctx context.Context, r *request) (answer, error) {
	tasks, err := s.herder.Tasks(ctx, r.connector())
	return answer{body: tasks}, err
}

func (s *Server) taskStatus(ctx context.Context, r *request) (answer, error) {
	id, err := r.taskID()
	if err != nil {
		return answer{}, err
	}
	st, err := s.herder.TaskStatus(ctx, id)
	return answer{body: st}, err
}

func (s *Server) progress(ctx context.Context, r *request) (answer, error) {
	p, err := s.herder.ConnectorProgress(ctx, r.connector())
	return answer{body: p}, err
}

func (s *Server) restartTask(ctx context.Context, r *request) (answer, error) {
	id, err := r.taskID()
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, s.herder.RestartTask(ctx, id)
}
