package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Facts of ExpiringCredentialRefreshingLogin.refreshMs.
func TestRenewalIsJavas(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name       string
		start, end time.Duration // from now
		change     func(*LoginSettings)
		random     float64
		want       time.Duration
	}{
		{"an hour", 0, time.Hour, nil, 0, 48 * time.Minute},
		{"an hour, with jitter", 0, time.Hour, nil, 1, 51 * time.Minute},
		{"issued before", -30 * time.Minute, 30 * time.Minute, nil, 0, 18 * time.Minute},
		{"its buffer", 0, 20 * time.Minute, nil, 0, 15 * time.Minute},
		{"its least period", -50 * time.Minute, 10 * time.Minute, nil, 0, time.Minute},
		{"too short for both", 0, 100 * time.Second, nil, 0, 80 * time.Second},
		{"too short for both, issued before", -10 * time.Minute, 100 * time.Second, nil, 0, 80 * time.Second},
		{"no buffer", 0, 20 * time.Minute, func(l *LoginSettings) { l.Buffer = 0 }, 0, 16 * time.Minute},
		{"another factor", 0, time.Hour, func(l *LoginSettings) { l.WindowFactor = 0.5 }, 0, 30 * time.Minute},
	} {
		l := defaultLogin()
		if c.change != nil {
			c.change(&l)
		}
		if got := l.renewal(now.Add(c.start), now.Add(c.end), now, c.random).Sub(now); got != c.want {
			t.Errorf("%s: after %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLoginProperties(t *testing.T) {
	base := Properties{"bootstrap.servers": "b:1"}
	s, err := ParseSettings(RoleAdmin, base.With(Properties{
		"sasl.login.refresh.window.factor": "0.5", "sasl.login.refresh.window.jitter": "0.25", "sasl.login.refresh.min.period.seconds": "900",
		"sasl.login.refresh.buffer.seconds": "0", "sasl.login.retry.backoff.ms": "50", "sasl.login.retry.backoff.max.ms": "400",
		"sasl.login.connect.timeout.ms": "1000", "sasl.login.read.timeout.ms": "2000",
	}))
	want := LoginSettings{0.5, 0.25, 15 * time.Minute, 0, 50 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}
	if err != nil || s.Login != want || len(s.Notes) != 0 {
		t.Errorf("%+v %v %v", s, s.Notes, err)
	}
	for n, want := range []time.Duration{1: 50, 2: 100, 3: 200, 4: 400, 5: 400, 99: 400} {
		if n > 0 && want > 0 && s.Login.pause(n) != want*time.Millisecond {
			t.Errorf("the pause after attempt %d is %s", n, s.Login.pause(n))
		}
	}
	for name, value := range map[string]string{
		"sasl.login.refresh.window.factor": "0.4", "sasl.login.refresh.window.jitter": "NaN", "sasl.login.refresh.min.period.seconds": "901",
		"sasl.login.refresh.buffer.seconds": "-1", "sasl.login.retry.backoff.ms": "x",
	} {
		if _, err := ParseSettings(RoleAdmin, base.With(Properties{name: value})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// maker makes tokens, or fails.
type maker struct {
	mu    sync.Mutex
	life  time.Duration
	err   error
	hangs bool
	asked int
}

func (m *maker) fetch(ctx context.Context) (accessToken, error) {
	m.mu.Lock()
	m.asked++
	life, err, hangs := m.life, m.err, m.hangs
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return accessToken{}, ctx.Err()
	}
	time.Sleep(20 * time.Millisecond) // as a server does
	now := time.Now()
	return accessToken{text: now.Add(life).Format(time.RFC3339Nano), issued: now, expires: now.Add(life)}, err
}

func (m *maker) set(change func(*maker)) (asked int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
	return m.asked
}

func (m *maker) count() int { return m.set(func(*maker) {}) }

func newTokens(m *maker) *tokenCache {
	return &tokenCache{tokenConfig: tokenConfig{fetch: m.fetch, from: tokenEndpoint, login: defaultLogin(), timeout: 30 * time.Second}}
}

// expects asks for a token; one that is handed out must hold.
func expects(t *testing.T, c *tokenCache, want string) {
	t.Helper()
	token, err := c.Token()
	switch {
	case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Fatalf("error %v, want %q", err, want)
	case err != nil:
		return
	}
	if expires, err := time.Parse(time.RFC3339Nano, token.Token); err != nil || !time.Now().Before(expires) {
		t.Fatalf("at %s the token %s is handed out, %v", time.Now().Format(time.RFC3339Nano), token.Token, err)
	}
}

// Tokens that live for ten seconds are renewed before they end, once for all who need one.
func TestShortTokensAreRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{life: 10 * time.Second}
		c := newTokens(m)
		for range 1200 { // two minutes
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { expects(t, c, "") })
			}
			wg.Wait()
			time.Sleep(100 * time.Millisecond)
		}
		if n := m.count(); n < 12 || n > 16 {
			t.Errorf("%d tokens were fetched in two minutes", n)
		}
	})
}

