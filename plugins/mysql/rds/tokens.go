// Package rds makes the tokens by which a user of Amazon RDS or Aurora logs in instead of a password (IAM database
// authentication; "Connecting to your DB instance using IAM authentication" in Amazon's guide). A token is a request that
// is signed for host, port, user and region; it opens connections for 15 minutes, so each connection gets one of its own.
package rds

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const defaultPort = 3306

// Config says for whom tokens are.
type Config struct {
	Host string
	Port int // 3306 when 0
	User string
	// Region of the database; "" for that of Host, or else of AWS_REGION or AWS_DEFAULT_REGION.
	Region string
	// Profile in AWS's shared files; "" for the default chain of credentials.
	Profile string
	// Role is the ARN of a role to assume; "" for none.
	Role string
}

// Tokens makes tokens. It may be used by several goroutines.
type Tokens struct {
	cfg      Config
	endpoint string

	mu          sync.Mutex // guards credentials
	credentials aws.CredentialsProvider
}

// New finds the region.
func New(cfg Config) (*Tokens, error) {
	var err error
	if cfg.Region, err = region(cfg); err != nil {
		return nil, err
	}
	if cfg.Port == 0 {
		cfg.Port = defaultPort
	}
	return &Tokens{cfg: cfg, endpoint: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))}, nil
}

// host matches endpoints of instances, clusters and proxies.
var host = regexp.MustCompile(`\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?\.?$`)

func region(cfg Config) (string, error) {
	if cfg.Region != "" {
		return cfg.Region, nil
	}
	if m := host.FindStringSubmatch(cfg.Host); m != nil {
		return m[1], nil
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if v := os.Getenv(name); v != "" {
			return v, nil
		}
	}
	return "", fmt.Errorf("database.iam.region: database.hostname %q does not name an AWS region, and AWS_REGION is not set; set database.iam.region", cfg.Host)
}

// Token makes a token for one connection.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	c, err := t.provider(ctx)
	if err != nil {
		return "", err
	}
	token, err := auth.BuildAuthToken(ctx, t.endpoint, t.cfg.Region, t.cfg.User, c)
	if err != nil {
		return "", fmt.Errorf("signing for %s in %s: %w", t.endpoint, t.cfg.Region, err)
	}
	return token, nil
}

// provider loads the credentials, once they can be loaded. They renew themselves.
func (t *Tokens) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.credentials != nil {
		return t.credentials, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(t.cfg.Region)}
	if t.cfg.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(t.cfg.Profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("loading AWS credentials: %w", err)
	}
	t.credentials = loaded.Credentials
	if t.cfg.Role != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), t.cfg.Role, func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "millrace" })
		t.credentials = aws.NewCredentialsCache(role)
	}
	return t.credentials, nil
}
