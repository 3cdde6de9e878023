package kafka

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

func TestElectionsOfAControllerAreWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		without int // answers that there is no controller
		then    error
		want    error
		after   time.Duration
	}{
		"elected":       {without: 3, after: 3 * controllerPause},
		"another error": {without: 1, then: sarama.ErrOutOfBrokers, want: sarama.ErrOutOfBrokers, after: controllerPause},
		"never":         {without: 1 << 20, want: sarama.ErrControllerNotAvailable, after: controllerWait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, began := 0, time.Now()
				_, err := withController(func() (int, error) {
					if asked++; asked <= c.without {
						return 0, sarama.ErrControllerNotAvailable
					}
					return 1, c.then
				})
				if !errors.Is(err, c.want) || time.Since(began) != c.after {
					t.Errorf("%v after %s", err, time.Since(began))
				}
			})
		})
	}
}
