package kafka

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials are renewed a minute before they expire. While that fails those in use are kept, and asked for every ten
// seconds; the second way is never taken once the first one has worked.
func TestAWSCredentialsAreKeptWhileTheyHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails bool
		asked := 0
		role := func(context.Context) (aws.Credentials, error) {
			asked++
			if fails {
				return aws.Credentials{}, errors.New("STS is away")
			}
			return aws.Credentials{AccessKeyID: "role", SecretAccessKey: "s", CanExpire: true, Expires: time.Now().Add(10 * time.Minute)}, nil
		}
		other := func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "other", SecretAccessKey: "s"}, nil
		}
		l := &iamLoader{ways: []iamWay{{"a role", role}, {"another", other}}}
		cache := aws.NewCredentialsCache(l, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = iamWindow })
		every := func(d time.Duration, want string) {
			t.Helper()
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				if c, err := cache.Retrieve(t.Context()); c.AccessKeyID != want || (err == nil) != (want != "") {
					t.Fatalf("%s before the end: %s %v", time.Until(end), c.AccessKeyID, err)
				}
			}
		}
		every(9*time.Minute, "role")
		if asked != 1 {
			t.Errorf("credentials that hold were asked for %d times", asked)
		}
		fails = true
		every(59*time.Second, "role")
		if asked < 5 || asked > 8 {
			t.Errorf("within a minute they were asked for %d times", asked-1)
		}
		time.Sleep(time.Second)
		every(time.Minute, "")
		fails = false
		every(time.Minute, "role")
	})
}
