package binlogtest

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/server/servertest"
)

// Commands that a replica sends.
const (
	comQuery          = 0x03
	comBinlogDump     = 0x12
	comRegisterSlave  = 0x15
	comBinlogDumpGTID = 0x1e
)

// Server serves the dump of binlog files.
type Server struct {
	*servertest.Server
	mu    sync.Mutex
	logs  []*Log
	cuts  []int
	dumps int
	halt  *servertest.Refusal
}

// HaltWith ends dumps at the end of the last file with an error of the server
// instead of waiting for more.
func (s *Server) HaltWith(r servertest.Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt = &r
}

// Replace serves other files to the dumps that follow.
func (s *Server) Replace(logs ...*Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = logs
}

// Serve serves the files, in order, until the end of the test. cuts[i] says
// after how many events, in the middle of the next one, the connection of dump i
// is dropped; dumps beyond them go on to the end of the last file, and then wait.
func Serve(t testing.TB, logs []*Log, cuts ...int) *Server {
	t.Helper()
	s := &Server{logs: logs, cuts: cuts}
	s.Server = servertest.Start(t, servertest.Config{Serve: s.serve})
	return s
}

// Dumps is the number of dumps that have begun.
func (s *Server) Dumps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dumps
}

func (s *Server) serve(c *servertest.Conn) {
	for {
		code, arg, err := c.Command()
		if err != nil {
			return
		}
		switch code {
		case comQuery, comRegisterSlave:
			err = c.OK()
		case comBinlogDump:
			pos := int64(binary.LittleEndian.Uint32(arg))
			s.dump(c, string(arg[10:]), pos, nil)
			return
		case comBinlogDumpGTID:
			n := binary.LittleEndian.Uint32(arg[6:])
			s.dump(c, "", firstPos, decodeSet(arg[10+n+8+4:]))
			return
		default:
			err = c.Error(1047, "08S01", "Unknown command")
		}
		if err != nil {
			return
		}
	}
}

// dump sends the events from pos of a file on, without the transactions in done.
func (s *Server) dump(c *servertest.Conn, file string, pos int64, done map[gtid]bool) {
	s.mu.Lock()
	left := -1
	if s.dumps < len(s.cuts) {
		left = s.cuts[s.dumps]
	}
	s.dumps++
	logs, halt := s.logs, s.halt
	if done != nil {
		file = logs[0].File
	}
	s.mu.Unlock()
	send := func(b []byte) bool {
		packet := append([]byte{0}, b...)
		if left == 0 {
			_ = c.Half(packet)
			return false
		}
		left--
		return c.Write(packet) == nil
	}
	found := false
	for _, l := range logs {
		if found = found || l.File == file; !found {
			continue
		}
		if !s.dumpFile(l, pos, done, send) {
			return
		}
		pos = firstPos
	}
	if !found {
		_ = c.Error(1236, "HY000", "Could not find first log file name in binary log index file")
		return
	}
	if halt != nil {
		_ = c.Error(halt.Code, halt.State, halt.Message)
		return
	}
	_, _, _ = c.Command() // until the client goes
}

func (s *Server) dumpFile(l *Log, pos int64, done map[gtid]bool, send func([]byte) bool) bool {
	rotate := append(binary.LittleEndian.AppendUint64(nil, uint64(pos)), l.File...)
	size := uint32(headerSize + len(rotate))
	if l.checksum {
		size += checksumLen
	}
	if !send(event(typeRotate, 0, l.ServerID, size, 0, flagArtificial, rotate)) {
		return false
	}
	if pos > firstPos { // the format comes first all the same
		body := l.format()
		if !send(event(typeFormatDescription, l.Time, l.ServerID, uint32(headerSize+len(body)+checksumLen), 0, 0, body)) {
			return false
		}
	}
	for _, e := range l.Events {
		if e.Start < pos || done[e.group] {
			continue
		}
		for range max(1, e.times) {
			if !send(e.Bytes) {
				return false
			}
		}
	}
	return true
}

// Heartbeat is the bytes of a heartbeat at the end of a file without checksums.
func Heartbeat(l *Log) []byte {
	return event(typeHeartbeat, 0, l.ServerID, uint32(headerSize+len(l.File)), uint32(l.End()), 0, []byte(l.File))
}

// decodeSet reads a set without tags, transaction by transaction.
func decodeSet(b []byte) map[gtid]bool {
	out := map[gtid]bool{}
	u64 := func() uint64 {
		v := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return v
	}
	for range u64() {
		var g gtid
		copy(g.uuid[:], b)
		b = b[16:]
		for range u64() {
			first, end := u64(), u64()
			for g.n = int64(first); g.n < int64(end); g.n++ {
				out[g] = true
			}
		}
	}
	return out
}

// UUID is the text of the UUID that GTID uses.
func UUID(server byte) string {
	return "00000000-0000-0000-0000-0000000000" + strings.ToLower(string("0123456789ABCDEF"[server>>4])+string("0123456789ABCDEF"[server&15]))
}
