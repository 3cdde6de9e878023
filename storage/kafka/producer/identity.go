package producer

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// identified reports whether there is a producer id to send with, and sees to it
// that there will be. A new one is taken only when nothing is on its way.
func (s *sender) identified(now time.Time) bool {
	if s.renew {
		if s.flying > 0 {
			return false
		}
		s.renew, s.idPhase = false, idMissing
	}
	switch {
	case s.idPhase == idReady:
		return true
	case s.idPhase == idPending || now.Before(s.idAfter):
		return false
	}
	s.idPhase = idPending
	client, mail := s.cfg.Client, s.p.mail
	go func() {
		id, err := askIdentity(client)
		mail.post(identityDone{id, err})
	}()
	return false
}

func askIdentity(client sarama.Client) (identity, error) {
	b := client.LeastLoadedBroker()
	if b == nil {
		return identity{}, errors.New("no broker is known")
	}
	r, err := b.InitProducerID(&sarama.InitProducerIDRequest{Version: 4, ProducerID: noProducer, ProducerEpoch: -1})
	switch {
	case err != nil:
		_ = b.Close() // after a failed read the connection is of no more use
		return identity{}, err
	case r.Err != sarama.ErrNoError:
		return identity{}, r.Err
	}
	return identity{r.ProducerID, r.ProducerEpoch}, nil
}

func (s *sender) onIdentity(e identityDone) {
	switch {
	case e.err == nil:
		s.adopt(e.id)
	case errors.Is(e.err, sarama.ErrClusterAuthorizationFailed) && s.cfg.PlainAllowed:
		s.log.Info("the cluster gives this user no producer id: writing without, one batch at a time")
		s.plain = true
		s.adopt(identity{noProducer, -1})
	case kafka.IsAuthentication(e.err):
		s.failLogin(fmt.Errorf("taking a producer id: %w", e.err))
	case errors.Is(e.err, sarama.ErrClusterAuthorizationFailed):
		s.fail(fmt.Errorf("taking a producer id: %w", s.explained(e.err)))
	default:
		s.idPhase = idMissing
		s.meta.wanted = true // which finds other brokers
		s.idAfter = time.Now().Add(s.cfg.RetryBackoffMax)
		s.log.Warn("could not take a producer id", "error", s.cfg.Advised(e.err))
	}
}

// adopt goes on under a new producer id or epoch: sequence numbers start at 0.
// Nothing is on its way.
func (s *sender) adopt(id identity) {
	s.id, s.idPhase = id, idReady
	for _, t := range s.topics {
		for _, p := range t.known {
			p.established, p.recovering = false, false
			for _, b := range p.queue {
				b.maybeStored = false
			}
			p.renumber(0)
			s.schedule(p)
		}
	}
}