// While its source fails the old token is used until it ends. Then there is an error, and few attempts, however many ask;
// it goes on by itself.
func TestTokenSourceFailsInMidRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{life: 10 * time.Second}
		c := newTokens(m)
		expects(t, c, "")
		began := m.set(func(m *maker) { m.err = errors.New("it rains") })
		for range 98 {
			expects(t, c, "")
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		for over := time.Now().Add(2 * time.Minute); time.Now().Before(over); {
			expects(t, c, "fetching an access token ("+tokenEndpoint+"): it rains")
		}
		if n := m.count() - began; n < 10 || n > 25 {
			t.Errorf("%d attempts in two minutes", n)
		}
		m.set(func(m *maker) { m.err = nil })
		expects(t, c, "") // after the pause
		if !IsRetriable(c.failed(errors.New("x"))) {
			t.Error("an error of a token's source is not worth another try")
		}
	})
}

// What only somebody can mend is told of at once, and not asked for again with each connection.
func TestRefusedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{life: time.Minute, err: finalError{errors.New("401")}}
		c := newTokens(m)
		began := time.Now()
		for range 1000 {
			expects(t, c, "401")
			time.Sleep(10 * time.Millisecond)
		}
		if n := m.count(); n > 9 {
			t.Errorf("%d attempts in %s", n, time.Since(began))
		}
	})
}

// A source that does not answer holds up nobody who has a token.
func TestSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{life: time.Minute}
		c := newTokens(m)
		expects(t, c, "")
		m.set(func(m *maker) { m.hangs = true })
		time.Sleep(55 * time.Second)
		began := time.Now()
		expects(t, c, "")
		if took := time.Since(began); took > patience {
			t.Errorf("it took %s", took)
		}
		time.Sleep(10 * time.Second)
		began = time.Now()
		expects(t, c, "there is no answer yet")
		if took := time.Since(began); took > c.login.RetryBackoffMax {
			t.Errorf("without a token it took %s", took)
		}
		m.set(func(m *maker) { m.hangs = false })
		time.Sleep(time.Minute)
		expects(t, c, "")
	})
}

// A token that a broker refuses is replaced before it ends, but not for each connection.
func TestRefusedTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{life: time.Hour}
		c := newTokens(m)
		refused, taken := kmsg.NewPtrSASLAuthenticateResponse(), kmsg.NewPtrSASLAuthenticateResponse()
		refused.ErrorCode = int16(sarama.ErrSASLAuthenticationFailed)
		challenge := kmsg.NewPtrSASLAuthenticateResponse()
		challenge.SASLAuthBytes = []byte(`{"status":"invalid_token"}`)
		for range 600 { // a minute
			expects(t, c, "")
			c.heard(challenge)
			c.heard(refused)
			time.Sleep(100 * time.Millisecond)
		}
		if n := m.count(); n < 6 || n > 20 {
			t.Errorf("%d tokens in a minute of refusals", n)
		}
		time.Sleep(10 * time.Second)
		expects(t, c, "")
		c.heard(taken)
		n := m.count()
		for range 600 {
			time.Sleep(time.Second)
			expects(t, c, "")
		}
		if m.count() != n {
			t.Error("a token that was taken is fetched again")
		}
	})
}

