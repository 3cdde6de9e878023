package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	mskModule  = "software.amazon.msk.auth.iam.IAMLoginModule"
	mskHandler = "software.amazon.msk.auth.iam.IAMClientCallbackHandler"
	mskOAuth   = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"

	// iamMechanism is a property of our own: clusters that offer the identity of
	// AWS_MSK_IAM as OAUTHBEARER only are served by setting it to that.
	iamMechanism = "millrace.msk.iam.mechanism"

	globalRegion   = "aws-global" // STS without a region, as Java's default
	iamSessionName = "aws-msk-iam-auth"
	iamBackoff     = 500 * time.Millisecond // before the first repetition; doubles
	iamWindow      = time.Minute            // before credentials expire, in which they are renewed
	iamAgain       = 10 * time.Second       // between attempts to renew them
)

// iamIdentity is who a client is on a cluster that authenticates by IAM.
type iamIdentity struct {
	region      string
	credentials *aws.CredentialsCache // renews them before they expire

	mu       sync.Mutex
	doubtful time.Time // the last time that they were given up
}

// refused has the credentials looked for anew, now and then: those in use may have
// been replaced, or have expired by the clock of others.
func (i *iamIdentity) refused() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := time.Now(); now.Sub(i.doubtful) >= iamAgain {
		i.doubtful = now
		i.credentials.Invalidate()
	}
}

// msk reads the properties of Amazon's Java library for the mechanism
// AWS_MSK_IAM.
func (r saslReader) msk() (func(*sarama.Config), error) {
	if err := r.wants(mskModule); err != nil {
		return nil, err
	}
	if _, err := r.callback("sasl.client.callback.handler.class", mskHandler); err != nil {
		return nil, err
	}
	switch how := strings.TrimSpace(r.properties[iamMechanism]); how {
	case "", "AWS_MSK_IAM":
	case "OAUTHBEARER":
		return r.mskTokens()
	default:
		return nil, propertyError(iamMechanism, "%q is neither AWS_MSK_IAM nor OAUTHBEARER", how)
	}
	identity, err := r.iamIdentity()
	if err != nil {
		return nil, err
	}
	return r.dialled(identity.mechanism()), nil
}

// mskTokens serves the same identity by OAUTHBEARER.
func (r saslReader) mskTokens() (func(*sarama.Config), error) {
	identity, err := r.iamIdentity()
	if err != nil {
		return nil, err
	}
	source := func(ctx context.Context) (accessToken, error) {
		token, expires, err := signer.GenerateAuthTokenFromCredentialsProvider(ctx, identity.region, identity.credentials)
		return accessToken{text: token, expires: time.UnixMilli(expires)}, err
	}
	return r.withTokens(tokenConfig{fetch: source, from: "sasl.jaas.config", refused: identity.refused}), nil
}

func (r saslReader) iamIdentity() (*iamIdentity, error) {
	region, err := r.region()
	if err != nil {
		return nil, err
	}
	loader, err := newIAMLoader(region, r.module.Options)
	if err != nil {
		return nil, err
	}
	renewed := func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = iamWindow }
	return &iamIdentity{region: region, credentials: aws.NewCredentialsCache(loader, renewed)}, nil
}

var mskHost = regexp.MustCompile(`\.kafka(?:-serverless)?\.([a-z0-9-]+)\.(?:api\.aws|amazonaws\.com(?:\.cn)?)(?::\d+)?$`)

// region is the AWS region to sign for: that of the broker's name, as Java takes
// it, else that of the environment.
func (r saslReader) region() (string, error) {
	for _, addr := range r.settings.Bootstrap {
		if m := mskHost.FindStringSubmatch(addr); m != nil {
			return m[1], nil
		}
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if v := os.Getenv(name); v != "" {
			return v, nil
		}
	}
	return "", propertyError("bootstrap.servers", "no AWS region in the brokers' names, and AWS_REGION is not set")
}

// iamLoader finds credentials as aws-msk-iam-auth does (MSKCredentialProvider): the
// named profile, then the role, then the default chain; the first that has any.
type iamLoader struct {
	region     string
	stsRegion  string
	ways       []iamWay
	retries    int
	maxBackoff time.Duration
	debug      bool // awsDebugCreds: logs whose credentials they are

	// The cache's, which makes one call at a time.
	last    *iamWay   // that found the present credentials
	expires time.Time // when they do; zero for never
	told    Repeats
}

type iamWay struct {
	name string
	load func(context.Context) (aws.Credentials, error)
}

func newIAMLoader(region string, o map[string]string) (*iamLoader, error) {
	l := &iamLoader{region: region, stsRegion: o["awsStsRegion"], debug: o["awsDebugCreds"] == "true"}
	if l.stsRegion == "" {
		l.stsRegion = globalRegion
	}
	var err error
	if l.retries, err = optionInt(o, "awsMaxRetries", 3); err != nil {
		return nil, err
	}
	ms, err := optionInt(o, "awsMaxBackOffTimeMs", 5000)
	if err != nil {
		return nil, err
	}
	l.maxBackoff = time.Duration(ms) * time.Millisecond
	if profile := o["awsProfileName"]; profile != "" {
		l.ways = append(l.ways, iamWay{"awsProfileName " + profile, l.fromConfig(config.WithSharedConfigProfile(profile))})
	}
	if arn := o["awsRoleArn"]; arn != "" {
		l.ways = append(l.ways, iamWay{"awsRoleArn " + arn, l.fromRole(arn, o)})
	}
	l.ways = append(l.ways, iamWay{"the default chain", l.fromConfig()})
	return l, nil
}

