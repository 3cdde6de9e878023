package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/millrace/millrace/storage/state"
)

// Protocol is a version of the protocol between workers. A group uses the
// highest that all of its members offer.
type Protocol int16

// The protocols, with the version number that stands on the wire.
const (
	Eager      Protocol = 0 // everything stops for a rebalance
	Compatible Protocol = 1 // incremental cooperative (KIP-415)
	Sessioned  Protocol = 2 // the same, and requests between workers are signed (KIP-507)
)

// ParseProtocol reads the worker property connect.protocol.
func ParseProtocol(s string) (Protocol, error) {
	switch strings.ToLower(s) {
	case "eager":
		return Eager, nil
	case "compatible":
		return Compatible, nil
	case "sessioned":
		return Sessioned, nil
	}
	return 0, fmt.Errorf("connect.protocol: %q is not one of eager, compatible, sessioned", s)
}

// String gives the value of connect.protocol.
func (p Protocol) String() string {
	switch p {
	case Eager:
		return "eager"
	case Compatible:
		return "compatible"
	}
	return "sessioned"
}

// name gives the protocol's name in the group.
func (p Protocol) name() string {
	switch p {
	case Eager:
		return "default"
	case Compatible:
		return "compatible"
	}
	return "sessioned"
}

func protocolNamed(name string) (Protocol, error) {
	for _, p := range []Protocol{Sessioned, Compatible, Eager} {
		if p.name() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("the group chose the unknown protocol %q", name)
}

// Assignment is what the leader tells a member.
type Assignment struct {
	Protocol  Protocol
	Error     int16  // NoError or ConfigMismatch
	Leader    string // member id
	LeaderURL string // ends in /
	// Offset is the position in the config topic that the assignment was made
	// for: that of the last record of data plus one. A member whose own position
	// differs must not start anything.
	Offset   int64
	Assigned Work
	Revoked  Work // not under the eager protocol
	// Delay, if not 0, is when to rejoin: work of a departed member will be
	// handed out then.
	Delay time.Duration
}

// The values of Assignment.Error.
const (
	NoError        int16 = 0
	ConfigMismatch int16 = 1 // the leader has not read as far as others; nothing is assigned
)

// Metadata is what a member tells the leader.
type Metadata struct {
	Protocol Protocol
	URL      string
	Offset   int64
	Current  *Assignment // what the member holds; nil when nothing, and under the eager protocol
}

// offered lists what a worker configured with p can speak, best first, as
// ConnectProtocolCompatibility does.
func (p Protocol) offered() []Protocol {
	all := []Protocol{Sessioned, Compatible, Eager}
	return all[Sessioned-p:]
}

// AppendMetadata appends the wire form of m for its protocol
// (ConnectProtocol, IncrementalCooperativeConnectProtocol).
func AppendMetadata(b []byte, m Metadata) []byte {
	b = appendInt16(b, int16(m.Protocol))
	b = appendString(b, m.URL)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Offset))
	if m.Protocol == Eager {
		return b
	}
	if m.Current == nil {
		return appendInt32(b, -1)
	}
	at := len(b)
	b = appendInt32(b, 0)
	a := *m.Current
	a.Protocol = m.Protocol
	b = AppendAssignment(b, a)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// AppendAssignment appends the wire form of a, whose work is sorted, for its
// protocol.
func AppendAssignment(b []byte, a Assignment) []byte {
	b = appendInt16(b, int16(a.Protocol))
	b = appendInt16(b, a.Error)
	b = appendString(b, a.Leader)
	b = appendString(b, a.LeaderURL)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Offset))
	b = appendWork(b, a.Assigned)
	if a.Protocol == Eager {
		return b
	}
	b = appendWork(b, a.Revoked)
	return appendInt32(b, int32(min(a.Delay.Milliseconds(), math.MaxInt32)))
}

// connectorItself stands among the tasks of a connector for the connector.
const connectorItself = -1

