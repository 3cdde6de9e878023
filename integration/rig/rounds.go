package rig

import (
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/integration/peer"
)

// Rounds executes rounds of statements, counted from 1, on a connection of its own and with a pause before each, until
// stop is called. stop returns how many rounds were made; a statement that fails is the last, and fails the test.
func Rounds(t testing.TB, db *peer.Database, pause time.Duration, round func(n int) []string) (stop func() int) {
	t.Helper()
	conn, err := db.Connect()
	check(t, err)
	end, made := make(chan struct{}), make(chan int, 1)
	go func() {
		defer conn.Close()
		n := 0
		for ; ; n++ {
			select {
			case <-end:
				made <- n
				return
			case <-time.After(pause):
			}
			for _, statement := range round(n + 1) {
				if _, err := conn.Execute(statement); err != nil {
					t.Errorf("%s: %v", statement, err)
					made <- n
					return
				}
			}
		}
	}()
	stop = sync.OnceValue(func() int {
		close(end)
		return <-made
	})
	t.Cleanup(func() { stop() })
	return stop
}

// Versions are the columns v of the rows of shop.t, by id.
func Versions(t testing.TB, db *peer.Database) map[int]int {
	t.Helper()
	conn, err := db.Connect()
	check(t, err)
	defer conn.Close()
	rows, err := conn.Execute("SELECT id, v FROM shop.t")
	check(t, err)
	out := make(map[int]int, rows.RowNumber())
	for i := range rows.RowNumber() {
		id, _ := rows.GetInt(i, 0)
		v, _ := rows.GetInt(i, 1)
		out[int(id)] = int(v)
	}
	return out
}
