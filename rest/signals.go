package rest

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/herder"
)

// loggedData is how much of a signal's data the log shows.
const loggedData = 1000

// sendSignal answers POST /connectors/{connector}/signals: the task has the signal
// in its memory when it answers. Its log line is that of the worker that has
// the task; the audit log has the request besides. Signals may hold conditions in
// SQL, as configurations may, so they take the same role.
func (s *Server) sendSignal(ctx context.Context, r *request) (answer, error) {
	var sig herder.Signal
	if err := decode(r.body, `an object with "id", "type" and "data"`, &sig); err != nil {
		return answer{}, err
	}
	sent, err := s.herder.SendSignal(ctx, r.connector(), sig)
	if err != nil {
		return answer{}, err
	}
	s.log.Info("a signal is taken", "connector", r.connector(), "signal", sent.ID, "type", sig.Type,
		"data", string(sig.Data[:min(len(sig.Data), loggedData)]), "client", r.RemoteAddr, "user", s.userOf(r))
	return answer{status: http.StatusAccepted, body: sent}, nil
}
