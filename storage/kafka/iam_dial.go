package kafka

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	iamExpiry = 900 // seconds that a signed payload is valid, as in Java
	iamPause  = time.Second
	iamAnswer = 1 << 20 // bytes; no answer of a handshake is longer
)

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

// iamDialer connects, makes TLS and authenticates by AWS_MSK_IAM. After an attempt
// that failed it leaves a broker alone for a second: brokers of MSK admit only a few
// new IAM connections each second.
type iamDialer struct {
	identity *iamIdentity
	tls      *tls.Config // nil without TLS
	net      net.Dialer
	timeout  time.Duration // of the handshakes
	clientID string

	mu     sync.Mutex
	failed map[string]time.Time // by address: the last attempt that failed
}

func newIAMDialer(identity *iamIdentity, s *Settings) *iamDialer {
	return &iamDialer{
		identity: identity, tls: s.TLS, net: net.Dialer{Timeout: s.ConnectTimeout}, timeout: s.RequestTimeout, clientID: s.ClientID,
		failed: map[string]time.Time{},
	}
}

// Dial implements proxy.Dialer. The connection ends before the session of its
// authentication does (connections.max.reauth.ms); its user connects anew.
func (d *iamDialer) Dial(network, addr string) (net.Conn, error) {
	d.mu.Lock()
	pause := time.Until(d.failed[addr].Add(iamPause))
	d.mu.Unlock()
	time.Sleep(pause)
	conn, err := d.connect(network, addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed[addr] = time.Now()
		return nil, err
	}
	delete(d.failed, addr)
	return conn, nil
}

func (d *iamDialer) connect(network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	conn, err := d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if d.tls != nil {
		cfg := d.tls.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName = host
		}
		conn = tls.Client(conn, cfg)
	}
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline)
	if t, ok := conn.(*tls.Conn); ok && err == nil {
		err = t.HandshakeContext(ctx)
	}
	var lifetime time.Duration
	if err == nil {
		lifetime, err = d.authenticate(ctx, conn, host)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newSession(conn, lifetime), nil
}

// authenticate speaks SASL (KIP-152) and returns how long it holds; 0 means for ever.
func (d *iamDialer) authenticate(ctx context.Context, conn net.Conn, host string) (time.Duration, error) {
	c, err := d.identity.credentials.Retrieve(ctx)
	if err != nil {
		return 0, err
	}
	payload, err := iamPayload(ctx, c, host, d.identity.region, time.Now())
	if err != nil {
		return 0, fmt.Errorf("signing for AWS_MSK_IAM: %w", err)
	}
	hello := kmsg.NewPtrSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, "AWS_MSK_IAM"
	offered := kmsg.NewPtrSASLHandshakeResponse()
	offered.Version = 1
	if err := d.ask(conn, hello, offered); err != nil {
		return 0, err
	}
	if offered.ErrorCode != 0 {
		return 0, fmt.Errorf("sasl.mechanism: the broker offers %s and not AWS_MSK_IAM (if OAUTHBEARER is among them, set %s=OAUTHBEARER): %w",
			strings.Join(offered.SupportedMechanisms, ", "), iamMechanism, sarama.KError(offered.ErrorCode))
	}
	return d.present(conn, payload)
}

func (d *iamDialer) present(conn net.Conn, payload []byte) (time.Duration, error) {
	rq, rs := kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
	rq.Version, rq.SASLAuthBytes, rs.Version = 1, payload, 1
	switch err := d.ask(conn, rq, rs); {
	case err != nil:
		return 0, err
	case rs.ErrorCode != 0:
		reason := sarama.KError(rs.ErrorCode).Error()
		if rs.ErrorMessage != nil {
			reason = *rs.ErrorMessage
		}
		return 0, fmt.Errorf("%w: %s (the identity needs kafka-cluster:Connect in its IAM policy, and this machine the right time)",
			sarama.ErrSASLAuthenticationFailed, reason)
	case len(rs.SASLAuthBytes) == 0:
		return 0, fmt.Errorf("%w: the broker's answer is empty", sarama.ErrSASLAuthenticationFailed)
	}
	return time.Duration(rs.SessionLifetimeMillis) * time.Millisecond, nil
}

// ask sends a request and reads its answer into rs.
func (d *iamDialer) ask(conn net.Conn, rq kmsg.Request, rs kmsg.Response) error {
	const correlation = 1
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(d.clientID)).AppendRequest(nil, rq, correlation)); err != nil {
		return err
	}
	var head [8]byte // size, correlation id
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > iamAnswer || binary.BigEndian.Uint32(head[4:]) != correlation {
		return errors.New("the broker's answer is not Kafka's protocol: does security.protocol fit its listener?")
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	return rs.ReadFrom(body)
}

// session is a connection that refuses to send once its authentication is about to
// end: the broker would close it with the request unanswered.
type session struct {
	net.Conn
	until time.Time // zero: for ever
}

var errSessionOver = fmt.Errorf("the authenticated session is over: %w", net.ErrClosed)

func newSession(conn net.Conn, lifetime time.Duration) *session {
	s := &session{Conn: conn}
	if lifetime > 0 {
		s.until = time.Now().Add(lifetime * 9 / 10)
	}
	return s
}

func (s *session) Write(b []byte) (int, error) {
	if !s.until.IsZero() && time.Now().After(s.until) {
		_ = s.Close()
		return 0, errSessionOver
	}
	return s.Conn.Write(b)
}
