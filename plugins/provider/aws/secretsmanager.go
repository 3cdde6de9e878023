package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/millrace/millrace/plugins/connect"
)

// secrets is SecretsManagerConfigProvider.
type secrets struct {
	*common
	missing strategy
	base64  bool // secrets as a whole are encoded (RawSecretEncoding)
}

var _ connect.ConfigProvider = (*secrets)(nil)

// Get implements connect.ConfigProvider. Without a path keys are names of secrets.
func (s *secrets) Get(ctx context.Context, path string, keys []string) (map[string]string, time.Duration, error) {
	all, ttl, err := parseKeys(keys)
	if err != nil || len(all) == 0 {
		return map[string]string{}, 0, err
	}
	out := map[string]string{}
	if path == "" {
		for _, w := range all {
			if out[w.text], err = s.whole(ctx, w.key); err != nil {
				return nil, 0, err
			}
		}
		return out, ttl, nil
	}
	fields, err := s.fields(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	for _, w := range all {
		value, ok := fields[w.key]
		if !ok {
			if value, err = s.missing.missing(fmt.Sprintf("key %q in the secret %q", w.key, path)); err != nil {
				return nil, 0, err
			}
		}
		out[w.text] = value
	}
	return out, ttl, nil
}

// Close implements connect.ConfigProvider.
func (*secrets) Close() error { return nil }

// whole is a secret as it is.
func (s *secrets) whole(ctx context.Context, name string) (string, error) {
	text, found, err := s.read(ctx, name)
	switch {
	case err != nil:
		return "", err
	case !found:
		return s.missing.missing(fmt.Sprintf("secret %q", name))
	case s.base64:
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	}
	return text, nil
}

// fields are those of a secret that is a JSON object; none when it is not there
// and need not be.
func (s *secrets) fields(ctx context.Context, name string) (map[string]string, error) {
	text, found, err := s.read(ctx, name)
	if err != nil {
		return nil, err
	}
	if !found {
		_, err := s.missing.missing(fmt.Sprintf("secret %q", name))
		return nil, err
	}
	return flat(name, text)
}

// flat reads a JSON object of plain values. Errors never quote it.
func flat(name, text string) (map[string]string, error) {
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, &connect.ConfigError{Err: fmt.Errorf("the secret %q is not a JSON object; ${provider:%s} without a key takes it as it is", name, name)}
	}
	out := map[string]string{}
	for key, value := range object {
		switch v := value.(type) {
		case string:
			out[key] = v
		case json.Number, bool:
			out[key] = fmt.Sprint(v)
		case nil:
		default:
			return nil, &connect.ConfigError{Err: fmt.Errorf("the value of %q in the secret %q is not plain: nested values are not supported", key, name)}
		}
	}
	return out, nil
}

// read gets a secret by its name or ARN, which may be URL-encoded.
func (s *secrets) read(ctx context.Context, encoded string) (text string, found bool, err error) {
	name, err := url.QueryUnescape(encoded)
	if err != nil {
		return "", false, &connect.ConfigError{Err: fmt.Errorf("the name of the secret %q: %w", encoded, err)}
	}
	return s.secret(ctx, name)
}

// secret gets a secret by its name or ARN.
func (c *common) secret(ctx context.Context, name string) (text string, found bool, err error) {
	conf, err := c.config(ctx)
	if err != nil {
		return "", false, err
	}
	answer, err := secretsmanager.NewFromConfig(conf).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("reading the secret %q: %w", name, classified(err))
	case answer.SecretString == nil:
		return "", false, &connect.ConfigError{Err: fmt.Errorf("the secret %q is binary, not a text", name)}
	}
	return *answer.SecretString, true, nil
}
