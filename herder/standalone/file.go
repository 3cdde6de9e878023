package standalone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/storage/state"
)

// ReadConnector reads a connector from a file: Java properties, a JSON object of
// properties, or a request as POST /connectors takes it (KIP-1040,
// ConnectStandalone.parseConnectorConfigurationFile).
func ReadConnector(path string) (herder.PutRequest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return herder.PutRequest{}, fmt.Errorf("reading a connector: %w", err)
	}
	req, err := parseConnector(text)
	if err != nil {
		return herder.PutRequest{}, fmt.Errorf("reading the connector of %s: %w", path, err)
	}
	return req, nil
}

func parseConnector(text []byte) (herder.PutRequest, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		props, err := kafka.ParseProperties(text)
		if err != nil {
			return herder.PutRequest{}, err
		}
		return named(props)
	}
	var fields map[string]json.RawMessage
	if err := unmarshal(text, &fields); err != nil {
		return herder.PutRequest{}, fmt.Errorf("it is not valid JSON: %w", err)
	}
	if body := bytes.TrimSpace(fields["config"]); len(body) > 0 && body[0] == '{' {
		return request(text)
	}
	props, err := scalars(fields)
	if err != nil {
		return herder.PutRequest{}, err
	}
	return named(props)
}

// unmarshal reads one value; numbers keep their text.
func unmarshal(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// scalars reads the values of a JSON object as text.
func scalars(fields map[string]json.RawMessage) (map[string]string, error) {
	out := map[string]string{}
	for k, raw := range fields {
		var v any
		if err := unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		switch v := v.(type) {
		case string, json.Number, bool:
			out[k] = fmt.Sprint(v)
		case nil:
			return nil, fmt.Errorf("%s: null is not a value", k)
		default:
			return nil, fmt.Errorf("%s: a text, number or boolean is needed", k)
		}
	}
	return out, nil
}

func named(props map[string]string) (herder.PutRequest, error) {
	name, ok := props["name"]
	if !ok {
		return herder.PutRequest{}, errors.New("the mandatory 'name' configuration is missing")
	}
	return herder.PutRequest{Name: name, Config: props}, nil
}

// request reads the form of POST /connectors; fields it does not know are ignored.
func request(text []byte) (herder.PutRequest, error) {
	var body struct {
		Name    string                     `json:"name"`
		Config  map[string]json.RawMessage `json:"config"`
		Initial string                     `json:"initial_state"`
	}
	if err := unmarshal(text, &body); err != nil {
		return herder.PutRequest{}, err
	}
	props, err := scalars(body.Config)
	if err != nil {
		return herder.PutRequest{}, fmt.Errorf("config: %w", err)
	}
	config, err := herder.CheckName(body.Name, props)
	if err != nil {
		return herder.PutRequest{}, errors.New("connector name configuration in 'config' doesn't match the one specified in 'name'")
	}
	req := herder.PutRequest{Name: body.Name, Config: config}
	switch s := strings.ToUpper(body.Initial); s {
	case "":
	case "RUNNING":
		req.Target = state.TargetStarted
	case "PAUSED", "STOPPED":
		req.Target = state.Target(s)
	default:
		return req, fmt.Errorf("initial_state: %q is not one of RUNNING, PAUSED, STOPPED", body.Initial)
	}
	return req, nil
}