// optionInt reads a number of at least 0 from the login module's options.
func optionInt(o map[string]string, name string, otherwise int) (int, error) {
	text, given := o[name]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, propertyError("sasl.jaas.config", "%s=%q is not a number of at least 0", name, text)
	}
	return n, nil
}

func (l *iamLoader) config(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx, append(options, config.WithRegion(l.region))...)
}

func (l *iamLoader) fromConfig(options ...func(*config.LoadOptions) error) func(context.Context) (aws.Credentials, error) {
	return func(ctx context.Context) (aws.Credentials, error) {
		cfg, err := l.config(ctx, options...)
		if err != nil {
			return aws.Credentials{}, err
		}
		return cfg.Credentials.Retrieve(ctx)
	}
}

// fromRole assumes a role: as the holder of the keys that stand beside it, in which
// case the external id does not count, or else as the default identity.
func (l *iamLoader) fromRole(arn string, o map[string]string) func(context.Context) (aws.Credentials, error) {
	var options []func(*config.LoadOptions) error
	externalID := o["awsRoleExternalId"]
	if key, secret := o["awsRoleAccessKeyId"], o["awsRoleSecretAccessKey"]; key != "" && secret != "" {
		externalID = ""
		source := credentials.NewStaticCredentialsProvider(key, secret, o["awsRoleSessionToken"])
		options = append(options, config.WithCredentialsProvider(source))
	}
	return func(ctx context.Context) (aws.Credentials, error) {
		cfg, err := l.config(ctx, options...)
		if err != nil {
			return aws.Credentials{}, err
		}
		return stscreds.NewAssumeRoleProvider(l.sts(cfg), arn, func(a *stscreds.AssumeRoleOptions) {
			a.RoleSessionName = o["awsRoleSessionName"]
			if a.RoleSessionName == "" {
				a.RoleSessionName = iamSessionName
			}
			if externalID != "" {
				a.ExternalID = aws.String(externalID)
			}
		}).Retrieve(ctx)
	}
}

func (l *iamLoader) sts(cfg aws.Config) *sts.Client {
	return sts.NewFromConfig(cfg, func(o *sts.Options) { o.Region = l.stsRegion })
}

// Retrieve implements aws.CredentialsProvider. The error tells of each way that was
// tried, and holds no credentials.
func (l *iamLoader) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for try := 0; ; try++ {
		c, err := l.once(ctx)
		if err == nil {
			l.found(ctx, c)
			return c, nil
		}
		if try >= l.retries {
			return c, &loginError{"sasl.jaas.config: finding AWS credentials", err}
		}
		pause := rand.N(min(iamBackoff<<min(try, 20), max(l.maxBackoff, 1)))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return c, &loginError{"sasl.jaas.config: finding AWS credentials", errors.Join(ctx.Err(), err)}
		}
	}
}

func (l *iamLoader) found(ctx context.Context, c aws.Credentials) {
	if l.expires = c.Expires; !c.CanExpire {
		l.expires = time.Time{}
	}
	if l.told.Over() {
		slog.InfoContext(ctx, "the AWS credentials have been renewed", "property", "sasl.jaas.config", "source", c.Source)
	}
	if l.debug {
		l.logIdentity(ctx, c)
	}
}

// HandleFailToRefresh keeps the credentials in use as long as they hold.
func (l *iamLoader) HandleFailToRefresh(ctx context.Context, present aws.Credentials, err error) (aws.Credentials, error) {
	now := time.Now()
	if !present.HasKeys() || !now.Before(l.expires) {
		return aws.Credentials{}, err
	}
	l.told.Log(slog.Default(), slog.LevelWarn, "the AWS credentials cannot be renewed; the present ones are used until they expire", err, "expires", stamp(l.expires))
	present.Expires = now.Add(iamAgain)
	if present.Expires.After(l.expires) {
		present.Expires = l.expires
	}
	present.Expires = present.Expires.Add(iamWindow) // which the cache takes off
	return present, nil
}

// once tries the ways in turn. When one has worked it is the only one from then on
// (AwsCredentialsProviderChain): to go on as somebody else is no help.
func (l *iamLoader) once(ctx context.Context) (aws.Credentials, error) {
	ways := l.ways
	if l.last != nil {
		ways = []iamWay{*l.last}
	}
	var errs []error
	for i, w := range ways {
		c, err := w.load(ctx)
		if err == nil && c.HasKeys() {
			l.last = &ways[i]
			return c, nil
		}
		if err == nil {
			err = errors.New("has no keys")
		}
		errs = append(errs, fmt.Errorf("%s: %w", w.name, err))
	}
	return aws.Credentials{}, errors.Join(errs...)
}

func (l *iamLoader) logIdentity(ctx context.Context, c aws.Credentials) {
	cfg, err := l.config(ctx, config.WithCredentialsProvider(credentials.StaticCredentialsProvider{Value: c}))
	if err == nil {
		var who *sts.GetCallerIdentityOutput
		if who, err = l.sts(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			slog.InfoContext(ctx, "the identity of the AWS credentials (awsDebugCreds)",
				"account", aws.ToString(who.Account), "arn", aws.ToString(who.Arn), "source", c.Source)
			return
		}
	}
	slog.WarnContext(ctx, "asking AWS for the identity of the credentials failed (awsDebugCreds)", "error", err)
}
