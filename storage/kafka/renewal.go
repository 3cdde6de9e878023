package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// accessToken is what a client logs in with.
type accessToken struct {
	text    string
	issued  time.Time // by its maker's clock (iat); zero when it does not say
	fetched time.Time
	expires time.Time
}

// holds reports whether the token is good, both by the time that has passed and by
// the clock, which may have been set since.
func (a accessToken) holds(now time.Time) bool {
	clock := now.Round(0) // without the monotonic reading
	return a.text != "" && now.Before(a.expires) && clock.Before(a.expires.Round(0)) && !clock.Before(a.fetched.Round(0))
}

// tokenSource fetches a token anew.
type tokenSource func(ctx context.Context) (accessToken, error)

// finalError is one that comes again for sure as long as nobody mends its cause:
// waiting for a better answer is of no use.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

type tokenConfig struct {
	fetch      tokenSource
	from       string // the property that names the source
	extensions map[string]string
	login      LoginSettings
	timeout    time.Duration // of one attempt
	cheap      bool          // fetching costs nothing, so that no token is kept while it works
	refused    func()        // told when a broker does not take a token; may be nil
}

// tokenCache hands out a token and renews it in time: when a login needs one and
// the window of sasl.login.refresh.* has come. Brokers with a session lifetime
// (KIP-368) make clients log in again before their token ends. Attempts are made by
// one goroutine at a time, with growing pauses while they fail, and never for each
// connection; as long as the old token holds it is used.
type tokenCache struct {
	tokenConfig

	mu        sync.Mutex // guards what follows
	held      accessToken
	due       time.Time     // renew it then
	attempt   chan struct{} // closed at the end of the attempt under way; nil without one
	notBefore time.Time     // the next attempt
	failures  int           // attempts in a row that failed
	err       error         // of the last of them
	refusals  int           // by brokers, since one has let a client in
	told      Repeats
}

// Token implements sarama.AccessTokenProvider. Without a token that holds it waits
// for one, up to sasl.login.retry.backoff.max.ms.
func (t *tokenCache) Token() (*sarama.AccessToken, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	deadline := time.Now().Add(t.login.RetryBackoffMax)
	for waited := false; ; waited = true {
		now := time.Now()
		if t.held.holds(now) {
			if now.Before(t.due) || waited || !t.try(now) {
				return &sarama.AccessToken{Token: t.held.text, Extensions: t.extensions}, nil
			}
			t.wait(min(patience, t.held.expires.Sub(now)/2))
			continue
		}
		hopeless := !t.try(now) && (errors.As(t.err, &finalError{}) || t.notBefore.After(deadline))
		if hopeless || !now.Before(deadline) {
			return nil, t.failure()
		}
		if t.attempt == nil {
			t.wait(t.notBefore.Sub(now))
		} else {
			t.wait(deadline.Sub(now))
		}
	}
}

// patience is how long a login waits for a new token while the old one holds.
const patience = time.Second

// failure is why there is no token.
func (t *tokenCache) failure() error {
	if t.err != nil {
		return t.err
	}
	return t.failed(errors.New("there is no answer yet"))
}

func (t *tokenCache) failed(err error) error {
	return &loginError{"fetching an access token (" + t.from + ")", err}
}

// try sees to it that an attempt is under way, unless it is too early for one.
func (t *tokenCache) try(now time.Time) bool {
	if t.attempt != nil {
		return true
	}
	if now.Before(t.notBefore) {
		return false
	}
	ended := make(chan struct{})
	t.attempt = ended
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
		defer cancel()
		token, err := t.fetch(ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.attempt = nil
		t.fetched(token, err)
		close(ended)
	}()
	return true
}

// wait lets go of the lock until the attempt under way has ended, if there is one,
// or the time is over.
func (t *tokenCache) wait(d time.Duration) {
	ended := t.attempt
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

func (t *tokenCache) fetched(token accessToken, err error) {
	now := time.Now()
	token.fetched = now
	if err == nil && !token.holds(now) {
		err = fmt.Errorf("the access token has expired at %s, and this machine's clock says %s: it must be renewed in time, or the clock set", stamp(token.expires), stamp(now))
	}
	if err != nil {
		if t.failures++; t.cheap {
			t.failures, err = 1, finalError{err}
		}
		t.err, t.notBefore = t.failed(err), now.Add(t.login.pause(t.failures))
		if t.held.holds(now) {
			t.told.Log(slog.Default(), slog.LevelWarn, "the access token cannot be renewed; the present one is used until it expires", t.err, "expires", stamp(t.held.expires))
		}
		return
	}
	if t.told.Over() {
		slog.Info("the access token has been renewed", "expires", stamp(token.expires))
	}
	t.failures, t.err = 0, nil
	t.held = token
	if start := token.issued; !t.cheap {
		if start.IsZero() || start.After(now) {
			start = now
		}
		t.due = t.login.renewal(start, token.expires, now, rand.Float64())
	}
}

// heard learns what a broker thinks of the token. One that is refused is renewed,
// but not for each connection: another may be no better.
func (t *tokenCache) heard(rs *kmsg.SASLAuthenticateResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case rs.ErrorCode == 0 && len(rs.SASLAuthBytes) == 0:
		t.refusals = 0
	case sarama.KError(rs.ErrorCode) == sarama.ErrSASLAuthenticationFailed:
		t.refusals++
		if t.refused != nil {
			t.refused()
		}
		now := time.Now()
		t.due = now
		if next := now.Add(max(t.login.pause(t.refusals), time.Second)); t.notBefore.Before(now) {
			t.notBefore = next
		}
	}
}

// advice is for a token that brokers refuse: its source gives no good one, or the
// clocks differ.
func (t *tokenCache) advice() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	const much = time.Minute
	now := time.Now()
	switch ahead := t.held.issued.Sub(t.held.fetched); {
	case t.held.text == "":
		return ""
	case !t.held.holds(now):
		return fmt.Sprintf("; the access token has expired at %s, and this machine's clock says %s: %s must give a newer one", stamp(t.held.expires), stamp(now), t.from)
	case !t.held.issued.IsZero() && ahead > much:
		return fmt.Sprintf("; the access token of %s was issued %s in the future, by this machine's clock: set the clocks", t.from, ahead.Round(10*time.Second))
	case !t.held.issued.IsZero() && ahead < -much:
		return fmt.Sprintf("; the access token of %s was %s old already when it came, by this machine's clock: set the clocks, or have a newer one made", t.from, -ahead.Round(10*time.Second))
	}
	return "; does the broker trust who made the access token (" + t.from + "), and is this machine's clock, which says " + stamp(now) + ", right?"
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
