package peer

import (
	"net"
	"testing"
)

// A port that was chosen is nobody else's choice, and a server may listen there as often as it likes.
func TestChosenPortIsReserved(t *testing.T) {
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if reserve(port) == nil {
			t.Errorf("port %d was chosen twice", port)
		}
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			t.Fatal(err)
		}
		if PortFree(port) {
			t.Error("a port with a server counts as free")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if !PortFree(port) {
		t.Error("a port without a server does not count as free")
	}
}
