//go:build servers

package big

import (
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/mysql/binlog/binlogtest"
	"github.com/millrace/millrace/plugins/mysql/server/servertest"
)

const (
	rowBytes     = 2000
	rowsPerEvent = 30 // 60 KB
	texts        = 251
)

// source is a MySQL server whose binlog holds a CREATE TABLE and transactions of any size, which are made while they are
// sent. Everything else is what a connector asks a server before it reads the binlog.
type source struct {
	transactions, each int // rows of each
	texts              []string
	payloads           []*binlogtest.Payload // none for plain transactions
}

func newSource(t *testing.T, megabytes, transactions int, compressed bool) (*source, *servertest.Server) {
	t.Helper()
	s := &source{transactions: transactions, each: megabytes << 20 / transactions / rowBytes / rowsPerEvent * rowsPerEvent}
	for i := range texts {
		var text strings.Builder
		for n := uint32(i); text.Len() < rowBytes-10; n = n*1664525 + 1013904223 {
			fmt.Fprintf(&text, "%08x", n)
		}
		s.texts = append(s.texts, text.String()[:rowBytes-10])
	}
	for n := 0; compressed && n < transactions; n++ {
		payload, err := binlogtest.NewPayload(func(l *binlogtest.Log) { s.fill(l, n) })
		if err != nil {
			t.Fatal(err)
		}
		s.payloads = append(s.payloads, payload)
	}
	if compressed {
		t.Logf("the first transaction, of %d MB, is %d MB compressed", s.payloads[0].Raw()>>20, s.payloads[0].Compressed()>>20)
	}
	return s, servertest.Start(t, servertest.Config{Serve: s.serve})
}

// fill writes a transaction.
func (s *source) fill(l *binlogtest.Log, transaction int) {
	l.Query("", "BEGIN")
	rows := make([]binlogtest.Row, rowsPerEvent)
	for first := 0; first < s.each; first += rowsPerEvent {
		if first%(1000*rowsPerEvent) == 0 { // each statement has one
			l.TableMap(7, "big", "t")
		}
		for i := range rows {
			id := transaction*s.each + first + i + 1
			rows[i] = binlogtest.Row{ID: int32(id), Text: s.texts[(id*7919)%texts]}
		}
		l.Insert(7, rows...)
	}
	l.XID(uint64(transaction + 1))
}

// Commands of a replica.
const (
	comQuery          = 0x03
	comRegisterSlave  = 0x15
	comBinlogDump     = 0x12
	comBinlogDumpGTID = 0x1e
)

func (s *source) serve(c *servertest.Conn) {
	for {
		code, arg, err := c.Command()
		if err != nil {
			return
		}
		switch code {
		case comQuery:
			err = s.answer(c, string(arg))
		case comRegisterSlave:
			err = c.OK()
		case comBinlogDump, comBinlogDumpGTID:
			if s.dump(c) == nil {
				_, _, _ = c.Command() // until the client goes
			}
			return
		default:
			err = c.Error(1047, "08S01", fmt.Sprintf("Unknown command %#x", code))
		}
		if err != nil {
			return
		}
	}
}

var inList = regexp.MustCompile(`'(\w+)'`)

func (s *source) answer(c *servertest.Conn, query string) error {
	switch {
	case strings.HasPrefix(query, "SET "):
		return c.OK()
	case strings.HasPrefix(query, "SHOW GLOBAL VARIABLES"), strings.HasPrefix(query, "SHOW VARIABLES"):
		var rows [][]any
		for _, m := range inList.FindAllStringSubmatch(query, -1) {
			if v, ok := variables()[m[1]]; ok {
				rows = append(rows, []any{m[1], v})
			}
		}
		return c.Rows([]string{"Variable_name", "Value"}, rows...)
	case query == "SHOW GRANTS":
		return c.Rows([]string{"Grants"}, []any{"GRANT ALL PRIVILEGES ON *.* TO `u`@`%`"})
	case query == "SELECT CURRENT_USER()":
		return c.Rows([]string{"CURRENT_USER()"}, []any{"u@%"})
	case strings.HasPrefix(query, "SELECT @@global.gtid_mode"):
		return c.Rows([]string{"mode", "executed", "purged"}, []any{"ON", fmt.Sprintf("%s:1-%d", binlogtest.UUID(1), s.transactions+1), ""})
	case query == "SHOW BINARY LOGS":
		return c.Rows([]string{"Log_name", "File_size"}, []any{"big.000001", "1000"})
	}
	return c.Error(1064, "42000", "this server does not answer: "+query)
}

func variables() map[string]string {
	return map[string]string{
		"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "server_id": "1", "binlog_checksum": "NONE",
		"lower_case_table_names": "0", "sql_mode": "", "character_set_server": "utf8mb4", "collation_server": "utf8mb4_0900_ai_ci",
		"server_uuid": binlogtest.UUID(1),
	}
}

// dump sends the binlog. Events gather in a buffer, as those of a server do.
func (s *source) dump(c *servertest.Conn) (err error) {
	const size = 256 << 10
	var held [][]byte
	held = append(held, rotation())
	flush := func() {
		if err == nil {
			err = c.Write(held...)
		}
		held = held[:0]
	}
	pending := 0
	l := binlogtest.NewStream("big.000001", false, func(event []byte) {
		held = append(held, append([]byte{0}, event...))
		if pending += len(event); pending >= size {
			flush()
			pending = 0
		}
	})
	l.GTID(1, 1)
	l.Query("big", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000) CHARACTER SET latin1)")
	for n := 0; n < s.transactions && err == nil; n++ {
		l.GTID(1, int64(n+2))
		if len(s.payloads) == 0 {
			s.fill(l, n)
		} else if flush(); err == nil {
			err = s.payloads[n].Send(l, func(size int64) io.Writer { return c.Stream(size) })
		}
	}
	flush()
	return err
}

// rotation is the event by which a server says which file it sends.
func rotation() []byte {
	const file = "big.000001"
	b := []byte{0, 0, 0, 0, 0, 4}
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(19+8+len(file)))
	b = append(b, 0, 0, 0, 0, 0x20, 0)
	return append(binary.LittleEndian.AppendUint64(b, 4), file...)
}
