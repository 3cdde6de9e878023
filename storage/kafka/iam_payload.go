package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const iamExpiry = 900 // seconds that a signed payload is valid, as in Java

// iamPayload is the only message of the mechanism AWS_MSK_IAM: a presigned request
// to connect to the host, as a JSON object (aws-msk-iam-auth, "Details").
func iamPayload(ctx context.Context, c aws.Credentials, host, region string, now time.Time) ([]byte, error) {
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {fmt.Sprint(iamExpiry)}}
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	nothing := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, c, rq, hex.EncodeToString(nothing[:]), "kafka-cluster", region, now.UTC())
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return nil, err
	}
	payload := map[string]string{"version": "2020_10_22", "host": host, "user-agent": "millrace"}
	for name, values := range u.Query() {
		payload[strings.ToLower(name)] = values[0]
	}
	return json.Marshal(payload)
}

// mechanism is AWS_MSK_IAM for the dialler.
func (i *iamIdentity) mechanism() saslMechanism {
	return saslMechanism{
		name:      "AWS_MSK_IAM",
		elsewhere: fmt.Sprintf(" (if OAUTHBEARER is among them, set %s=OAUTHBEARER)", iamMechanism),
		begin: func(ctx context.Context, host string) (saslExchange, error) {
			c, err := i.credentials.Retrieve(ctx)
			if err != nil {
				return nil, err
			}
			payload, err := iamPayload(ctx, c, host, i.region, time.Now())
			if err != nil {
				return nil, fmt.Errorf("signing for AWS_MSK_IAM: %w", err)
			}
			return iamExchange{payload, i}, nil
		},
	}
}

// iamExchange is the payload, to which the broker answers with something.
type iamExchange struct {
	payload  []byte
	identity *iamIdentity
}

func (e iamExchange) next(challenge []byte) ([]byte, error) {
	switch {
	case challenge == nil:
		return e.payload, nil
	case len(challenge) == 0:
		return nil, fmt.Errorf("%w: the broker's answer is empty", sarama.ErrSASLAuthenticationFailed)
	}
	return nil, nil
}

func (e iamExchange) refused(reason string) error {
	e.identity.refused()
	return fmt.Errorf("%w: %s (the identity needs kafka-cluster:Connect in its IAM policy, and this machine the right time)",
		sarama.ErrSASLAuthenticationFailed, reason)
}
