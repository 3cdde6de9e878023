package rest

import (
	"context"

	"github.com/millrace/millrace/herder"
)

func (s *Server) offsets(ctx context.Context, r *request) (answer, error) {
	found, err := s.herder.ConnectorOffsets(ctx, r.connector())
	return answer{body: found}, err
}

// alterOffsets answers PATCH /connectors/{connector}/offsets (KIP-875).
func (s *Server) alterOffsets(ctx context.Context, r *request) (answer, error) {
	var body herder.ConnectorOffsets
	if err := decode(r.body, `an object with a list "offsets"`, &body); err != nil {
		return answer{}, err
	}
	if len(body.Offsets) == 0 {
		return answer{}, herder.Errorf(herder.BadRequest, "Partitions / offsets need to be provided for an alter offsets request")
	}
	done, err := s.herder.AlterOffsets(ctx, r.connector(), body)
	return answer{body: done}, err
}

func (s *Server) resetOffsets(ctx context.Context, r *request) (answer, error) {
	done, err := s.herder.ResetOffsets(ctx, r.connector())
	return answer{body: done}, err
}
