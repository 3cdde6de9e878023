package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports of peers come from below the range that Linux takes the local ports of outgoing connections from: a port of
// that range may be taken between the choice and the peer's start, or between a kill and a restart.
const firstPort, lastPort = 20000, 32000

// FreePort chooses a port of 127.0.0.1 that nobody listens on.
func FreePort() (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if PortFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("choosing a port: a hundred ports in a row were taken")
}

// PortFree reports whether a server could listen on a port of 127.0.0.1.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", local(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// fill sets every port that is zero to a free one, all different.
func fill(ports ...*int) error {
	taken := make(map[int]bool)
	for _, p := range ports {
		for *p == 0 {
			port, err := FreePort()
			if err != nil {
				return err
			}
			if !taken[port] {
				*p = port
			}
		}
		if taken[*p] {
			return fmt.Errorf("port %d is wanted twice", *p)
		}
		taken[*p] = true
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