// What a maker says of a token's life counts from when it came: its clock may differ. A clock that is set ends what it
// would let live too long.
func TestClocksThatDiffer(t *testing.T) {
	jwt := func(issued, expires time.Duration) string {
		return claims(t, time.Now().Add(issued), time.Now().Add(expires))
	}
	const skew = 10 * time.Minute
	for name, c := range map[string]struct {
		token string
		said  time.Duration // expires_in
		want  time.Duration
	}{
		"the clocks agree":           {jwt(0, time.Minute), time.Minute, time.Minute},
		"its maker is ahead":         {jwt(skew, skew+time.Minute), time.Minute, time.Minute},
		"its maker is behind":        {jwt(-skew, -skew+time.Minute), time.Minute, time.Minute},
		"behind, without expires_in": {jwt(-skew, -skew+time.Minute), 0, time.Minute},
		"less than was said":         {jwt(0, 57*time.Second), time.Minute, 57 * time.Second},
		"no claims":                  {"opaque", 90 * time.Second, 90 * time.Second},
		"nothing said":               {"opaque", 0, assumedLife},
	} {
		got := time.Until(freshToken(c.token, c.said).expires)
		if got > c.want || got < c.want-1100*time.Millisecond { // claims are in whole seconds
			t.Errorf("%s: it holds for %s, want %s", name, got, c.want)
		}
	}
	now := time.Now()
	a := accessToken{text: "x", fetched: now, expires: now.Add(time.Minute)}
	clock := now.Round(0)
	for _, c := range []struct {
		at   time.Time
		want bool
	}{{now, true}, {now.Add(time.Minute), false}, {clock.Add(10 * time.Minute), false}, {clock.Add(-10 * time.Minute), false}, {clock.Add(time.Second), true}} {
		if a.holds(c.at) != c.want {
			t.Errorf("at %s it holds: %t", c.at, !c.want)
		}
	}
}

// Advice says which clock to look at, and names the setting.
func TestTokenAdvice(t *testing.T) {
	now := time.Now()
	for want, held := range map[string]accessToken{
		"was issued 10m0s in the future":     {text: "x", fetched: now, issued: now.Add(10 * time.Minute), expires: now.Add(time.Hour)},
		"was 10m0s old already when it came": {text: "x", fetched: now, issued: now.Add(-10 * time.Minute), expires: now.Add(time.Hour)},
		"has expired at":                     {text: "x", fetched: now.Add(-time.Hour), expires: now.Add(-time.Minute)},
		"does the broker trust who made":     {text: "x", fetched: now, issued: now, expires: now.Add(time.Hour)},
	} {
		c := newTokens(&maker{})
		c.held = held
		if got := c.advice(); !strings.Contains(got, want) || !strings.Contains(got, tokenEndpoint) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A file is read when a token is needed. One that nobody renews is told of, and its renewal seen.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := newTokens(&maker{})
	c.fetch, c.cheap = fileToken(path), true
	wants := func(token, text string) {
		t.Helper()
		got, err := c.Token()
		switch {
		case text != "" && (err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), tokenEndpoint)):
			t.Errorf("error %v, want %q", err, text)
		case text == "" && (err != nil || got.Token != token):
			t.Errorf("%v %v, want %q", got, err, token)
		}
	}
	wants("", "no such file")
	first, second := claims(t, time.Now(), time.Now().Add(time.Minute)), claims(t, time.Now(), time.Now().Add(2*time.Minute))
	put(first)
	time.Sleep(110 * time.Millisecond)
	wants(first, "")
	put(second + "\n")
	wants(second, "")
	put("") // somebody is writing
	wants(second, "")
	c.held = accessToken{}
	put(claims(t, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)))
	time.Sleep(110 * time.Millisecond)
	wants("", "the access token has expired at")
}

