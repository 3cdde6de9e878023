package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// Acks is told what became of records. Done is called once for each batch, for
// the batches of one partition in the order in which they were written: from the
// sender, or from the appending goroutine once the sender has ended. err is nil when all in-sync replicas have the records. It must not
// block or call the producer, and tags is valid during the call only.
type Acks interface {
	Done(tags []Tags, err error)
}

// Config says how a producer works. Zero values stand for Kafka's defaults.
type Config struct {
	// Client finds leaders and coordinators and takes producer ids. It stays the
	// caller's and may serve many producers; its configuration is that of the
	// connections too.
	Client sarama.Client
	Acks   Acks
	Logger *slog.Logger
	// ClientID names the producer to brokers, whose quotas go by it; "" for the
	// Client's own.
	ClientID string
	// User says in errors who lacks a right; see kafka.Settings.User.
	User string
	// Advised adds to the error of a connection what to look at; nil adds nothing.
	Advised func(error) error

	// BatchBytes is the size at which a batch is sealed. Batches this large are
	// made only under load, as Flush seals them early.
	BatchBytes     int
	MaxRequestSize int
	BufferMemory   int // bytes of batches, open or on their way
	// Pool is memory that other producers share; nil for memory of its own.
	Pool             *Pool
	MaxInFlight      int // requests on a connection, at most 5
	RequestTimeout   time.Duration
	DeliveryTimeout  time.Duration
	MaxBlock         time.Duration // wait for a topic
	RetryBackoff     time.Duration
	RetryBackoffMax  time.Duration
	MetadataMaxAge   time.Duration
	Retries          int // of a batch: negative for none, 0 for as many as DeliveryTimeout leaves room for
	Compression      string
	CompressionLevel *int
	IgnoreKeys       bool
	RoundRobin       bool // records go to the partitions in turn, whatever their key

	// PlainAllowed lets the producer do without a producer id where the cluster
	// denies it one; batches may then be written twice, but never out of order.
	PlainAllowed       bool
	TransactionalID    string
	TransactionTimeout time.Duration
}

// Sizes that suit a worker with many tasks. A batch of half a MiB keeps Kafka's
// cost per record low, and 8 MiB hold what is on its way to a cluster that is
// several milliseconds off.
const (
	DefaultBatchBytes   = 512 << 10
	DefaultBufferMemory = 8 << 20
)

// FromSettings takes over what Java client properties say. batch.size is a lower
// bound here: batches grow beyond it under load only. given names the properties
// that were set: buffer.memory has a default of its own.
func FromSettings(s *kafka.Settings, given kafka.Properties) Config {
	p := &s.Producer
	c := Config{
		User: s.User(), Advised: s.Advised,
		BatchBytes:     max(p.BatchSize, DefaultBatchBytes),
		MaxRequestSize: p.MaxRequestSize, MaxInFlight: p.MaxInFlight,
		RequestTimeout: s.RequestTimeout, DeliveryTimeout: p.DeliveryTimeout, MaxBlock: p.MaxBlock,
		RetryBackoff: s.RetryBackoff, RetryBackoffMax: s.RetryBackoffMax, MetadataMaxAge: s.MetadataMaxAge,
		Retries: p.Retries, Compression: p.Compression, CompressionLevel: p.CompressionLevel, IgnoreKeys: p.IgnoreKeys,
		RoundRobin:   p.RoundRobin,
		PlainAllowed: !p.Idempotent || given["enable.idempotence"] == "", TransactionalID: p.TransactionalID, TransactionTimeout: p.TransactionLimit,
	}
	if p.Retries == 0 {
		c.Retries = -1
	}
	if _, ok := given["buffer.memory"]; ok {
		c.BufferMemory = int(p.BufferMemory)
	}
	return c
}

