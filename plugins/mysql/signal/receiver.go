package signal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// channel brings signals until its context ends.
type channel interface {
	// run calls put for each signal. Failures are logged and tried again.
	run(ctx context.Context, put func(Signal))
	// close ends it; done is the offset behind the last signal that was taken.
	close(done int64)
}

// Config says which channels are open.
type Config struct {
	Channels     []string // signal.enabled.channels
	PollInterval time.Duration
	Connector    string // topic.prefix
	File         string // signal.file
	Topic        string // signal.kafka.topic
	Group        string // signal.kafka.groupId
	Consumer     map[string]string
	Inbox        *Inbox // what comes in-process
	// Ring is called when a signal has come; from any goroutine.
	Ring   func()
	Logger *slog.Logger
}

// Receiver collects the signals of all channels but the source's. Take and Close
// are called by the connector's goroutine.
type Receiver struct {
	cfg      Config
	cancel   context.CancelFunc
	channels []channel
	inbox    *Inbox // nil unless in-process is among the channels
	wg       sync.WaitGroup

	mu    sync.Mutex
	queue []Signal
	done  int64 // offset behind the last signal from a topic that was taken
}

// Start opens the channels.
func Start(ctx context.Context, cfg Config) *Receiver {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &Receiver{cfg: cfg, cancel: cancel}
	for _, name := range cfg.Channels {
		switch name {
		case Kafka:
			r.channels = append(r.channels, &kafkaChannel{cfg: cfg, done: r.taken})
		case File:
			r.channels = append(r.channels, &fileChannel{cfg: cfg})
		case Source:
		case InProcess:
			r.inbox = cfg.Inbox
		case JMX:
			cfg.Logger.Warn("signal.enabled.channels: jmx is ignored, as there is no JMX here; use kafka, file or in-process")
		default:
			cfg.Logger.Warn("signal.enabled.channels: an unknown channel is ignored", "channel", name)
		}
	}
	for _, c := range r.channels {
		r.wg.Go(func() { c.run(ctx, r.put) })
	}
	if r.inbox != nil {
		r.inbox.open(cfg.Ring)
	}
	return r
}

// put hands a signal over.
func (r *Receiver) put(s Signal) {
	r.mu.Lock()
	r.queue = append(r.queue, s)
	r.mu.Unlock()
	r.cfg.Ring()
}

// Take returns the next signal.
func (r *Receiver) Take() (Signal, bool) {
	if s, ok := r.next(); ok || r.inbox == nil {
		return s, ok
	}
	return r.inbox.take()
}

func (r *Receiver) next() (Signal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return Signal{}, false
	}
	s := r.queue[0]
	r.queue = r.queue[1:]
	r.done = max(r.done, s.next)
	return s, true
}

func (r *Receiver) taken() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// Close ends the channels. What was not taken comes again, from where it can.
func (r *Receiver) Close() {
	r.cancel()
	if r.inbox != nil {
		r.inbox.close()
	}
	r.wg.Wait()
	for _, c := range r.channels {
		c.close(r.taken())
	}
}