// Errors of a token end point name the setting, and show neither tokens nor passwords, wherever they stand.
func TestTokenEndpointErrors(t *testing.T) {
	const secret = "MARKED"
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"refused":         {401, `{"error":"invalid_client","error_description":"` + secret + `"}`, "401 Unauthorized (invalid_client): check sasl.oauthbearer.client.credentials"},
		"an unknown code": {400, `{"error":"` + secret + `"}`, "answered 400 Bad Request"},
		"broken":          {500, secret, "answered 500"},
		"no such page":    {404, secret, "answered 404"},
		"garbage":         {200, `<html>` + secret, "holds no access_token"},
		"another form":    {200, `{"token":"` + secret + `"}`, "holds no access_token"},
		"a list":          {200, `{"access_token":["` + secret + `"]}`, "holds no access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, c.status, c.body)
			u, err := url.Parse(server)
			if err != nil {
				t.Fatal(err)
			}
			u.User, u.Path, u.RawQuery = url.UserPassword(secret, secret), "/oauth/token", "key="+secret
			_, err = tokenOf(t, u.String(), secret)
			for _, want := range []string{c.want, server + "/oauth/token", tokenEndpoint} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	_, err := tokenOf(t, "http://"+secret+":"+secret+"@127.0.0.1:1/token?key="+secret, secret)
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "http://127.0.0.1:1/token") {
		t.Errorf("an end point that cannot be reached: %v", err)
	}
	token, err := tokenOf(t, answering(t, 200, `{"access_token":"a.b.c","expires_in":"3599"}`), secret)
	if err != nil || token.Token != "a.b.c" {
		t.Errorf("expires_in as text: %v %v", token, err)
	}
}

func tokenOf(t *testing.T, endpoint, password string) (*sarama.AccessToken, error) {
	t.Helper()
	c, err := saslConfig(t, Properties{
		"sasl.mechanism": "OAUTHBEARER", tokenEndpoint: endpoint, "sasl.login.callback.handler.class": oauthHandler,
		"sasl.login.retry.backoff.ms": "10000", // as long as a login waits: it fails with the first answer
		"sasl.jaas.config":            oauthLogin + ` clientId="me" clientSecret="` + password + `";`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Net.SASL.TokenProvider.Token()
}

func answering(t *testing.T, status int, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a client that has gone cannot be told
	})
}

// A connection tells of the answers to logins, and of nothing else.
func TestWatchLogins(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	var heard []int64
	c := WatchLogins(here, func(rs *kmsg.SASLAuthenticateResponse) { heard = append(heard, rs.SessionLifetimeMillis) })
	exchange := func(rq kmsg.Request, answer []byte) {
		t.Helper()
		framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
		go func() {
			_, _ = there.Read(make([]byte, 1<<10))
			for _, b := range framed { // in pieces
				_, _ = there.Write([]byte{b})
			}
		}()
		if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, rq, 7)); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(framed); {
			n, err := c.Read(make([]byte, 1<<10))
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
	for version := range int16(3) {
		rq, rs := kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
		rq.Version, rs.Version, rs.SessionLifetimeMillis = version, version, int64(version)*1000
		head := []byte{0, 0, 0, 7}
		if rs.IsFlexible() {
			head = append(head, 0)
		}
		exchange(rq, rs.AppendTo(head))
		exchange(kmsg.NewPtrSASLHandshakeRequest(), []byte{0, 0, 0, 8, 0, 0, 0, 0, 0, 0})
		exchange(rq, []byte{0, 0, 0, 9, 1}) // broken
	}
	if len(heard) != 3 || heard[1] != 1000 || heard[2] != 2000 {
		t.Errorf("heard of %v", heard)
	}
}

func FuzzReadLogin(f *testing.F) {
	rs := kmsg.NewPtrSASLAuthenticateResponse()
	body := rs.AppendTo([]byte{0, 0, 0, 7})
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...), int16(0))
	f.Fuzz(func(t *testing.T, b []byte, version int16) {
		rs, whole := readLogin(b, version%3)
		if rs != nil && !whole {
			t.Error("an answer that is not whole is read")
		}
	})
}
