package server

import (
	"errors"
	"net"
)

var (
	errClearText = errors.New("the server asks for the password in clear text")
	errPublicKey = errors.New("the server's public key would have to be asked for")
)

// guard watches what a client says on a connection without TLS while it logs in. A
// server may ask for any authentication plugin, so it, or whoever stands between,
// could ask for the password itself (mysql_clear_password): that is never sent.
// With noKey the client does not ask for the server's public key either
// (allowPublicKeyRetrieval of Connector/J): whoever stands between could send
// another one, and decrypt the password.
type guard struct {
	net.Conn
	password string
	noKey    bool
	writes   int
	refused  error
}

const (
	packetHeader = 4
	// shortestCipher is the length of a password under the shortest RSA key that
	// servers make (1024 bits).
	shortestCipher = 128
)

// Write sends a whole packet, as go-mysql gives it.
func (g *guard) Write(b []byte) (int, error) {
	payload := b[min(packetHeader, len(b)):]
	g.writes++
	switch {
	case g.writes == 1: // the client's part of the handshake
	case g.password != "" && string(payload) == g.password+"\x00":
		g.refused = errClearText
	case g.noKey && (len(payload) == 1 && (payload[0] == 1 || payload[0] == 2) || len(payload) >= shortestCipher):
		g.refused = errPublicKey
	}
	if g.refused != nil {
		return 0, g.refused
	}
	return g.Conn.Write(b)
}
