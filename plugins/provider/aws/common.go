package aws

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// common is what all providers have.
type common struct {
	region, endpoint string
	key, secretKey   string // credentials that are given; the default ones without

	mu     sync.Mutex // guards loaded
	loaded *aws.Config
}

func commonKeys() []configdef.Key {
	return []configdef.Key{
		{Name: "region", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Medium,
			Doc: "Region of the service. By default that of the worker."},
		{Name: "endpoint", Type: configdef.String, Default: configdef.Text(""), Importance: configdef.Medium,
			Doc: "Address of the service, in place of the usual one of its region."},
	}
}

func newCommon(v *configdef.Values) *common {
	return &common{region: strings.TrimSpace(v.String("region")), endpoint: strings.TrimSpace(v.String("endpoint"))}
}

// config finds credentials and the region, at the first use.
func (c *common) config(ctx context.Context) (aws.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil {
		return *c.loaded, nil
	}
	var options []func(*config.LoadOptions) error
	if c.region != "" {
		options = append(options, config.WithRegion(c.region))
	}
	if c.key != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.key, c.secretKey, "")))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("reading the settings for Amazon's services: %w", err)
	}
	if loaded.Region == "" {
		return aws.Config{}, &connect.ConfigError{Key: "region", Err: errors.New("no region is known: set the provider's param.region, or AWS_REGION")}
	}
	if c.endpoint != "" {
		loaded.BaseEndpoint = aws.String(c.endpoint)
	}
	c.loaded = &loaded
	return loaded, nil
}

// classified gives an error of a service its class.
func classified(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorFault() == smithy.FaultClient && !strings.Contains(api.ErrorCode(), "Throttl") {
		return &connect.ConfigError{Err: err}
	}
	return connect.Retriable(err)
}

// wanted is a key with its options, such as password?ttl=60000.
type wanted struct {
	text string // as it stands in the variable
	key  string
	ttl  time.Duration // 0 for none
}

func parseKey(text string) (wanted, error) {
	key, options, _ := strings.Cut(text, "?")
	w := wanted{text: text, key: key}
	for option := range strings.SplitSeq(options, "&") {
		value, ok := strings.CutPrefix(option, "ttl=")
		if !ok {
			continue
		}
		ms, err := strconv.ParseInt(value, 10, 64)
		if err != nil || ms <= 0 || ms > math.MaxInt64/int64(time.Millisecond) {
			return w, fmt.Errorf("the time to live of %s is %q, not a number of milliseconds from 1 to %d", key, value, math.MaxInt64/int64(time.Millisecond))
		}
		w.ttl = time.Duration(ms) * time.Millisecond
	}
	return w, nil
}

// parseKeys reads keys and the shortest of their times to live.
func parseKeys(texts []string) (all []wanted, ttl time.Duration, err error) {
	for _, text := range texts {
		w, err := parseKey(text)
		if err != nil {
			return nil, 0, err
		}
		if w.ttl > 0 && (ttl == 0 || w.ttl < ttl) {
			ttl = w.ttl
		}
		all = append(all, w)
	}
	return all, ttl, nil
}

// strategy is what happens with what is not there (NotFoundStrategy).
type strategy string

func strategyKey() configdef.Key {
	return configdef.Key{Name: "NotFoundStrategy", Type: configdef.String, Default: configdef.Text("ignore"), Importance: configdef.Low,
		Validate: configdef.OneOf("fail", "ignore"),
		Doc:      "What becomes of a value that is not there: fail reports it, ignore takes an empty text."}
}

// missing is the value of what is not there, or an error.
func (s strategy) missing(what string) (string, error) {
	if s == "fail" {
		return "", &connect.ConfigError{Err: fmt.Errorf("there is no %s", what)}
	}
	return "", nil
}
