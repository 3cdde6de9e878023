package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/connect"
)

const (
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	askTimeout = 20 * time.Second
	maxAnswer  = 8 << 20 // bytes; a Secret has at most one MiB
)

// api asks the API server as the pod's service account. It may be used from any
// goroutine.
type api struct {
	url string // https://HOST:PORT; "" outside of a cluster
	dir string // of the service account: token, ca.crt, namespace

	mu   sync.Mutex // guards http
	http *http.Client
}

// inPod finds the API server as every pod does, by its environment.
func inPod() *api {
	a := &api{dir: accountDir}
	if host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"); host != "" && port != "" {
		a.url = "https://" + net.JoinHostPort(host, port)
	}
	return a
}

// get reads the data of a resource. The token is read for each request: Kubernetes
// replaces it now and then.
func (a *api) get(ctx context.Context, k kind, namespace, name string) (map[string]string, error) {
	if a.url == "" {
		return nil, &connect.ConfigError{Err: errors.New("the worker does not run in a Kubernetes cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")}
	}
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	token, err := a.file("token")
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		if namespace, err = a.file("namespace"); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("the %s %s in the namespace %s", k.name, name, namespace)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/api/v1/namespaces/"+namespace+"/"+k.plural+"/"+name, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", what, err)
	}
	rq.Header.Set("Authorization", "Bearer "+token)
	rq.Header.Set("Accept", "application/json")
	rs, err := client.Do(rq)
	if err != nil {
		return nil, connect.Retriable(fmt.Errorf("asking for %s: %w", what, err))
	}
	defer rs.Body.Close()
	return read(rs, k, what)
}

func read(rs *http.Response, k kind, what string) (map[string]string, error) {
	switch rs.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, &connect.ConfigError{Err: fmt.Errorf("%s does not exist", what)}
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, &connect.ConfigError{Err: fmt.Errorf("the API server answered %s for %s: the pod's service account needs a role with the verb get on %s", rs.Status, what, k.plural)}
	default:
		return nil, connect.Retriable(fmt.Errorf("the API server answered %s for %s", rs.Status, what))
	}
	body, err := io.ReadAll(io.LimitReader(rs.Body, maxAnswer))
	if err != nil {
		return nil, connect.Retriable(fmt.Errorf("reading %s: %w", what, err))
	}
	var answer struct {
		Data map[string]string `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("reading %s: the answer is no JSON of such a resource", what) // the error may quote a secret
	}
	return answer.Data, nil
}

// client trusts the cluster's authority alone, and follows no redirections: the token
// is meant for the API server.
func (a *api) client() (*http.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.http != nil {
		return a.http, nil
	}
	authority, err := a.file("ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(authority)) {
		return nil, &connect.ConfigError{Err: fmt.Errorf("%s holds no certificate", filepath.Join(a.dir, "ca.crt"))}
	}
	a.http = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: askTimeout, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return a.http, nil
}

func (a *api) file(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil {
		return "", &connect.ConfigError{Err: fmt.Errorf("reading the pod's service account: %w", err)}
	}
	return strings.TrimSpace(string(b)), nil
}

func (a *api) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.http != nil {
		a.http.CloseIdleConnections()
	}
}