// appendWork groups sorted work by connector.
func appendWork(b []byte, w Work) []byte {
	count := len(b)
	b = appendInt32(b, 0)
	groups, cs, ts := 0, w.Connectors, w.Tasks
	for ; len(cs) > 0 || len(ts) > 0; groups++ {
		var name string
		if len(ts) == 0 || len(cs) > 0 && cs[0] <= ts[0].Connector {
			name = cs[0]
		} else {
			name = ts[0].Connector
		}
		b = appendString(b, name)
		n := len(b)
		b = appendInt32(b, 0)
		if len(cs) > 0 && cs[0] == name {
			b = appendInt32(b, connectorItself)
			cs = cs[1:]
		}
		for len(ts) > 0 && ts[0].Connector == name {
			b = appendInt32(b, int32(ts[0].Task))
			ts = ts[1:]
		}
		binary.BigEndian.PutUint32(b[n:], uint32((len(b)-n)/4-1))
	}
	binary.BigEndian.PutUint32(b[count:], uint32(groups))
	return b
}

func appendInt16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func appendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendString(b []byte, s string) []byte {
	return append(appendInt16(b, int16(len(s))), s...)
}

// DecodeMetadata reads a member's metadata. Versions after ours are read as
// ours, as Java does.
func DecodeMetadata(b []byte) (Metadata, error) {
	r := reader{b: b}
	v := r.int16()
	m := Metadata{Protocol: known(v), URL: r.string(), Offset: r.int64()}
	if v < 0 {
		return m, fmt.Errorf("member metadata: unsupported version %d", v)
	}
	if m.Protocol != Eager && r.err == nil && len(r.b) > 0 {
		if held := r.bytes(); held != nil && r.err == nil {
			a, err := DecodeAssignment(held)
			if err != nil {
				return m, fmt.Errorf("member metadata: held work: %w", err)
			}
			m.Current = &a
		}
	}
	if r.err != nil {
		return m, fmt.Errorf("member metadata: %w", r.err)
	}
	return m, nil
}

// DecodeAssignment reads an assignment. Fields missing at its end have their
// defaults, as Java allows.
func DecodeAssignment(b []byte) (Assignment, error) {
	r := reader{b: b}
	v := r.int16()
	a := Assignment{Protocol: known(v), Error: r.int16(), Leader: r.string(), LeaderURL: r.string(), Offset: r.int64()}
	if r.err == nil && len(r.b) > 0 {
		a.Assigned = r.work()
	}
	if r.err == nil && len(r.b) > 0 {
		a.Revoked = r.work()
	}
	if r.err == nil && len(r.b) > 0 {
		a.Delay = time.Duration(r.int32()) * time.Millisecond
	}
	switch {
	case v < 0:
		return a, fmt.Errorf("assignment: unsupported version %d", v)
	case r.err != nil:
		return a, fmt.Errorf("assignment: %w", r.err)
	case a.Delay < 0:
		return a, fmt.Errorf("assignment: negative delay %v", a.Delay)
	}
	return a, nil
}

func known(version int16) Protocol { return Protocol(min(max(version, 0), int16(Sessioned))) }

var errShort = errors.New("it ends too early")

// reader takes values from the front of b; after an error it yields zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = errShort
		}
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) string() string { return string(r.take(int(r.int16()))) }

// bytes reads nullable bytes; nil is null.
func (r *reader) bytes() []byte {
	n := r.int32()
	if n == -1 {
		return nil
	}
	return r.take(int(n))
}

// work reads a nullable list of connectors with their tasks.
func (r *reader) work() Work {
	var w Work
	for n := r.int32(); n > 0 && r.err == nil; n-- {
		c := r.string()
		for m := r.int32(); m > 0 && r.err == nil; m-- {
			switch t := r.int32(); {
			case r.err != nil:
			case t == connectorItself:
				w.Connectors = append(w.Connectors, c)
			case t < 0:
				r.err = fmt.Errorf("task %d of connector %q", t, c)
			default:
				w.Tasks = append(w.Tasks, state.TaskID{Connector: c, Task: int(t)})
			}
		}
	}
	return w.Sorted()
}
