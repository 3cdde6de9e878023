package rest

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/client"
)

// putTaskConfigs answers POST /connectors/{connector}/tasks, by which a
// connector's worker gives the leader its task configurations.
func (s *Server) putTaskConfigs(ctx context.Context, r *request) (answer, error) {
	sig, err := client.ReadSignature(r.Header, r.body)
	if err != nil {
		return answer{}, err
	}
	var body []properties
	if err := decode(r.body, "a list of task configurations", &body); err != nil {
		return answer{}, err
	}
	configs := make([]map[string]string, len(body))
	for i, p := range body {
		var nulls []string
		if configs[i], nulls = p.split(); len(nulls) > 0 {
			return answer{}, herder.Errorf(herder.BadRequest, "The property %s of task %d is null", nulls[0], i)
		}
	}
	return done(s.herder.PutTaskConfigs(ctx, r.connector(), configs, sig))
}

// fenceZombies answers PUT /connectors/{connector}/fence (KIP-618).
func (s *Server) fenceZombies(ctx context.Context, r *request) (answer, error) {
	sig, err := client.ReadSignature(r.Header, r.body)
	if err != nil {
		return answer{}, err
	}
	return done(s.herder.FenceZombies(ctx, r.connector(), sig))
}

func done(err error) (answer, error) { return answer{status: http.StatusNoContent}, err }
