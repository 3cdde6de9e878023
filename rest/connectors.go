package rest

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
)

const aConfig = "an object of the connector's properties"

// listConnectors answers GET /connectors: names or, with expand, an object per
// connector.
func (s *Server) listConnectors(ctx context.Context, r *request) (answer, error) {
	names, err := s.herder.Connectors(ctx)
	if err != nil {
		return answer{}, err
	}
	names = s.visible(r, names)
	expand, wanted := r.URL.Query()["expand"]
	if !wanted {
		return answer{body: names}, nil
	}
	out := make(map[string]map[string]any, len(names))
	for _, name := range names {
		found, err := s.expanded(ctx, name, expand)
		switch {
		case err == nil:
			out[name] = found
		case herder.KindOf(err) != herder.NotFound: // deleted meanwhile
			return answer{}, err
		}
	}
	return answer{body: out}, nil
}

// expanded describes a connector by what expand asks for; other words than info
// and status ask for nothing.
func (s *Server) expanded(ctx context.Context, name string, expand []string) (map[string]any, error) {
	out := map[string]any{}
	for _, what := range expand {
		var err error
		switch what {
		case "info":
			out[what], err = s.herder.Connector(ctx, name)
		case "status":
			out[what], err = s.herder.ConnectorStatus(ctx, name)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// createConnector answers POST /connectors.
func (s *Server) createConnector(ctx context.Context, r *request) (answer, error) {
	var body createRequest
	if err := decode(r.body, `an object with "name" and "config"`, &body); err != nil {
		return answer{}, err
	}
	req, err := body.put()
	if err != nil {
		return answer{}, err
	}
	r.about = req.Name
	if err := s.permit(r, access.Edit, req.Name); err != nil {
		return answer{}, err
	}
	made, err := s.herder.PutConnector(ctx, req)
	return answer{status: http.StatusCreated, body: made.Info, created: req.Name}, err
}

// putConfig answers PUT /connectors/{connector}/config, which creates a
// connector too.
func (s *Server) putConfig(ctx context.Context, r *request) (answer, error) {
	var body properties
	if err := decode(r.body, aConfig, &body); err != nil {
		return answer{}, err
	}
	req := herder.PutRequest{Name: r.connector(), Replace: true}
	req.Config, req.Nulls = body.split()
	made, err := s.herder.PutConnector(ctx, req)
	if made.Created {
		return answer{status: http.StatusCreated, body: made.Info, created: req.Name}, err
	}
	return answer{body: made.Info}, err
}

// patchConfig answers PATCH /connectors/{connector}/config (KIP-477).
func (s *Server) patchConfig(ctx context.Context, r *request) (answer, error) {
	var body properties
	if err := decode(r.body, "an object of properties, null for those to remove", &body); err != nil {
		return answer{}, err
	}
	info, err := s.herder.PatchConnector(ctx, r.connector(), body)
	return answer{body: info}, err
}

func (s *Server) connector(ctx context.Context, r *request) (answer, error) {
	info, err := s.herder.Connector(ctx, r.connector())
	return answer{body: info}, err
}

func (s *Server) connectorConfig(ctx context.Context, r *request) (answer, error) {
	info, err := s.herder.Connector(ctx, r.connector())
	return answer{body: info.Config}, err
}

func (s *Server) connectorStatus(ctx context.Context, r *request) (answer, error) {
	st, err := s.herder.ConnectorStatus(ctx, r.connector())
	return answer{body: st}, err
}

func (s *Server) deleteConnector(ctx context.Context, r *request) (answer, error) {
	return answer{status: http.StatusNoContent}, s.herder.DeleteConnector(ctx, r.connector())
}

func (s *Server) pauseConnector(ctx context.Context, r *request) (answer, error) {
	return answer{status: http.StatusAccepted}, s.herder.PauseConnector(ctx, r.connector())
}

func (s *Server) resumeConnector(ctx context.Context, r *request) (answer, error) {
	return answer{status: http.StatusAccepted}, s.herder.ResumeConnector(ctx, r.connector())
}

func (s *Server) stopConnector(ctx context.Context, r *request) (answer, error) {
	return answer{status: http.StatusNoContent}, s.herder.StopConnector(ctx, r.connector())
}

// restartConnector answers POST /connectors/{connector}/restart. Without
// parameters it is done when it answers; otherwise the answer shows what the
// restart will do (KIP-745).
func (s *Server) restartConnector(ctx context.Context, r *request) (answer, error) {
	req := herder.RestartRequest{
		Connector:    r.connector(),
		OnlyFailed:   r.flag("onlyFailed", false),
		IncludeTasks: r.flag("includeTasks", false),
	}
	if req.ConnectorOnly() {
		return answer{status: http.StatusNoContent}, s.herder.RestartConnector(ctx, req.Connector)
	}
	st, err := s.herder.RestartConnectorAndTasks(ctx, req)
	return answer{status: http.StatusAccepted, body: st}, err
}
