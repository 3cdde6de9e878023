package binlog

import "bytes"

// verb says what a QUERY event does to the transaction.
type verb uint8

const (
	verbOther verb = iota
	verbBegin
	verbCommit
	verbRollback
	verbXAStart
	verbXAOutcome // XA COMMIT or XA ROLLBACK of what was prepared
)

// classify finds out which verb a statement is. The server writes these
// statements itself, always in the same words.
func classify(sql []byte) verb {
	const longest = len("ROLLBACK") + 16
	if len(sql) > longest && !hasPrefixFold(sql, "XA ") && sql[0] > ' ' {
		return verbOther
	}
	s := bytes.TrimSpace(sql)
	switch {
	case equalFold(s, "BEGIN"):
		return verbBegin
	case equalFold(s, "COMMIT"):
		return verbCommit
	case equalFold(s, "ROLLBACK"):
		return verbRollback
	case hasPrefixFold(s, "XA START"), hasPrefixFold(s, "XA BEGIN"):
		return verbXAStart
	case hasPrefixFold(s, "XA COMMIT"), hasPrefixFold(s, "XA ROLLBACK"):
		return verbXAOutcome
	}
	return verbOther
}

func equalFold(b []byte, upper string) bool { return len(b) == len(upper) && hasPrefixFold(b, upper) }

func hasPrefixFold(b []byte, upper string) bool {
	if len(b) < len(upper) {
		return false
	}
	for i := range len(upper) {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
