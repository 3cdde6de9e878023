package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Ports of peers come from below the range that Linux takes the local ports of outgoing connections from: a port of
// that range may be taken between the choice and the peer's start, or between a kill and a restart.
const firstPort, lastPort = 20000, 32000

// FreePort chooses a port of 127.0.0.1 that nobody listens on, and that no other FreePort on this machine chooses while
// this process runs.
func FreePort() (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if reserve(port) == nil {
			return port, nil
		}
	}
	return 0, errors.New("choosing a port: a hundred ports in a row were taken")
}

// reserve binds a socket to a port, never listens on it, and leaves it open until the process ends. The socket may not
// share the port when it is bound, so it fails beside another reservation or a server; it may from then on, so a server
// with SO_REUSEADDR, as all of them are, can listen there, again after each restart too.
func reserve(port int) error {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err != nil {
		return errors.Join(err, syscall.Close(fd))
	}
	return nil
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
		if *p == 0 {
			port, err := FreePort()
			if err != nil {
				return err
			}
			*p = port
		}
		if taken[*p] {
			return fmt.Errorf("port %d is wanted twice", *p)
		}
		taken[*p] = true
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
