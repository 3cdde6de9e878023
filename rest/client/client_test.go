package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/millrace/millrace/herder"
)

func TestErr(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		kind    herder.Kind
		message string
	}{
		{400, `{"error_code":400,"message":"odd"}`, herder.BadRequest, "odd"},
		{401, "User cannot access the resource.", herder.Unauthorised, "the worker answered 401 Unauthorized"},
		{403, `{"error_code":403,"message":"no"}`, herder.Forbidden, "no"},
		{404, `{"error_code":404,"message":"gone"}`, herder.NotFound, "gone"},
		{409, `{"error_code":409,"message":"later"}`, herder.Conflict, "later"},
		{503, `{"error_code":503,"message":"starting"}`, herder.Unavailable, "starting"},
		{500, `{"error_code":500,"message":"broken"}`, herder.Internal, "broken"},
		{502, `[]`, herder.Internal, "the worker answered 502 Bad Gateway"},
	} {
		err := Answer{Status: c.status, Body: []byte(c.body)}.Err()
		if herder.KindOf(err) != c.kind || err.Error() != c.message {
			t.Errorf("%d %s: %v (kind %d)", c.status, c.body, err, herder.KindOf(err))
		}
	}
	if err := (Answer{Status: 204}).Err(); err != nil {
		t.Error(err)
	}
}

// Key, text and MAC are those of RFC 4231, test case 2.
func TestSign(t *testing.T) {
	header := http.Header{}
	key := herder.SessionKey{Key: []byte("Jefe"), Algorithm: "HmacSHA256"}
	if err := Sign(header, key, []byte("what do ya want for nothing?")); err != nil {
		t.Fatal(err)
	}
	const want = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
	if got := header.Get(herder.SignatureHeader); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	sig, err := ReadSignature(header, []byte("what do ya want for nothing?"))
	if err != nil || !sig.Valid(key.Key) {
		t.Errorf("not valid: %v", err)
	}
	if forged, err := ReadSignature(header, []byte("something else")); err != nil || forged.Valid(key.Key) {
		t.Errorf("valid for another body: %v", err)
	}
	if err := Sign(header, herder.SessionKey{Key: []byte("k"), Algorithm: "HmacMD5"}, nil); err == nil {
		t.Error("an unknown algorithm is accepted")
	}
}

func TestReadSignature(t *testing.T) {
	header := func(algorithm, mac string) http.Header {
		h := http.Header{}
		h.Set(herder.SignatureAlgorithmHeader, algorithm)
		h.Set(herder.SignatureHeader, mac)
		return h
	}
	for _, h := range []http.Header{{}, header("", "aaaa"), header("HmacSHA256", "")} {
		if sig, err := ReadSignature(h, nil); sig != nil || err != nil {
			t.Errorf("%v: %v, %v", h, sig, err)
		}
	}
	for _, h := range []http.Header{header("none", "aaaa"), header("HmacSHA256", "!")} {
		if _, err := ReadSignature(h, nil); herder.KindOf(err) != herder.BadRequest {
			t.Errorf("%v: %v", h, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	c := New(Config{Timeout: time.Millisecond})
	_, err := c.Do(t.Context(), Request{Method: "GET", URL: s.URL})
	if !errors.Is(err, context.DeadlineExceeded) || herder.KindOf(err) != herder.Internal {
		t.Errorf("got %v", err)
	}
	if err := c.FenceZombies(t.Context(), "not a URL", "a", herder.SessionKey{}); err == nil {
		t.Error("an address that is no URL is accepted")
	}
}
