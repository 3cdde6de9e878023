package kafka

import (
	"net"
	"time"

	"github.com/IBM/sarama"
)

// Sarama makes the configuration of a sarama client with these settings.
func (s *Settings) Sarama() *sarama.Config {
	c := sarama.NewConfig()
	// The protocol versions in use are negotiated with each broker; this is only
	// their upper bound.
	c.Version = sarama.MaxVersion
	c.MetricRegistry = noMetrics{}
	c.ClientID = "millrace"
	if s.ClientID != "" {
		c.ClientID = s.ClientID
	}
	c.RackID = s.Rack
	c.Net.DialTimeout = s.ConnectTimeout
	c.Net.ReadTimeout = s.RequestTimeout
	c.Net.WriteTimeout = s.RequestTimeout
	if s.TLS != nil {
		c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, &loginDialer{net: net.Dialer{Timeout: s.ConnectTimeout}, tls: s.TLS}
	}
	if s.SASL != nil {
		c.Net.SASL.Enable, c.Net.SASL.Handshake, c.Net.SASL.Version = true, true, sarama.SASLHandshakeV1
		s.SASL.configure(c)
	}
	// Only the metadata of topics in use is kept: a cluster may have very many.
	c.Metadata.Full = false
	c.Metadata.AllowAutoTopicCreation = s.Role == RoleProducer
	c.Metadata.RefreshFrequency = s.MetadataMaxAge
	c.Metadata.Retry.Max = 5
	c.Metadata.Retry.BackoffFunc = s.backoff
	c.Admin.Timeout = s.RequestTimeout
	c.Admin.Retry.Max = min(5, s.Producer.Retries)
	c.Admin.Retry.Backoff = s.RetryBackoff
	s.producer(c)
	s.consumer(c)
	return c
}

func (s *Settings) producer(c *sarama.Config) {
	p := &s.Producer
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.RequiredAcks(p.Acks)
	c.Producer.Timeout = s.RequestTimeout
	c.Producer.MaxMessageBytes = p.MaxRequestSize
	c.Producer.Compression = codecs[p.Compression]
	if p.CompressionLevel != nil {
		c.Producer.CompressionLevel = *p.CompressionLevel
	}
	c.Producer.Partitioner = sarama.NewMurmur2Partitioner
	c.Producer.Retry.Max = p.attempts(s.RetryBackoffMax)
	c.Producer.Retry.BackoffFunc = s.backoff
	c.Net.MaxOpenRequests = p.MaxInFlight
	if p.Idempotent {
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1 // all that sarama orders safely
	}
	if p.TransactionalID != "" {
		c.Producer.Transaction.ID = p.TransactionalID
		c.Producer.Transaction.Timeout = p.TransactionLimit
		c.Producer.Transaction.Retry.BackoffFunc = s.backoff
	}
}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

// mostAttempts are a quarter of an hour at a retry.backoff.max.ms of one second.
// sarama keeps 32 bytes for each possible attempt at each partition that is written to.
const mostAttempts = 1 << 10

// attempts bounds the number of retries by delivery.timeout.ms, which sarama
// does not know.
func (p *ProducerSettings) attempts(backoff time.Duration) int {
	n := int64(p.DeliveryTimeout / max(backoff, time.Millisecond))
	return int(min(max(n, 1), int64(p.Retries), mostAttempts))
}

func (s *Settings) consumer(c *sarama.Config) {
	k := &s.Consumer
	c.Consumer.IsolationLevel = sarama.IsolationLevel(k.Isolation)
	c.Consumer.Fetch.Min = int32(max(k.FetchMinBytes, 1))
	c.Consumer.Fetch.Default = int32(k.PartitionMaxBytes)
	c.Consumer.Fetch.MaxBytes = int32(k.FetchMaxBytes)
	c.Consumer.MaxWaitTime = k.FetchMaxWait
	c.Consumer.Retry.Backoff = s.RetryBackoff
	c.Consumer.Group.Session.Timeout = k.SessionTimeout
	c.Consumer.Group.Heartbeat.Interval = k.HeartbeatInterval
	c.Consumer.Group.Rebalance.Timeout = k.MaxPollInterval
	c.Consumer.Group.InstanceId = k.InstanceID
	c.Consumer.Offsets.AutoCommit.Enable = k.AutoCommit
	c.Consumer.Offsets.AutoCommit.Interval = max(k.AutoCommitEvery, time.Millisecond)
	// The other choices are made where partitions are assigned; what is left of a
	// partition that has lost a position is read as a whole rather than passed over.
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	if k.Reset == ResetLatest {
		c.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	c.Consumer.Group.ResetInvalidOffsets = k.Reset != ResetNone
}

// backoff is the wait before retry number n, counted from 1: it doubles from
// retry.backoff.ms up to retry.backoff.max.ms.
func (s *Settings) backoff(n, _ int) time.Duration {
	d := s.RetryBackoff
	for i := 1; i < n && d < s.RetryBackoffMax; i++ {
		d *= 2
	}
	return min(d, max(s.RetryBackoffMax, s.RetryBackoff))
}
