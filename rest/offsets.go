package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/millrace/millrace/herder"
)

func (s *Server) offsets(ctx context.Context, r *request) (answer, error) {
	found, err := s.herder.ConnectorOffsets(ctx, r.connector())
	return answer{body: found}, err
}

// alterOffsets answers PATCH /connectors/{connector}/offsets (KIP-875).
func (s *Server) alterOffsets(ctx context.Context, r *request) (answer, error) {
	var body struct {
		Offsets []*herder.ConnectorOffset `json:"offsets"`
	}
	if err := decode(r.body, `an object with a list "offsets"`, &body); err != nil {
		return answer{}, err
	}
	if len(body.Offsets) == 0 {
		return answer{}, herder.Errorf(herder.BadRequest, "Partitions / offsets need to be provided for an alter offsets request")
	}
	var change herder.ConnectorOffsets
	for i, o := range body.Offsets {
		if err := checkOffset(o); err != nil {
			return answer{}, herder.Errorf(herder.BadRequest, "Entry %d of the offsets: %w", i, err)
		}
		change.Offsets = append(change.Offsets, *o)
	}
	done, err := s.herder.AlterOffsets(ctx, r.connector(), change)
	return answer{body: done}, err
}

// checkOffset refuses what no connector can have (OffsetUtils.validateFormat).
func checkOffset(o *herder.ConnectorOffset) error {
	if o == nil {
		return errors.New(`null is given; expected an object with "partition" and "offset"`)
	}
	for _, fields := range []map[string]any{o.Partition, o.Offset} {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			switch fields[name].(type) {
			case map[string]any:
				return fmt.Errorf("Offsets may only contain primitive types as values, but field %s contains MAP", name)
			case []any:
				return fmt.Errorf("Offsets may only contain primitive types as values, but field %s contains ARRAY", name)
			}
		}
	}
	return nil
}

func (s *Server) resetOffsets(ctx context.Context, r *request) (answer, error) {
	done, err := s.herder.ResetOffsets(ctx, r.connector())
	return answer{body: done}, err
}
