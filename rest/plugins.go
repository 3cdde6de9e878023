package rest

import (
	"context"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/rest/access"
)

// listPlugins answers GET /connector-plugins: connectors alone, unless
// connectorsOnly=false.
func (s *Server) listPlugins(ctx context.Context, r *request) (answer, error) {
	plugins, err := s.herder.Plugins(ctx, r.flag("connectorsOnly", true))
	return answer{body: plugins}, err
}

// pluginConfig answers GET /connector-plugins/{plugin}/config; version is a
// range, latest without one (KIP-891).
func (s *Server) pluginConfig(ctx context.Context, r *request) (answer, error) {
	version := "latest"
	if q := r.URL.Query(); q.Has("version") {
		version = q.Get("version")
	}
	keys, err := s.herder.PluginConfig(ctx, r.name("plugin"), version)
	return answer{body: keys}, err
}

// validateConfig answers PUT /connector-plugins/{plugin}/config/validate.
func (s *Server) validateConfig(ctx context.Context, r *request) (answer, error) {
	var body properties
	if err := decode(r.body, aConfig, &body); err != nil {
		return answer{}, err
	}
	config, nulls := body.split()
	plugin := r.name("plugin")
	class, given := config["connector.class"]
	if given && !strings.HasSuffix(baseName(class), baseName(plugin)) {
		return answer{}, herder.Errorf(herder.BadRequest, "Included connector type %s does not match request type %s", class, plugin)
	}
	if name, named := config["name"]; named {
		r.about = name
		if err := s.permit(r, access.Edit, name); err != nil {
			return answer{}, err
		}
	}
	infos, err := s.herder.Validate(ctx, config)
	if err != nil {
		return answer{}, err
	}
	for _, name := range nulls {
		refuseNull(&infos, name)
	}
	return answer{body: infos}, nil
}

// baseName drops the end that Java class names of connectors have and aliases
// may lack.
func baseName(class string) string {
	if short, ok := strings.CutSuffix(class, "Connector"); ok && short != "" {
		return short
	}
	return class
}

// refuseNull adds the error that a property given as null is
// (AbstractHerder.addNullValuedErrors).
func refuseNull(infos *herder.ConfigInfos, name string) {
	const message = "Null value can not be supplied as the configuration value."
	infos.ErrorCount++
	for i := range infos.Configs {
		if v := infos.Configs[i].Value; v != nil && v.Name == name {
			v.Errors = append(v.Errors, message)
			return
		}
	}
	value := herder.ConfigValueInfo{Name: name, RecommendedValues: []string{}, Errors: []string{message}, Visible: true}
	infos.Configs = append(infos.Configs, herder.ConfigInfo{Value: &value})
}
