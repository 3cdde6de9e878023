package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/millrace/millrace/plugins/connect"
)

// parameters is SsmParamStoreConfigProvider. Keys are names of parameters.
type parameters struct {
	*common
	missing strategy
}

var _ connect.ConfigProvider = (*parameters)(nil)

// Get implements connect.ConfigProvider. The path means nothing, as in Java.
func (p *parameters) Get(ctx context.Context, _ string, keys []string) (map[string]string, time.Duration, error) {
	all, ttl, err := parseKeys(keys)
	if err != nil || len(all) == 0 {
		return map[string]string{}, 0, err
	}
	conf, err := p.config(ctx)
	if err != nil {
		return nil, 0, err
	}
	client, out := ssm.NewFromConfig(conf), map[string]string{}
	for _, w := range all {
		answer, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &w.key, WithDecryption: aws.Bool(true)})
		var missing *types.ParameterNotFound
		switch {
		case errors.As(err, &missing):
			if out[w.text], err = p.missing.missing(fmt.Sprintf("parameter %q", w.key)); err != nil {
				return nil, 0, err
			}
		case err != nil:
			return nil, 0, fmt.Errorf("reading the parameter %q: %w", w.key, classified(err))
		default:
			out[w.text] = aws.ToString(answer.Parameter.Value)
		}
	}
	return out, ttl, nil
}

// Close implements connect.ConfigProvider.
func (*parameters) Close() error { return nil }
