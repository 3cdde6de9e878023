package rest

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/herder"
)

// serverInfo answers GET /.
func (s *Server) serverInfo(ctx context.Context, _ *request) (answer, error) {
	info, err := s.herder.ServerInfo(ctx)
	return answer{body: info}, err
}

// health answers GET /health (KIP-1017): 200 when the worker can do its work,
// 503 while it starts, 500 when it does not get anywhere.
func (s *Server) health(ctx context.Context, _ *request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HealthTimeout)
	defer cancel()
	st, err := s.herder.Health(ctx)
	if err != nil {
		st = herder.WorkerStatus{
			Status:  herder.StatusUnhealthy,
			Message: "Worker was unable to handle this request and may be unable to handle other requests. " + err.Error(),
		}
	}
	status := map[string]int{herder.StatusHealthy: http.StatusOK, herder.StatusStarting: http.StatusServiceUnavailable}[st.Status]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return answer{status: status, body: st}, nil
}
