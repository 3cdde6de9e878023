package distributed

import (
	"log/slog"
	"time"

	"github.com/millrace/millrace/herder/group"
)

// keyPause is how long a leader waits between writes of session keys.
const keyPause = time.Second

func (c *Core) keyChanged(k Key) {
	c.log(slog.LevelInfo, "the session key has changed", "created", k.Created)
	c.key = &k
	if c.cfg.KeyTTL > 0 {
		c.at(k.Created.Add(c.cfg.KeyTTL), func() {}) // progress looks whether it is due
	}
}

// keyProgress has the leader write a session key when there is none, when it is
// too old or when it is not what this worker's settings ask for (KIP-507).
func (c *Core) keyProgress() {
	if c.keyWrite || c.protocol != group.Sessioned || !c.leading() || c.keyGood() {
		return
	}
	c.keyWrite = true
	c.enqueue(&write{
		prepare: func() (Op, error) {
			if !c.leading() {
				return nil, nil
			}
			return PutKey{}, nil
		},
		done: func(err error) {
			if err != nil {
				c.repeated(&c.keyless, slog.LevelWarn, "cannot write a new session key, will retry", err)
			}
			c.at(c.now.Add(keyPause), func() { c.keyWrite = false })
		},
	})
}

// keySize is the size in bytes of the keys that the JDK's KeyGenerator makes for
// an algorithm when none is asked for.
func keySize(algorithm string) int {
	switch algorithm {
	case "HmacMD5", "HmacSHA1", "HmacSHA512":
		return 64
	case "HmacSHA384":
		return 48
	case "HmacSHA224":
		return 28
	}
	return 32
}

func (c *Core) keyGood() bool {
	switch {
	case c.key == nil:
		return false
	case c.cfg.KeyTTL > 0 && !c.key.Created.Add(c.cfg.KeyTTL).After(c.now):
		return false
	}
	return c.key.Algorithm == c.cfg.KeyAlgorithm && len(c.key.Bytes) == c.cfg.KeySize
}