func (c *Config) complete() error {
	if c.Client == nil || c.Acks == nil {
		return errors.New("a producer needs a client and somebody to tell of acknowledgements")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Advised == nil {
		c.Advised = func(err error) error { return err }
	}
	if c.ClientID == "" {
		c.ClientID = c.Client.Config().ClientID
	}
	setDefault(&c.MaxRequestSize, 1<<20)
	setDefault(&c.BatchBytes, DefaultBatchBytes)
	c.BatchBytes = min(c.BatchBytes, c.MaxRequestSize)
	setDefault(&c.BufferMemory, DefaultBufferMemory)
	setDefault(&c.MaxInFlight, 5)
	setDefault(&c.RequestTimeout, 30*time.Second)
	setDefault(&c.DeliveryTimeout, 2*time.Minute)
	setDefault(&c.MaxBlock, time.Minute)
	setDefault(&c.RetryBackoff, 100*time.Millisecond)
	setDefault(&c.RetryBackoffMax, time.Second)
	setDefault(&c.MetadataMaxAge, 5*time.Minute)
	setDefault(&c.TransactionTimeout, time.Minute)
	if c.Retries == 0 {
		c.Retries = math.MaxInt32
	}
	c.MaxInFlight = min(c.MaxInFlight, 5) // brokers remember the last five batches of a producer
	_, err := codecOf(c.Compression)
	return err
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Producer writes records. Its methods belong to one goroutine, the appending
// one, apart from Close.
type Producer struct {
	cfg    Config
	memory *memory
	mail   *mailbox
	send   *sender

	topics map[string]*Topic
	last   *Topic
	open   []openSlot // slots that hold a batch
	app    Appender
	cur    struct { // where the record under construction stands
		t *Topic
		s *slot
	}

	commit *Commit // that was asked for last; nil for none

	cancel context.CancelFunc
	done   chan struct{} // closed when the sender has ended
	wg     sync.WaitGroup
}

type openSlot struct {
	t *Topic
	s *slot
}

// New makes a producer and starts its sender. A transactional producer takes
// over its transactional id here, which fences others and aborts what they left
// open; it waits until the coordinator has done so or ctx ends.
func New(ctx context.Context, cfg Config) (*Producer, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("making a producer: %w", err)
	}
	life, cancel := context.WithCancel(context.Background())
	p := &Producer{
		cfg: cfg, memory: newMemory(cfg.Pool, cfg.BufferMemory, cfg.BatchBytes), mail: newMailbox(),
		topics: map[string]*Topic{}, cancel: cancel, done: make(chan struct{}),
	}
	p.app.p = p
	p.send = newSender(p, life)
	if cfg.TransactionalID != "" {
		id, err := p.send.initTransactional(ctx, identity{noProducer, -1})
		if err != nil {
			cancel()
			return nil, fmt.Errorf("taking over transactional id %s: %w", cfg.TransactionalID, err)
		}
		p.send.adopt(id)
	}
	go p.send.run()
	return p, nil
}

// Begin starts a record. partition is a partition's number or negative, in
// which case the key decides; a nil key is Kafka's null. ms is the record's time
// in milliseconds since 1970. Begin waits while the producer's memory is used up.
func (p *Producer) Begin(ctx context.Context, t *Topic, partition int32, key []byte, ms int64) (*Appender, error) {
	part, err := p.choose(ctx, t, partition, key)
	if err != nil {
		return nil, err
	}
	s := t.slot(part.id)
	p.room(t, s, len(key))
	if s.b == nil {
		if err := p.openBatch(ctx, t, part, s); err != nil {
			return nil, err
		}
	}
	p.cur.t, p.cur.s = t, s
	p.app.begin(s.b, key, ms, s.width)
	return &p.app, nil
}

func (p *Producer) openBatch(ctx context.Context, t *Topic, part *partition, s *slot) error {
	for {
		if s.b = p.memory.get(part, s.class); s.b != nil {
			p.open = append(p.open, openSlot{t, s})
			return nil
		}
		p.Flush() // open batches of other partitions hold memory too
		select {
		case <-p.memory.account.Freed():
		case <-p.done:
			return p.endedBy()
		case <-ctx.Done():
			return fmt.Errorf("waiting for buffer memory: %w", context.Cause(ctx))
		}
	}
}

// room exchanges a batch's buffer for a larger one before a record is likely to
// outgrow it, so that appending does not have to. Where there is no memory for
// that, the batch goes out as it is.
func (p *Producer) room(t *Topic, s *slot, key int) {
	b := s.b
	if b == nil || b.count == 0 {
		return
	}
	mean := (len(b.buf) - batchOverhead) / int(b.count)
	larger := p.memory.class(cap(b.buf) + 1)
	if cap(b.buf)-len(b.buf) >= 2*mean+key || p.memory.sizes[larger] <= cap(b.buf) {
		return
	}
	if !p.memory.grow(b, larger) {
		p.seal(t, s)
		return
	}
	s.class = max(s.class, larger)
}

// end finishes the record under construction; see Appender.End.
func (p *Producer) end(tag uint64) error {
	t, s, a := p.cur.t, p.cur.s, &p.app
	b := s.b
	s.width = a.finish()
	limit := int(t.limit.Load())
	switch size := len(b.buf) - a.start + batchOverhead; {
	case size > p.cfg.MaxRequestSize:
		return p.drop(a, size, p.cfg.MaxRequestSize, "max.request.size")
	case size > p.cfg.BufferMemory:
		return p.drop(a, size, p.cfg.BufferMemory, "buffer.memory")
	case len(b.buf) > p.cfg.MaxRequestSize:
		return p.carry(tag) // b.count > 1, as the record alone would fit
	}
	b.tag(tag)
	a.b = nil
	if len(b.buf) >= limit || b.count == math.MaxInt32 {
		p.seal(t, s)
	}
	return nil
}

func (p *Producer) drop(a *Appender, size, limit int, setting string) error {
	r, err := a.takeLast()
	if err != nil {
		return err
	}
	key, _ := r.key()
	a.b = nil
	return &RecordTooLarge{Topic: p.cur.t.name, Key: shorten(key), Size: size, Limit: limit, Setting: setting}
}

// carry moves the record that was appended last to a batch of its own, because
// its batch would be larger than a request may be.
func (p *Producer) carry(tag uint64) error {
	t, s := p.cur.t, p.cur.s
	part := s.b.part
	r, err := p.app.takeLast()
	if err != nil {
		return err
	}
	r.rest = slices.Clone(r.rest) // its old place is the sender's from here on
	p.app.b = nil
	p.seal(t, s)
	// The limit on memory waits for the next Begin: the record exists already.
	s.b = p.memory.force(part, len(r.rest)+batchOverhead+32)
	p.open = append(p.open, openSlot{t, s})
	s.b.appendRaw(r, p.app.ms)
	s.b.tag(tag)
	if len(s.b.buf) >= int(t.limit.Load()) {
		p.seal(t, s)
	}
	return nil
}

// seal hands a slot's batch to the sender.
func (p *Producer) seal(t *Topic, s *slot) {
	i := slices.IndexFunc(p.open, func(o openSlot) bool { return o.s == s })
	p.open = slices.Delete(p.open, i, i+1)
	p.hand(t, s)
}

// hand gives the slot's batch to the sender and chooses the size of the next.
func (p *Producer) hand(t *Topic, s *slot) {
	b := s.b
	s.b = nil
	if b.count == 0 {
		p.memory.release(b)
		return
	}
	if b.part.id == t.sticky {
		t.sticky = -1
	}
	if c := p.memory.class(len(b.buf)); c < s.class {
		s.class-- // falls by one size at a time
	} else {
		s.class = c
	}
	p.memory.settle(b)
	if !p.mail.post(b) {
		p.cfg.Acks.Done(b.tags, p.endedBy())
		p.memory.release(b)
	}
}

// Flush sends what has been appended so far, without waiting. The input calls it
// when it has nothing more at hand.
func (p *Producer) Flush() {
	for _, o := range p.open {
		p.hand(o.t, o.s)
	}
	p.open = p.open[:0]
}

// Wait flushes and waits until the fate of every record is known and reported.
func (p *Producer) Wait(ctx context.Context) error {
	p.Flush()
	idle := make(chan struct{})
	p.mail.post(idleWanted{idle})
	select {
	case <-idle:
		return nil
	case <-p.done:
		return p.endedBy()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close sends what has been appended, waits for the answers until ctx ends, and
// then ends the producer; what was not sent fails with ErrClosed. It may be
// called from any goroutine once the appending one has stopped, and twice.
func (p *Producer) Close(ctx context.Context) error {
	err := p.Wait(ctx)
	p.mail.post(closeWanted{})
	<-p.done
	p.cancel()
	p.wg.Wait()
	p.memory.account.Close()
	if err != nil && !errors.Is(err, ErrClosed) {
		return fmt.Errorf("closing a producer: %w", err)
	}
	return nil
}

// BufferedBytes is the memory that batches hold, open or on their way.
func (p *Producer) BufferedBytes() int { return p.memory.account.Used() }

// endedBy says why the sender has ended.
func (p *Producer) endedBy() error {
	<-p.done
	if p.send.fatal != nil {
		return p.send.fatal
	}
	return ErrClosed
}

func shorten(key []byte) string {
	const most = 200
	if len(key) > most {
		return string(key[:most]) + "..."
	}
	return string(key)
}
